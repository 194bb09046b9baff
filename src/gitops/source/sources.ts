/**
 * Opens sources and shares them: however many Applications use a repository, it is fetched, cached
 * and watched once.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { type Clock, systemClock } from "../../client/clock.ts";
import {
  ensureRepository,
  internalUrl,
  parseInternalUrl,
  type RepositoryId,
} from "../push/internal-repository.ts";
import type { Artifacts } from "./artifacts/artifacts.ts";
import { chartRegistryUrl, isOciUrl } from "./artifacts/oci/oci-url.ts";
import { FolderSource } from "./folder.ts";
import { findGitDirs, GitLocalSource } from "./git-local.ts";
import type { GitRemoteLimits } from "./git-remote.ts";
import { parseRepositoryUrl, redactUrl } from "./repo-url.ts";
import type { CredentialProvider, Source } from "./source.ts";
import type { StageObserver } from "../report/stage-metrics.ts";
import { SourceError } from "./source-error.ts";

export interface SourcesOptions {
  /** Caches of remote repositories live in `<dataDir>/git/`. */
  readonly dataDir: string;
  readonly clock?: Clock;
  readonly limits?: GitRemoteLimits;
  /** Whether the git binary may be used for reading. @default whether there is one */
  readonly gitBinary?: boolean;
  /**
   * Which paths of this machine may be used as repositories. Where Applications come from people
   * who may not read this machine's disk, say no.
   * @default every path
   */
  readonly allowLocalPath?: (path: string) => boolean;
  /**
   * Where the repositories are that Gantry keeps, for who does not keep them.
   * @default below the data directory
   */
  readonly internal?: (repository: RepositoryId) => SourceSpec;
  /** Is told of every fetch. */
  readonly observer?: StageObserver;
}

export interface SourceSpec {
  /** http(s), ssh or oci URL, or a path: bare repository, work tree or plain folder. */
  readonly repoURL: string;
  /** Of a Helm repository or registry: which chart. */
  readonly chart?: string;
  /** With how the server is reached. */
  readonly credentials?: CredentialProvider;
  /** PEM certificates that are trusted besides the system's. */
  readonly ca?: string;
}

interface Shared {
  readonly opening: Promise<Source>;
  users: number;
}

export class Sources {
  readonly #options: SourcesOptions;
  readonly #shared = new Map<string, Shared>();
  /** Sources that are ending: their cache directory is not free yet. */
  readonly #ending = new Map<string, Promise<void>>();
  #artifacts: Promise<Artifacts> | undefined;
  #stopped = false;

  constructor(options: SourcesOptions) {
    this.#options = options;
  }

  /**
   * The source of a repository. Every opening needs its own `close`; the last one ends the source.
   * @throws SourceError for URLs and paths that cannot be used
   */
  async open(spec: SourceSpec): Promise<Source> {
    if (this.#stopped) throw stopped(spec);
    const { key, create } = this.#plan(spec);
    let shared = this.#shared.get(key);
    if (shared === undefined) {
      const ended = this.#ending.get(key);
      shared = { opening: ended === undefined ? create() : ended.then(create), users: 0 };
      this.#shared.set(key, shared);
    }
    shared.users++;
    try {
      return this.#lend(key, shared, await shared.opening);
    } catch (error) {
      if (this.#shared.get(key) === shared) this.#shared.delete(key);
      throw error;
    }
  }

  #plan(spec: SourceSpec): { key: string; create: () => Promise<Source> } {
    const own = parseInternalUrl(spec.repoURL);
    if (own !== undefined && this.#options.internal !== undefined)
      return this.#plan(this.#options.internal(own));
    if (own !== undefined) return { key: internalUrl(own), create: () => this.#openInternal(own) };
    if (isOciUrl(spec.repoURL)) return this.#planOci(spec);
    const registry = spec.chart === undefined ? undefined : chartRegistryUrl(spec.repoURL);
    if (registry !== undefined) return this.#planOci({ ...spec, repoURL: registry });
    const location = parseRepositoryUrl(spec.repoURL);
    if (spec.chart !== undefined && (location.kind === "local" || location.ssh !== undefined))
      throw noChartsThere(location.kind === "local" ? location.path : location.url);
    if (location.kind === "local")
      return { key: location.path, create: () => this.#openLocal(location.path) };
    const { url, userinfo, ssh } = location;
    const configured =
      spec.credentials ?? (userinfo === undefined ? undefined : fromUserinfo(userinfo));
    const credentials = spec.ca === undefined ? configured : withCa(configured, spec.ca);
    const key = cacheKey(url, credentials?.id, spec.ca);
    const { chart } = spec;
    if (chart !== undefined) {
      const request = { url, chart, ...(credentials !== undefined && { credentials }) };
      return {
        key: `${key}#${chart}`,
        create: async () => (await this.#loadArtifacts()).openHelm(request),
      };
    }
    const { clock, limits, gitBinary, observer } = this.#options;
    const create = async (): Promise<Source> => {
      // With an HTTP client of its own, which a server without remote repositories does not need.
      const { GitRemoteSource } = await import("./git-remote.ts");
      return GitRemoteSource.open({
        url,
        cacheDir: join(this.#options.dataDir, "git", key),
        ...(ssh !== undefined && { ssh }),
        ...(credentials !== undefined && { credentials }),
        ...(clock !== undefined && { clock }),
        ...(limits !== undefined && { limits }),
        ...(gitBinary !== undefined && { gitBinary }),
        ...(observer !== undefined && { observer }),
      });
    };
    return { key, create };
  }

  #planOci({ repoURL, chart, credentials: configured, ca }: SourceSpec): {
    key: string;
    create: () => Promise<Source>;
  } {
    const credentials = ca === undefined ? configured : withCa(configured, ca);
    const key = `${cacheKey(repoURL, credentials?.id, ca)}#${chart ?? ""}`;
    const request = {
      repoURL,
      ...(chart !== undefined && { chart }),
      ...(credentials !== undefined && { credentials }),
    };
    return { key, create: async () => (await this.#loadArtifacts()).openOci(request) };
  }

  #loadArtifacts(): Promise<Artifacts> {
    const { dataDir, clock = systemClock } = this.#options;
    this.#artifacts ??= import("./artifacts/artifacts.ts").then(
      (loaded) => new loaded.Artifacts({ dataDir, clock }),
    );
    return this.#artifacts;
  }

  /** A repository that is pushed to; empty until somebody does. */
  async #openInternal(id: RepositoryId): Promise<Source> {
    const gitDir = await ensureRepository(this.#options.dataDir, id);
    const { gitBinary } = this.#options;
    return GitLocalSource.open({
      path: internalUrl(id),
      dirs: { gitDir, commonDir: gitDir },
      ...(gitBinary !== undefined && { gitBinary }),
    });
  }

  async #openLocal(path: string): Promise<Source> {
    if (this.#options.allowLocalPath?.(path) === false)
      throw new SourceError("scheme-not-allowed", {
        what: "paths of this machine may not be used as repositories here",
        where: path,
        advice: "Use an https:// or ssh:// URL.",
      });
    const dirs = await findGitDirs(path);
    if (dirs === undefined)
      return new FolderSource({ path, clock: this.#options.clock ?? systemClock });
    const { gitBinary } = this.#options;
    return GitLocalSource.open({ path, dirs, ...(gitBinary !== undefined && { gitBinary }) });
  }

  /** A user's view of a shared source: closing it gives back this user's share only. */
  #lend(key: string, shared: Shared, source: Source): Source {
    const subscriptions = new Set<() => void>();
    let closed = false;
    return {
      kind: source.kind,
      where: source.where,
      resolve: (revision, options) => source.resolve(revision, options),
      history: (commitId, limit, options) => source.history(commitId, limit, options),
      onChange: (listener) => {
        const unsubscribe = source.onChange(listener);
        subscriptions.add(unsubscribe);
        return () => {
          subscriptions.delete(unsubscribe);
          unsubscribe();
        };
      },
      close: async () => {
        if (closed) return;
        closed = true;
        for (const unsubscribe of subscriptions) unsubscribe();
        if (--shared.users > 0) return;
        if (this.#shared.get(key) === shared) this.#shared.delete(key);
        const ending = source.close().finally(() => this.#ending.delete(key));
        this.#ending.set(key, ending);
        await ending;
      },
    };
  }

  /** Closes every source, whoever still uses it. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const open = [...this.#shared.values()];
    this.#shared.clear();
    for (const { opening } of open) await (await opening.catch(() => undefined))?.close();
    await Promise.all(this.#ending.values());
  }
}

/** Users of the same repository share it only when they present the same credential. */
function cacheKey(url: string, credentialId: string | undefined, ca: string | undefined): string {
  return createHash("sha256")
    .update(JSON.stringify([url, credentialId ?? null, ca ?? null]))
    .digest("hex")
    .slice(0, 32);
}

function noChartsThere(where: string): SourceError {
  return new SourceError("bad-url", {
    what: "a chart is named, but this is neither a Helm repository nor a registry",
    where,
    advice: "Write the https:// or oci:// URL of the repository, or path instead of chart.",
  });
}

function withCa(provider: CredentialProvider | undefined, ca: string): CredentialProvider {
  return {
    id: provider?.id ?? "none",
    connection: { ca, ...provider?.connection },
    get: async (signal) => provider?.get(signal),
  };
}

function fromUserinfo(userinfo: { username: string; password: string }): CredentialProvider {
  const { username, password } = userinfo;
  // The id must not reveal the password, but differ when it differs.
  const id = createHash("sha256")
    .update(JSON.stringify([username, password]))
    .digest("hex");
  return { id: `url/${id}`, get: () => Promise.resolve({ kind: "basic", username, password }) };
}

function stopped(spec: SourceSpec): SourceError {
  return new SourceError("aborted", {
    what: "the operator is stopping",
    where: redactUrl(spec.repoURL),
    advice: "Start it again.",
  });
}
