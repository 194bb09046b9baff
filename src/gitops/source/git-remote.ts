/**
 * A repository on a Git server, over HTTP(S). Refs are asked for once for everybody; a commit that
 * is missing is fetched without history into a bare cache on disk, and read from there.
 */
import git from "isomorphic-git";
import { type Clock, systemClock } from "../../client/clock.ts";
import { CatFileObjects, hasGitBinary } from "./cat-file-objects.ts";
import { ChangeListeners } from "./change-listeners.ts";
import { GitHttp, type GitHttpLimits } from "./git-http.ts";
import { type GitObjectReader, OBJECT_ID } from "./git-objects.ts";
import { GitRepository } from "./git-repository.ts";
import { timeoutError } from "./http-problems.ts";
import { IsomorphicObjects } from "./isomorphic-objects.ts";
import { DEFAULT_PACK_LIMITS, PackError, type PackLimits } from "./pack-check.ts";
import {
  isSafeRefName,
  type Refs,
  type ResolvedRef,
  resolveRef,
  revisionNotFound,
} from "./ref-name.ts";
import { MAX_PACKS, type Nearest, RemoteCache } from "./remote-cache.ts";
import { SingleFlight } from "./single-flight.ts";
import type { Commit, CommitInfo, CredentialProvider, ResolveOptions, Source } from "./source.ts";
import { abortedError, SourceError } from "./source-error.ts";

/** Refs answer in a second; a server that trickles them is as good as down. */
const REFS_TIMEOUT_MS = 30_000;
/** A first fetch of a large monorepo over a slow line. */
const FETCH_TIMEOUT_MS = 300_000;
/** Commits fetched beyond those asked for, so that paging through history is not a fetch a page. */
const HISTORY_SLACK = 50;

/** What git itself sends for "all of it". */
const INFINITE_DEPTH = 0x7fffffff;

export interface GitRemoteLimits {
  readonly http?: Partial<GitHttpLimits>;
  readonly pack?: Partial<PackLimits>;
  readonly refsTimeoutMs?: number;
  readonly fetchTimeoutMs?: number;
}

export interface GitRemoteOptions {
  /** Without userinfo; see `parseRepositoryUrl`. */
  readonly url: string;
  /** Directory of the bare cache; made when missing. */
  readonly cacheDir: string;
  readonly credentials?: CredentialProvider;
  /** PEM certificates that are trusted besides the system's. */
  readonly ca?: string;
  readonly clock?: Clock;
  readonly limits?: GitRemoteLimits;
  /** Whether the git binary may be used for reading. @default whether there is one */
  readonly gitBinary?: boolean;
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
  readonly #http: GitHttp;
  readonly #cache: RemoteCache;
  readonly #objects: GitObjectReader;
  readonly #repository: GitRepository;
  readonly #listeners = new ChangeListeners(() => () => Promise.resolve());
  readonly #closing = new AbortController();
  readonly #refsFlight: SingleFlight<Refs>;
  #refs: { readonly value: Refs; readonly atMs: number } | undefined;
  /** When the listing of refs under way, or the last one, began. */
  #askedAtMs = Number.NEGATIVE_INFINITY;
  /** Fetches one after another: they write into the same cache. */
  #fetching: Promise<void> = Promise.resolve();
  /** Reading failed: the cache is made anew before the next use. */
  #damaged = false;
  /** Packs that a newer one replaces; readers may still be at them until the next fetch. */
  #obsoletePacks: readonly string[] = [];

  static async open(options: GitRemoteOptions): Promise<GitRemoteSource> {
    const cache = new RemoteCache(options.cacheDir, {
      ...DEFAULT_PACK_LIMITS,
      ...options.limits?.pack,
    });
    await cache.open();
    const Reader =
      (options.gitBinary ?? (await hasGitBinary())) ? CatFileObjects : IsomorphicObjects;
    return new GitRemoteSource(options, cache, new Reader(cache.gitDir, options.url));
  }

  private constructor(options: GitRemoteOptions, cache: RemoteCache, objects: GitObjectReader) {
    this.#options = options;
    this.where = options.url;
    this.#clock = options.clock ?? systemClock;
    this.#http = new GitHttp({
      url: options.url,
      ...(options.ca !== undefined && { ca: options.ca }),
      ...(options.limits?.http !== undefined && { limits: options.limits.http }),
    });
    this.#cache = cache;
    this.#objects = objects;
    this.#repository = new GitRepository(options.url, objects, () => {
      this.#damaged = true;
    });
    this.#refsFlight = new SingleFlight(() => this.#askRefs());
  }

  async resolve(revision: string, options: ResolveOptions = {}): Promise<Commit> {
    return this.#abortable(this.#resolve(revision, options.maxAgeMs ?? 0), options.signal);
  }

  async #resolve(revision: string, maxAgeMs: number): Promise<Commit> {
    if (OBJECT_ID.test(revision) && !this.#damaged && (await this.#repository.has(revision)))
      return this.#repository.commit(await this.#repository.peel(revision));
    const { id } = await this.#ensureRevision(revision, await this.#knownRefs(maxAgeMs));
    return this.#repository.commit(await this.#repository.peel(id));
  }

  async #ensureRevision(revision: string, refs: Refs): Promise<ResolvedRef> {
    const resolved = resolveRef(revision, refs, this.where);
    try {
      await this.#ensure({ ...resolved, depth: 1 });
      return resolved;
    } catch (error) {
      if (resolved.ref === undefined || !isNotFound(error)) throw error;
    }
    // The ref was moved, and its old commit dropped, since the refs were listed.
    const moved = resolveRef(revision, await this.#refsFlight.run(), this.where);
    await this.#ensure({ ...moved, depth: 1 });
    return moved;
  }

  async history(
    commitId: string,
    limit: number,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<readonly CommitInfo[]> {
    return this.#abortable(this.#history(commitId, limit), options.signal);
  }

  async #history(commitId: string, limit: number): Promise<readonly CommitInfo[]> {
    await this.#ensure({ id: commitId, ref: undefined, depth: 1 });
    const known = await this.#repository.history(commitId, limit);
    if (!known.truncated) return known.commits;
    await this.#fetchInTurn({ id: commitId, ref: undefined, depth: limit + HISTORY_SLACK });
    return (await this.#repository.history(commitId, limit)).commits;
  }

  /** Refs no older than `maxAgeMs`. */
  #knownRefs(maxAgeMs: number): Promise<Refs> {
    const isRecent = (atMs: number): boolean =>
      maxAgeMs > 0 && this.#clock.now() - atMs <= maxAgeMs;
    const known = this.#refs;
    if (known !== undefined && isRecent(known.atMs)) return Promise.resolve(known.value);
    const asking = isRecent(this.#askedAtMs) ? this.#refsFlight.current : undefined;
    return asking ?? this.#refsFlight.run();
  }

  async #askRefs(): Promise<Refs> {
    const atMs = this.#clock.now();
    this.#askedAtMs = atMs;
    const timeoutMs = this.#options.limits?.refsTimeoutMs ?? REFS_TIMEOUT_MS;
    const value = await this.#withDeadline(timeoutMs, async (signal) => {
      const http = this.#http.session(await this.#options.credentials?.get(signal), signal, "ask");
      const { refs } = await git.getRemoteInfo2({ http, url: this.where, protocolVersion: 1 });
      return refsOf(refs ?? []);
    });
    const previous = this.#refs?.value;
    this.#refs = { value, atMs };
    if (previous !== undefined && !sameRefs(previous, value)) this.#listeners.notify();
    return value;
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
    await this.#withDeadline(timeoutMs, (signal) => this.#fetchPack(want, consolidate, signal));
    if (!(await this.#repository.has(want.id))) throw this.#notDelivered();
    if (consolidate) {
      const packs = await this.#cache.packNames();
      this.#obsoletePacks = packs.length > before.length ? before : [];
    }
    if (want.ref !== undefined) await this.#cache.remember(want.ref, want.id);
  }

  async #fetchPack(want: Want, fromScratch: boolean, signal: AbortSignal): Promise<void> {
    const http = this.#http.session(await this.#options.credentials?.get(signal), signal, "reuse");
    const nearest = fromScratch ? undefined : await this.#cache.nearest(want.ref);
    const attempt = async (range: FetchRange): Promise<void> => {
      await git.fetch({
        fs: this.#cache.fs,
        http,
        gitdir: this.#cache.gitDir,
        url: this.where,
        remote: "origin",
        // What we have, for the difference; a ref that does not exist stands for nothing.
        ref: nearest?.localRef ?? "refs/gantry/none",
        remoteRef: want.id,
        singleBranch: true,
        tags: false,
        ...range,
      });
    };
    for (const range of await this.#ranges(want, nearest)) {
      try {
        await attempt(range);
        break;
      } catch (error) {
        if (!isWorthAnotherRange(error, want, range)) throw error;
      }
    }
    this.#objects.refresh();
    if (want.ref === undefined && !(await this.#repository.has(want.id)))
      throw revisionNotFound(want.id, [], this.where);
  }

  /**
   * How much to ask for, best first. A depth of 1 makes servers send all files again, even those
   * that we have; everything since the commit that we have comes as a difference.
   */
  async #ranges(want: Want, nearest: Nearest | undefined): Promise<FetchRange[]> {
    const ranges: FetchRange[] = [{ depth: want.depth }];
    if (want.depth === 1 && nearest?.isSameRef === true && (await this.#repository.has(nearest.id)))
      ranges.unshift({ since: new Date(await this.#repository.committedMs(nearest.id)) });
    // Many servers hand out branch tips only: an older commit comes with the whole history.
    if (want.ref === undefined) ranges.push({ depth: INFINITE_DEPTH, singleBranch: false });
    // Servers without shallow fetches.
    ranges.push({});
    return ranges;
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

  #notDelivered(): SourceError {
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
      throw this.#gitError(error);
    } finally {
      cancel();
      this.#closing.signal.removeEventListener("abort", abort);
    }
  }

  /** A caller that gives up stops waiting; the work is shared and goes on. */
  async #abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    if (signal === undefined) return work;
    let stop = (): void => undefined;
    const aborted = new Promise<never>((_, reject) => {
      stop = () => reject(abortedError(this.where, signal));
      if (signal.aborted) stop();
      else signal.addEventListener("abort", stop, { once: true });
    });
    try {
      return await Promise.race([work, aborted]);
    } finally {
      signal.removeEventListener("abort", stop);
      work.catch(() => undefined);
    }
  }

  onChange(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#listeners.close();
    await this.#fetching;
    await this.#http.close();
    await this.#objects.close();
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof SourceError && error.code === "revision-not-found";
}

/** What of the history a fetch asks for. */
interface FetchRange {
  readonly depth?: number;
  readonly since?: Date;
  readonly singleBranch?: boolean;
}

/** Git ends without an answer when nothing is as young as was asked for. */
const RANGE_ERRORS: ReadonlySet<string> = new Set(["truncated", "server-error", "protocol"]);

function isWorthAnotherRange(error: unknown, want: Want, range: FetchRange): boolean {
  if (error instanceof git.Errors.RemoteCapabilityError) return true;
  if (!(error instanceof SourceError)) return false;
  if (range.since !== undefined) return RANGE_ERRORS.has(error.code);
  return isNotFound(error) && want.ref === undefined && range.singleBranch !== false;
}

type ServerRef = NonNullable<Awaited<ReturnType<typeof git.getRemoteInfo2>>["refs"]>[number];

/** Names that no checkout of refs could hold are left out: they are attacks on the reader. */
function refsOf(listed: readonly ServerRef[]): Refs {
  const ids = new Map<string, string>();
  let headId: string | undefined;
  let headRef: string | undefined;
  for (const { ref, oid, target } of listed) {
    if (!OBJECT_ID.test(oid)) continue;
    if (ref === "HEAD") {
      headId = oid;
      if (target !== undefined && isSafeRefName(target)) headRef = target;
    } else if (ref.startsWith("refs/") && isSafeRefName(ref)) ids.set(ref, oid);
  }
  return { headId, headRef, ids };
}

function sameRefs(a: Refs, b: Refs): boolean {
  if (a.headId !== b.headId || a.ids.size !== b.ids.size) return false;
  for (const [ref, id] of a.ids) if (b.ids.get(ref) !== id) return false;
  return true;
}
