/** Tags, versions and digests of one OCI repository: plain artifacts, and Helm charts. */
import type { Commit, Tree } from "../../source.ts";
import { SourceError } from "../../source-error.ts";
import { parseVersion, parseVersionConstraint, parseVersionRange } from "../../version-range.ts";
import type { ArtifactHttp } from "../artifact-http.ts";
import type { Publisher } from "../artifact-source.ts";
import { type ArtifactStore, DEFAULT_ARTIFACT_LIMITS } from "../artifact-store.ts";
import { parseManifest, selectLayer, selectManifest } from "./oci-manifest.ts";
import type { OciRepository } from "./oci-url.ts";
import { type ManifestAnswer, type RegistryClient, TAG } from "./registry-client.ts";

export interface OciPublisherOptions {
  readonly http: ArtifactHttp;
  readonly client: RegistryClient;
  readonly repository: OciRepository;
  readonly store: ArtifactStore;
  /** Whether it must be a Helm chart; versions are then read as Helm reads them. */
  readonly isChart: boolean;
}

/** An index may hold an index; more is a riddle. */
const MAX_INDEX_DEPTH = 2;
/** Names of digests that are shown as `name:tag`. */
const MAX_TAGS_REMEMBERED = 1000;

export class OciPublisher implements Publisher {
  readonly #options: OciPublisherOptions;
  /** Under which tag a digest was found. */
  readonly #tagOf = new Map<string, string>();

  constructor(options: OciPublisherOptions) {
    this.#options = options;
  }

  async lookup(revision: string, signal: AbortSignal): Promise<string> {
    const tag = await this.#tag(revision, signal);
    const { client } = this.#options;
    const digest =
      (await client.digestOf(tag, signal)) ?? (await client.manifest(tag, signal)).digest;
    this.#tagOf.set(digest, tag);
    const [oldest] = this.#tagOf.keys();
    if (this.#tagOf.size > MAX_TAGS_REMEMBERED && oldest !== undefined) this.#tagOf.delete(oldest);
    return digest;
  }

  async #tag(revision: string, signal: AbortSignal): Promise<string> {
    const { isChart, client, repository } = this.#options;
    const isDefault = revision === "" || revision === "HEAD";
    if (isDefault && !isChart) return "latest";
    const range = isChart ? chartRange(isDefault ? "*" : revision) : parseVersionRange(revision);
    if (range === undefined) return this.#checkedTag(revision.replaceAll("+", "_"));
    // Tags cannot hold the + of build metadata; Helm writes _ instead.
    const best = range.best((await client.tags(signal)).map((tag) => tag.replaceAll("_", "+")));
    if (best !== undefined) return best.replaceAll("+", "_");
    throw new SourceError("revision-not-found", {
      what: `no tag is in the range ${JSON.stringify(revision)}`,
      where: repository.url,
      advice: "Widen the range; pre-releases are found only by ranges that name one (>=1.0.0-0).",
    });
  }

  #checkedTag(tag: string): string {
    if (TAG.test(tag)) return tag;
    throw new SourceError("revision-not-found", {
      what: `${JSON.stringify(tag.slice(0, 100))} is neither a tag, a range of versions nor a sha256 digest`,
      where: this.#options.repository.url,
      advice: "Correct targetRevision.",
    });
  }

  async read(digest: string, signal: AbortSignal): Promise<Commit> {
    const { client, repository, isChart } = this.#options;
    const { annotations, manifest } = await this.#artifact(
      await client.manifest(digest, signal),
      signal,
    );
    const { layer, layout } = selectLayer(manifest.layers, isChart, repository.url);
    const tree = await this.#tree(layer.digest, layout);
    const tag = this.#tagOf.get(digest) ?? annotations[`${OCI}version`];
    const origin = annotations[`${OCI}revision`];
    const name = repository.name.split("/").at(-1) ?? repository.name;
    const createdMs = Date.parse(annotations[`${OCI}created`] ?? "");
    return {
      id: digest,
      author: { name: annotations[`${OCI}authors`] ?? "", email: "" },
      dateMs: Number.isNaN(createdMs) ? 0 : createdMs,
      subject: `${name}:${tag ?? digest}${origin === undefined ? "" : ` (${origin})`}`,
      parents: [],
      tree,
    };
  }

  async #artifact(answer: ManifestAnswer, signal: AbortSignal) {
    const { client, repository } = this.#options;
    let annotations: Readonly<Record<string, string>> = {};
    let { bytes, mediaType } = answer;
    for (let depth = 0; depth <= MAX_INDEX_DEPTH; depth++) {
      const manifest = parseManifest(bytes, mediaType, repository.url);
      annotations = { ...annotations, ...manifest.annotations };
      if (manifest.kind === "artifact") return { annotations, manifest };
      const { digest } = selectManifest(manifest.manifests, repository.url);
      ({ bytes, mediaType } = await client.manifest(digest, signal));
    }
    throw new SourceError("unsupported", {
      what: "its indexes are nested too deeply",
      where: repository.url,
      advice: "Publish it as a manifest or as one index.",
    });
  }

  /** Downloaded again if it is gone from the store, by whoever reads the tree then. */
  #tree(digest: string, layout: "plain" | "chart"): Promise<Tree> {
    const { client, repository, store } = this.#options;
    const maxBytes = DEFAULT_ARTIFACT_LIMITS.maxArchiveBytes;
    return store.tree({
      digest,
      layout,
      where: repository.url,
      download: () => client.blob(digest, maxBytes, AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS)),
    });
  }

  close(): Promise<void> {
    return this.#options.http.close();
  }
}

const OCI = "org.opencontainers.image.";
/** The largest archive at 1 MB/s. */
const DOWNLOAD_TIMEOUT_MS = 60_000;

/** A full version of a chart is its tag, anything shorter a range. */
function chartRange(revision: string) {
  const isExact = /^v?\d+\.\d+\.\d+/.test(revision) && parseVersion(revision) !== undefined;
  return isExact ? undefined : parseVersionConstraint(revision);
}
