/**
 * A repository on a Git server, over HTTP(S) or SSH. Refs are asked for once for everybody; a
 * commit that is missing is fetched without history into a bare cache on disk, and read from there.
 */
import { type Clock, systemClock } from "../../client/clock.ts";
import { CatFileObjects } from "./cat-file-objects.ts";
import { ChangeListeners } from "./change-listeners.ts";
import { completePack } from "./complete-pack.ts";
import { hasGitBinary } from "./git-program.ts";
import { type GitObjectReader, OBJECT_ID } from "./git-objects.ts";
import { GitRepository } from "./git-repository.ts";
import { gitIndexer, isomorphicIndexer, type PackIndexer } from "./index-pack.ts";
import { IsomorphicObjects } from "./isomorphic-objects.ts";
import { checkPack, DEFAULT_PACK_LIMITS, PackError, type PackLimits } from "./pack-check.ts";
import { type ResolvedRef, revisionNotFound } from "./ref-name.ts";
import { MAX_PACKS, RemoteCache } from "./remote-cache.ts";
import { RemoteRefs } from "./remote-refs.ts";
import type { SshAddress } from "./repo-url.ts";
import type { Commit, CommitInfo, CredentialProvider, ResolveOptions, Source } from "./source.ts";
import { abortedError, SourceError } from "./source-error.ts";
import { waitFor } from "./wait-for.ts";
import { GitSsh } from "./ssh/git-ssh.ts";
import { GitHttp } from "./wire/git-http.ts";
import {
  DEFAULT_TRANSPORT_LIMITS,
  type GitTransport,
  type TransportLimits,
} from "./wire/git-transport.ts";
import { observed, type StageObserver } from "../report/stage-metrics.ts";
import { timeoutError } from "./wire/http-problems.ts";
import { type PackAnswer, UploadPack } from "./wire/upload-pack.ts";

/** Refs answer in a second; a server that trickles them is as good as down. */
const REFS_TIMEOUT_MS = 30_000;
/** A first fetch of a large monorepo over a slow line. */
const FETCH_TIMEOUT_MS = 300_000;
/** Commits fetched beyond those asked for, so that paging through history is not a fetch a page. */
const HISTORY_SLACK = 50;
/** How far known history is looked through for its end; deeper caches fetch as if they were empty. */
const MAX_KNOWN_COMMITS = 5_000;
/** What git itself sends for "all of it". */
const INFINITE_DEPTH = 0x7fffffff;

export interface GitRemoteLimits {
  readonly http?: Partial<TransportLimits>;
  readonly pack?: Partial<PackLimits>;
  readonly refsTimeoutMs?: number;
  readonly fetchTimeoutMs?: number;
}

export interface GitRemoteOptions {
  /** Without userinfo; see `parseRepositoryUrl`. */
  readonly url: string;
  /** For ssh URLs. */
  readonly ssh?: SshAddress;
  /** Directory of the bare cache; made when missing. */
  readonly cacheDir: string;
  readonly credentials?: CredentialProvider;
  readonly clock?: Clock;
  readonly limits?: GitRemoteLimits;
  /** Whether the git binary may be used for indexing and reading. @default whether there is one */
  readonly gitBinary?: boolean;
  readonly observer?: StageObserver;
}

/** What is wanted of a fetch; more depth only for history. */
interface Want {
  readonly id: string;
  readonly ref: string | undefined;
  readonly depth: number;
}

export class GitRemoteSource implements Source {
  readonly kind = "git-remote";
  readonly where: string;
  readonly #options: GitRemoteOptions;
  readonly #clock: Clock;
  readonly #transport: GitTransport;
  readonly #uploadPack: UploadPack;
  readonly #cache: RemoteCache;
  readonly #objects: GitObjectReader;
  readonly #index: PackIndexer;
  readonly #repository: GitRepository;
  readonly #refs: RemoteRefs;
  readonly #listeners = new ChangeListeners(() => () => Promise.resolve());
  readonly #closing = new AbortController();
  /** Fetches one after another: they write into the same cache. */
  #fetching: Promise<void> = Promise.resolve();
  /** Reading failed: the cache is made anew before the next use. */
  #damaged = false;
  /** Packs that a newer one replaces; readers may still be at them until the next fetch. */
  #obsoletePacks: readonly string[] = [];

  static async open(options: GitRemoteOptions): Promise<GitRemoteSource> {
    const cache = new RemoteCache(options.cacheDir);
    await cache.open();
    const useBinary = options.gitBinary ?? (await hasGitBinary());
    return new GitRemoteSource(options, cache, useBinary);
  }

  private constructor(options: GitRemoteOptions, cache: RemoteCache, useBinary: boolean) {
    const { url } = options;
    this.#options = options;
    this.where = url;
    this.#clock = options.clock ?? systemClock;
    this.#cache = cache;
    this.#objects = new (useBinary ? CatFileObjects : IsomorphicObjects)(cache.gitDir, url);
    this.#index = useBinary ? gitIndexer(cache.gitDir) : isomorphicIndexer(cache.gitDir);
    this.#repository = new GitRepository(url, this.#objects, () => {
      this.#damaged = true;
    });
    const limits = { ...DEFAULT_TRANSPORT_LIMITS, ...options.limits?.http };
    this.#transport = transportOf(options, limits);
    this.#uploadPack = new UploadPack(this.#transport, url, limits);
    const refsTimeoutMs = options.limits?.refsTimeoutMs ?? REFS_TIMEOUT_MS;
    this.#refs = new RemoteRefs({
      where: url,
      clock: this.#clock,
      list: (prefixes, maxRefs) =>
        this.#withDeadline(refsTimeoutMs, (signal) =>
          this.#uploadPack.listRefs(prefixes, signal, maxRefs),
        ),
      onMoved: this.#listeners.notify,
    });
  }

  async resolve(revision: string, options: ResolveOptions = {}): Promise<Commit> {
    return waitFor(this.#resolve(revision, options.maxAgeMs ?? 0), options.signal, this.where);
  }

  async #resolve(revision: string, maxAgeMs: number): Promise<Commit> {
    if (OBJECT_ID.test(revision)) {
      await this.#ensure({ id: revision, ref: undefined, depth: 1 });
      return this.#repository.resolved(revision);
    }
    const { id, ref } = await this.#ensureRevision(revision, maxAgeMs);
    return this.#repository.resolved(id, ref);
  }

  async #ensureRevision(revision: string, maxAgeMs: number): Promise<ResolvedRef> {
    const resolved = await this.#refs.find(revision, maxAgeMs);
    try {
      await this.#ensure({ ...resolved, depth: 1 });
      return resolved;
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    // The ref was moved, and its old commit dropped, since the refs were listed.
    const moved = await this.#refs.find(revision, 0);
    await this.#ensure({ ...moved, depth: 1 });
    return moved;
  }

  async history(
    commitId: string,
    limit: number,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<readonly CommitInfo[]> {
    return waitFor(this.#history(commitId, limit), options.signal, this.where);
  }

  async #history(commitId: string, limit: number): Promise<readonly CommitInfo[]> {
    await this.#ensure({ id: commitId, ref: undefined, depth: 1 });
    const known = await this.#repository.history(commitId, limit);
    if (!known.truncated) return known.commits;
    await this.#fetchInTurn({ id: commitId, ref: undefined, depth: limit + HISTORY_SLACK });
    return (await this.#repository.history(commitId, limit)).commits;
  }

  async #ensure(want: Want): Promise<void> {
    if (!this.#damaged && (await this.#repository.has(want.id))) return;
    await this.#fetchInTurn(want);
  }

  #fetchInTurn(want: Want): Promise<void> {
    const turn = this.#fetching.then(() => this.#fetch(want));
    // The chain only orders fetches; each caller hears of its own failure.
    this.#fetching = turn.catch(() => undefined);
    return turn;
  }

  async #fetch(want: Want): Promise<void> {
    if (this.#damaged) await this.#startOver();
    // Another caller's fetch, just before, may have brought it.
    if (want.depth === 1 && (await this.#repository.has(want.id))) return;
    await this.#cache.dropPacks(this.#obsoletePacks);
    this.#obsoletePacks = [];
    const before = await this.#cache.packNames();
    const consolidate = before.length >= MAX_PACKS && want.depth === 1;
    const timeoutMs = this.#options.limits?.fetchTimeoutMs ?? FETCH_TIMEOUT_MS;
    await observed(this.#options.observer, "fetch", () =>
      this.#withDeadline(timeoutMs, (signal) => this.#fetchPack(want, consolidate, signal)),
    );
    if (!(await this.#repository.has(want.id))) throw this.#notDelivered(want);
    if (consolidate) {
      const packs = await this.#cache.packNames();
      this.#obsoletePacks = packs.length > before.length ? before : [];
    }
    if (want.ref !== undefined) await this.#cache.remember(want.ref, want.id);
  }

  async #fetchPack(want: Want, fromScratch: boolean, signal: AbortSignal): Promise<void> {
    const known = fromScratch ? NOTHING_KNOWN : await this.#knownCommits(want.ref);
    let answer: PackAnswer;
    try {
      const { id, depth } = want;
      answer = await this.#uploadPack.fetchPack({ ...known, wants: [id], depth }, signal);
    } catch (error) {
      if (!isNotFound(error) || want.ref !== undefined) throw error;
      answer = await this.#fetchEverything(known, signal);
    }
    await this.#store(answer.pack, signal);
  }

  /** Many servers hand out branch tips only: an older commit comes with the whole history. */
  async #fetchEverything(known: KnownCommits, signal: AbortSignal): Promise<PackAnswer> {
    const { ids } = await this.#uploadPack.listRefs(["refs/heads/", "refs/tags/"], signal);
    const wants = [...new Set(ids.values())];
    if (wants.length === 0) throw revisionNotFound("", [], this.where);
    return this.#uploadPack.fetchPack({ ...known, wants, depth: INFINITE_DEPTH }, signal);
  }

  /** What we have, for the difference. */
  async #knownCommits(ref: string | undefined): Promise<KnownCommits> {
    const haves: string[] = [];
    const shallow = new Set<string>();
    for (const id of await this.#cache.remembered(ref)) {
      if (!(await this.#repository.has(id))) continue;
      const { id: commitId } = await this.#repository.resolved(id);
      const ends = await this.#repository.shallowBelow(commitId, MAX_KNOWN_COMMITS);
      if (ends === undefined) continue;
      haves.push(commitId);
      for (const end of ends) shallow.add(end);
    }
    return { haves, shallow: [...shallow] };
  }

  async #store(pack: Buffer, signal: AbortSignal): Promise<void> {
    const limits = { ...DEFAULT_PACK_LIMITS, ...this.#options.limits?.pack };
    const { objects, baseIds } = await checkPack(pack, limits);
    if (objects === 0) return;
    const read = (id: string) => this.#repository.object(id, limits.maxObjectBytes);
    try {
      await this.#index(await completePack(pack, baseIds, read), objects, signal);
    } catch (error) {
      await this.#cache.dropUnfinished();
      throw error;
    }
    this.#objects.refresh();
  }

  async #startOver(): Promise<void> {
    await this.#cache.clear();
    this.#objects.refresh();
    this.#obsoletePacks = [];
    this.#damaged = false;
  }

  #gitError(error: unknown): SourceError {
    if (error instanceof SourceError) return error;
    if (error instanceof PackError)
      return new SourceError(error.problem === "corrupt" ? "protocol" : error.problem, {
        what: error.message,
        where: this.where,
        advice:
          error.problem === "too-large"
            ? "Keep large files out of the repository, or deploy from a smaller one."
            : "Nothing of it was used. It is tried again by itself; run `git fsck` on the server if this stays.",
        cause: error,
      });
    return new SourceError("protocol", {
      what: "the server's answer could not be understood",
      where: this.where,
      advice: "Check that the URL is that of a Git repository, and the Git server's log.",
      cause: error,
    });
  }

  #notDelivered(want: Want): SourceError {
    if (want.ref === undefined) return revisionNotFound(want.id, [], this.where);
    return new SourceError("truncated", {
      what: "the server did not send the commit that it was asked for",
      where: this.where,
      advice: "It is tried again by itself; run `git fsck` on the server if this stays.",
    });
  }

  async #withDeadline<T>(timeoutMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const deadline = new AbortController();
    const abort = (): void => deadline.abort(abortedError(this.where, this.#closing.signal));
    if (this.#closing.signal.aborted) abort();
    this.#closing.signal.addEventListener("abort", abort, { once: true });
    const cancel = this.#clock.after(timeoutMs, () => deadline.abort(timeoutError(this.where)));
    try {
      return await work(deadline.signal);
    } catch (error) {
      // Whatever was under way then says only that it was interrupted.
      const { reason } = deadline.signal as { reason: unknown };
      throw deadline.signal.aborted && reason instanceof SourceError
        ? reason
        : this.#gitError(error);
    } finally {
      cancel();
      this.#closing.signal.removeEventListener("abort", abort);
    }
  }

  onChange(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#listeners.close();
    await this.#fetching;
    await this.#transport.close();
    await this.#objects.close();
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof SourceError && error.code === "revision-not-found";
}

interface KnownCommits {
  readonly haves: readonly string[];
  readonly shallow: readonly string[];
}

const NOTHING_KNOWN: KnownCommits = { haves: [], shallow: [] };

function transportOf(options: GitRemoteOptions, limits: TransportLimits): GitTransport {
  const { url, ssh, credentials } = options;
  const shared = {
    url,
    limits,
    ...(credentials?.connection !== undefined && { connection: credentials.connection }),
    credential: async (signal: AbortSignal) => credentials?.get(signal),
  };
  return ssh === undefined ? new GitHttp(shared) : new GitSsh({ ...shared, ssh });
}
