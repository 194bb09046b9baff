/** Opens OCI repositories and Helm repositories as sources. One per process: it owns what they share. */
import { join } from "node:path";
import type { Clock } from "../../../client/clock.ts";
import type { CredentialProvider, Source } from "../source.ts";
import { ArtifactHttp } from "./artifact-http.ts";
import type { HttpAgentLimits } from "../wire/http-agent.ts";
import { ArtifactSource } from "./artifact-source.ts";
import { ArtifactStore, type ArtifactStoreLimits } from "./artifact-store.ts";
import { HelmPublisher } from "./helm/helm-publisher.ts";
import { HelmRepository } from "./helm/helm-repository.ts";
import { OciPublisher } from "./oci/oci-publisher.ts";
import { parseOciUrl } from "./oci/oci-url.ts";
import { RegistryAuth } from "./oci/registry-auth.ts";
import { RegistryClient } from "./oci/registry-client.ts";

export interface ArtifactsOptions {
  /** Archives are kept in `<dataDir>/artifacts/`. */
  readonly dataDir: string;
  readonly clock: Clock;
  readonly limits?: Partial<ArtifactStoreLimits>;
  readonly timeouts?: Partial<HttpAgentLimits>;
}

export interface OciRequest {
  /** `oci://registry/repository` */
  readonly repoURL: string;
  /** A Helm chart below it. */
  readonly chart?: string;
  readonly credentials?: CredentialProvider;
}

export interface HelmRequest {
  /** http(s), without credentials and trailing slash. */
  readonly url: string;
  readonly chart: string;
  readonly credentials?: CredentialProvider;
}

export class Artifacts {
  readonly #options: ArtifactsOptions;
  readonly #store: ArtifactStore;
  /** Those in use, by URL and credential. */
  readonly #repositories = new Map<string, HelmRepository>();

  constructor(options: ArtifactsOptions) {
    this.#options = options;
    this.#store = new ArtifactStore(join(options.dataDir, "artifacts"), options.limits);
  }

  /** @throws SourceError `bad-url` */
  openOci({ repoURL, chart, credentials }: OciRequest): Source {
    const { clock } = this.#options;
    const repository = parseOciUrl(repoURL, chart, credentials?.connection);
    const http = this.#http(repository.origin, credentials);
    const auth = new RegistryAuth({
      http,
      origin: repository.origin,
      scope: `repository:${repository.name}:pull`,
      where: repository.url,
      now: () => clock.now(),
      ...(credentials !== undefined && { credentials }),
    });
    const client = new RegistryClient(http, repository, auth);
    const publisher = new OciPublisher({
      http,
      client,
      repository,
      store: this.#store,
      isChart: chart !== undefined,
    });
    return new ArtifactSource({ kind: "oci", where: repository.url, clock, publisher });
  }

  openHelm({ url, chart, credentials }: HelmRequest): Source {
    const key = JSON.stringify([url, credentials?.id ?? null]);
    let repository = this.#repositories.get(key);
    if (repository === undefined) {
      repository = new HelmRepository({
        url,
        passCredentials: credentials?.connection?.passCredentials === true,
        http: this.#http(url, credentials),
        ...(credentials !== undefined && { credentials }),
      });
      this.#repositories.set(key, repository);
    }
    const shared = repository;
    shared.follow(chart);
    const publisher = new HelmPublisher({
      repository: shared,
      chart,
      store: this.#store,
      onClose: async () => {
        const left = shared.leave(chart);
        if (shared.isUnused && this.#repositories.get(key) === shared)
          this.#repositories.delete(key);
        await left;
      },
    });
    return new ArtifactSource({ kind: "helm", where: url, clock: this.#options.clock, publisher });
  }

  #http(url: string, credentials: CredentialProvider | undefined): ArtifactHttp {
    const { clock, timeouts } = this.#options;
    return new ArtifactHttp({
      url,
      clock,
      ...(credentials?.connection !== undefined && { connection: credentials.connection }),
      ...(timeouts !== undefined && { timeouts }),
    });
  }
}
