/** The versions of one chart of a Helm repository. Provenance files (`.prov`) are not read. */
import type { Commit } from "../../source.ts";
import { SourceError } from "../../source-error.ts";
import type { Publisher } from "../artifact-source.ts";
import { type ArtifactStore, DEFAULT_ARTIFACT_LIMITS } from "../artifact-store.ts";
import { type ChartVersion, selectVersion } from "./chart-versions.ts";
import type { HelmRepository } from "./helm-repository.ts";

export interface HelmPublisherOptions {
  readonly repository: HelmRepository;
  readonly chart: string;
  readonly store: ArtifactStore;
  /** Called once, when the source ends. */
  readonly onClose: () => Promise<void>;
}

/** The largest archive at 1 MB/s. */
const DOWNLOAD_TIMEOUT_MS = 60_000;
/** Versions that an index names without a digest, by the digest that they turned out to have. */
const MAX_FOUND = 1000;

export class HelmPublisher implements Publisher {
  readonly #options: HelmPublisherOptions;
  readonly #found = new Map<string, ChartVersion>();

  constructor(options: HelmPublisherOptions) {
    this.#options = options;
  }

  async lookup(revision: string, signal: AbortSignal): Promise<string> {
    const { repository, chart } = this.#options;
    const found = selectVersion(await repository.versions(chart), revision);
    if (found === undefined)
      throw new SourceError("revision-not-found", {
        what: `the chart ${chart} has no version ${JSON.stringify(revision.slice(0, 100))}`,
        where: repository.url,
        advice:
          "Correct targetRevision; pre-releases are found only by ranges that name one (>=1.0.0-0).",
      });
    return found.digest ?? this.#digestOf(found, signal);
  }

  /** An index that is not Helm's may leave out digests: the archive itself tells. */
  async #digestOf(version: ChartVersion, signal: AbortSignal): Promise<string> {
    const { repository, store } = this.#options;
    for (const [digest, known] of this.#found)
      if (known.url === version.url && known.version === version.version) return digest;
    const { maxArchiveBytes } = DEFAULT_ARTIFACT_LIMITS;
    const chunks = await repository.archive(version, maxArchiveBytes, signal);
    const digest = await store.put(chunks, repository.url);
    this.#found.set(digest, version);
    const [oldest] = this.#found.keys();
    if (this.#found.size > MAX_FOUND && oldest !== undefined) this.#found.delete(oldest);
    return digest;
  }

  async read(digest: string): Promise<Commit> {
    const { repository, chart, store } = this.#options;
    const version = await this.#versionOf(digest);
    const { maxArchiveBytes } = DEFAULT_ARTIFACT_LIMITS;
    const tree = await store.tree({
      digest,
      layout: "chart",
      where: repository.url,
      download: () =>
        repository.archive(version, maxArchiveBytes, AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS)),
    });
    return {
      id: digest,
      author: { name: "", email: "" },
      dateMs: version.createdMs,
      subject: `${chart}:${version.version}`,
      parents: [],
      tree,
    };
  }

  async #versionOf(digest: string): Promise<ChartVersion> {
    const { repository, chart } = this.#options;
    const known = this.#found.get(digest);
    if (known !== undefined) return known;
    const listed = (versions: readonly ChartVersion[]): ChartVersion | undefined =>
      versions.find((version) => version.digest === digest);
    const found = listed(repository.known(chart)) ?? listed(await repository.versions(chart));
    if (found !== undefined) return found;
    throw new SourceError("revision-not-found", {
      what: `the chart ${chart} has no version with the digest ${digest}`,
      where: repository.url,
      advice: "It was taken out of the repository: choose a version that is there.",
    });
  }

  close(): Promise<void> {
    return this.#options.onClose();
  }
}
