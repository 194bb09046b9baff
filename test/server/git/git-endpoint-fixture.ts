/** The git endpoint before an API server, without the rest: what is pushed is checked, not deployed. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "../../../src/client/client.ts";
import { systemClock } from "../../../src/client/clock.ts";
import { type Logger, silentLogger } from "../../../src/client/logger.ts";
import { internalUrl, repositoryDirectory } from "../../../src/gitops/push/internal-repository.ts";
import { PushGate } from "../../../src/gitops/push/push-gate.ts";
import { ensurePushToken } from "../../../src/gitops/push/push-token.ts";
import { ApplicationRenderer } from "../../../src/gitops/application-renderer.ts";
import { type Application, mainSource } from "../../../src/kube/kinds/application.ts";
import {
  type GitEndpoint,
  type GitEndpointOptions,
  startGitEndpoint,
} from "../../../src/server/git/git-endpoint.ts";
import { startWebListener, type WebListener } from "../../../src/server/web-listener.ts";
import { startServer, type TestServer } from "../../engine/apiserver/test-server.ts";
import { GitClone } from "./git-clone.ts";
import { gitIn } from "./git-in.ts";

export const SHOP = { namespace: "default", name: "shop" };

export class GitEndpointFixture {
  /** Those that follow; at first `default/shop`, the branch `main`, not synced automatically. */
  applications: Application[] = [application("shop")];
  readonly refreshed: string[] = [];
  /** What is the server's fault. */
  readonly faults: unknown[] = [];
  readonly directory = mkdtempSync(join(tmpdir(), "gantry-git-"));
  readonly dataDir = join(this.directory, "data");
  readonly api: TestServer;
  readonly token: string;
  readonly renderer = new ApplicationRenderer();
  readonly #options: Partial<GitEndpointOptions>;
  #endpoint: GitEndpoint | undefined;
  #listener: WebListener | undefined;

  private constructor(api: TestServer, token: string, options: Partial<GitEndpointOptions>) {
    this.api = api;
    this.token = token;
    this.#options = options;
  }

  static async start(options: Partial<GitEndpointOptions> = {}): Promise<GitEndpointFixture> {
    const api = await startServer();
    const fixture = new GitEndpointFixture(api, await ensurePushToken(api.client, SHOP), options);
    await fixture.listen();
    return fixture;
  }

  get client(): Client {
    return this.api.client;
  }

  async listen(options: Partial<GitEndpointOptions> = {}): Promise<void> {
    const logger: Logger = {
      ...silentLogger,
      error: (fields) => void this.faults.push(fields),
    };
    this.#endpoint = await startGitEndpoint({
      dataDir: this.dataDir,
      client: this.client,
      clock: systemClock,
      logger,
      gate: new PushGate({
        client: this.client,
        clock: systemClock,
        applications: () => this.applications,
        refresh: (keys) => this.refreshed.push(...keys),
        knownAs: () => Promise.resolve(undefined),
        render: (application, { commit }, signal) => {
          const source = mainSource(application.spec);
          return this.renderer.render(application, [{ source, commit }], signal);
        },
      }),
      ...this.#options,
      ...options,
    });
    const folder = { prefix: "/git/", handle: this.#endpoint.handle, requestTimeoutMs: 60_000 };
    const address = { host: "127.0.0.1", port: 0 };
    this.#listener = await startWebListener(address, new Map(), logger, undefined, [folder]);
  }

  /** Stops as a server does. */
  async close(): Promise<void> {
    await this.#endpoint?.stop();
    await this.#listener?.close();
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#listener?.port ?? 0}`;
  }
  url(path = "shop.git", token = this.token): string {
    return `${this.origin.replace("://", `://git:${token}@`)}/git/${path}`;
  }
  get repository(): string {
    return repositoryDirectory(this.dataDir, SHOP);
  }
  clone(name = "clone"): Promise<GitClone> {
    return GitClone.create(join(this.directory, name), this.url());
  }

  /** What a ref of the server's repository is; empty: there is none. */
  async ref(name = "refs/heads/main"): Promise<string> {
    return (await gitIn(this.repository, ["rev-parse", "--verify", "-q", name])).stdout.trim();
  }
  fsck(): ReturnType<typeof gitIn> {
    return gitIn(this.repository, ["fsck", "--full", "--strict"]);
  }

  async stop(): Promise<void> {
    await this.close();
    await this.api.server.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export function application(name: string, spec: Partial<Application["spec"]> = {}): Application {
  return {
    apiVersion: "gantry.dev/v1",
    kind: "Application",
    metadata: { namespace: "default", name },
    spec: {
      source: { repoURL: internalUrl(SHOP), targetRevision: "main" },
      destination: { namespace: "default" },
      ...spec,
    },
  };
}
