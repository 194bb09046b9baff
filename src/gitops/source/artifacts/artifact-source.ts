/**
 * What sources of published versions (OCI artifacts, charts) have in common: a revision is looked
 * up once for everybody and no more often than asked for; a digest is a commit that never changes.
 */
import type { Clock } from "../../../client/clock.ts";
import { ChangeListeners } from "../change-listeners.ts";
import { SingleFlight } from "../single-flight.ts";
import type { Commit, CommitInfo, ResolveOptions, Source } from "../source.ts";
import { abortedError, type SourceError } from "../source-error.ts";
import { waitFor } from "../wait-for.ts";
import { timeoutError } from "../wire/http-problems.ts";
import { SHA256_DIGEST } from "./artifact-store.ts";

/** Finds and opens versions in one place. */
export interface Publisher {
  /** The digest that a tag, version or range leads to now. */
  lookup(revision: string, signal: AbortSignal): Promise<string>;
  /** What was published under a digest. */
  read(digest: string, signal: AbortSignal): Promise<Commit>;
  close(): Promise<void>;
}

export interface ArtifactSourceOptions {
  readonly kind: "oci" | "helm";
  readonly where: string;
  readonly clock: Clock;
  readonly publisher: Publisher;
  readonly timeoutMs?: number;
}

/** A look-up with its tokens, or the download of the largest archive over a slow line. */
const TIMEOUT_MS = 120_000;
/** Revisions that Applications follow in one place, and commits that are remembered. */
const MAX_REMEMBERED = 1000;

interface Followed {
  readonly flight: SingleFlight<string>;
  known?: { readonly digest: string; readonly atMs: number };
  askedAtMs: number;
}

export class ArtifactSource implements Source {
  readonly kind: "oci" | "helm";
  readonly where: string;
  readonly #options: ArtifactSourceOptions;
  readonly #listeners = new ChangeListeners(() => () => Promise.resolve());
  readonly #closing = new AbortController();
  readonly #followed = new Map<string, Followed>();
  readonly #commits = new Map<string, Promise<Commit>>();
  readonly #working = new Set<Promise<unknown>>();

  constructor(options: ArtifactSourceOptions) {
    this.#options = options;
    this.kind = options.kind;
    this.where = options.where;
  }

  resolve(revision: string, options: ResolveOptions = {}): Promise<Commit> {
    return waitFor(this.#resolve(revision, options.maxAgeMs ?? 0), options.signal, this.where);
  }

  async #resolve(revision: string, maxAgeMs: number): Promise<Commit> {
    const digest = SHA256_DIGEST.test(revision) ? revision : await this.#digest(revision, maxAgeMs);
    return this.#commit(digest);
  }

  /** Published versions have no ancestors. */
  async history(
    commitId: string,
    limit: number,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<readonly CommitInfo[]> {
    if (limit < 1) return [];
    const { tree: _, ...info } = await waitFor(this.#commit(commitId), options.signal, this.where);
    return [info];
  }

  #digest(revision: string, maxAgeMs: number): Promise<string> {
    let followed = this.#followed.get(revision);
    if (followed === undefined) {
      const flight = new SingleFlight(() => this.#lookup(revision));
      followed = { flight, askedAtMs: Number.NEGATIVE_INFINITY };
      remember(this.#followed, revision, followed);
    }
    const isRecent = (atMs: number): boolean =>
      maxAgeMs > 0 && this.#options.clock.now() - atMs <= maxAgeMs;
    const { known, flight, askedAtMs } = followed;
    if (known !== undefined && isRecent(known.atMs)) return Promise.resolve(known.digest);
    return (isRecent(askedAtMs) ? flight.current : undefined) ?? flight.run();
  }

  async #lookup(revision: string): Promise<string> {
    const atMs = this.#options.clock.now();
    const followed = this.#followed.get(revision);
    if (followed !== undefined) followed.askedAtMs = atMs;
    const digest = await this.#timely((signal) => this.#options.publisher.lookup(revision, signal));
    const before = followed?.known?.digest;
    if (followed !== undefined) followed.known = { digest, atMs };
    if (before !== undefined && before !== digest) this.#listeners.notify();
    return digest;
  }

  #commit(digest: string): Promise<Commit> {
    const known = this.#commits.get(digest);
    if (known !== undefined) return known;
    const reading = this.#timely((signal) => this.#options.publisher.read(digest, signal));
    remember(this.#commits, digest, reading);
    reading.catch(() => this.#commits.delete(digest));
    return reading;
  }

  async #timely<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const deadline = new AbortController();
    const end = (reason: SourceError) => (): void => deadline.abort(reason);
    const onClose = end(abortedError(this.where, this.#closing.signal));
    if (this.#closing.signal.aborted) onClose();
    this.#closing.signal.addEventListener("abort", onClose, { once: true });
    const { clock, timeoutMs = TIMEOUT_MS } = this.#options;
    const cancel = clock.after(timeoutMs, end(timeoutError(this.where)));
    const running = work(deadline.signal);
    this.#working.add(running);
    try {
      return await running;
    } finally {
      this.#working.delete(running);
      cancel();
      this.#closing.signal.removeEventListener("abort", onClose);
    }
  }

  onChange(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#listeners.close();
    // Ends the connections, so that nothing under way is waited for.
    await this.#options.publisher.close();
    await Promise.allSettled(this.#working);
  }
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MAX_REMEMBERED && oldest !== undefined) map.delete(oldest);
}
