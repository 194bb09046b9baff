/**
 * What a remote's refs are known to be. One look serves everybody, and only what somebody asked
 * for is listed: repositories with 100,000 refs exist.
 */
import type { Clock } from "../../client/clock.ts";
import {
  emptyRepository,
  findRef,
  type ResolvedRef,
  refPrefixes,
  revisionNotFound,
} from "./ref-name.ts";
import { SingleFlight } from "./single-flight.ts";
import type { ListedRefs } from "./wire/upload-pack.ts";

/** Beyond so many, all branches and tags are listed at once. */
const MAX_PREFIXES = 200;
/** Refs that are read to suggest one when a name is wrong. */
const MAX_SUGGESTIONS = 2_000;
/** A revision nobody asked for in this time is not listed any more. */
const INTEREST_MS = 3_600_000;

export interface RemoteRefsOptions {
  readonly where: string;
  readonly clock: Clock;
  /** Asks the server. */
  readonly list: (prefixes: readonly string[], maxRefs?: number) => Promise<ListedRefs>;
  /** A ref that was known is elsewhere now. */
  readonly onMoved: () => void;
}

export class RemoteRefs {
  readonly #options: RemoteRefsOptions;
  readonly #flight: SingleFlight<ListedRefs>;
  /** When each prefix was asked for last. */
  readonly #interests = new Map<string, number>();
  #known: { readonly refs: ListedRefs; readonly atMs: number } | undefined;
  /** The look under way, or the last one: when it began and what it asked for. */
  #asking: { readonly atMs: number; readonly prefixes: readonly string[] } | undefined;

  constructor(options: RemoteRefsOptions) {
    this.#options = options;
    this.#flight = new SingleFlight(() => this.#ask());
  }

  /**
   * The ref that a revision names, known no longer ago than `maxAgeMs`.
   * @throws SourceError `revision-not-found` or `empty-repository`
   */
  async find(revision: string, maxAgeMs: number): Promise<ResolvedRef> {
    const refs = await this.#recent(refPrefixes(revision), maxAgeMs);
    const found = findRef(revision, refs);
    if (found !== undefined) return found;
    throw await this.#notFound(revision, refs);
  }

  async #notFound(revision: string, refs: ListedRefs): Promise<Error> {
    const { where, list } = this.#options;
    const everything = ["refs/heads/", "refs/tags/"];
    const all = refs.prefixes === undefined ? refs : await list(everything, MAX_SUGGESTIONS);
    if (all.ids.size === 0 && all.headId === undefined) return emptyRepository(where);
    return revisionNotFound(revision, [...all.ids.keys()], where);
  }

  #recent(prefixes: readonly string[], maxAgeMs: number): Promise<ListedRefs> {
    const now = this.#options.clock.now();
    for (const prefix of prefixes) this.#interests.set(prefix, now);
    const isRecent = (atMs: number): boolean => maxAgeMs > 0 && now - atMs <= maxAgeMs;
    const known = this.#known;
    if (known !== undefined && isRecent(known.atMs) && covers(known.refs.prefixes, prefixes))
      return Promise.resolve(known.refs);
    const asking = this.#asking;
    const serves =
      asking !== undefined && isRecent(asking.atMs) && covers(asking.prefixes, prefixes);
    return (serves ? this.#flight.current : undefined) ?? this.#flight.run();
  }

  async #ask(): Promise<ListedRefs> {
    const atMs = this.#options.clock.now();
    const prefixes = this.#prefixes(atMs);
    this.#asking = { atMs, prefixes };
    const refs = await this.#options.list(prefixes);
    const previous = this.#known?.refs;
    this.#known = { refs, atMs };
    if (previous !== undefined && hasMoved(previous, refs)) this.#options.onMoved();
    return refs;
  }

  #prefixes(now: number): readonly string[] {
    for (const [prefix, atMs] of this.#interests)
      if (now - atMs > INTEREST_MS) this.#interests.delete(prefix);
    const wanted = [...this.#interests.keys()];
    if (wanted.length <= MAX_PREFIXES) return withoutCovered(wanted);
    const rest = wanted.filter((prefix) => !/^refs\/(heads|tags)\//.test(prefix));
    return ["refs/heads/", "refs/tags/", ...rest.slice(-MAX_PREFIXES)];
  }
}

function covers(listed: readonly string[] | undefined, prefixes: readonly string[]): boolean {
  if (listed === undefined) return true;
  return prefixes.every((prefix) => listed.some((known) => prefix.startsWith(known)));
}

function withoutCovered(prefixes: readonly string[]): string[] {
  return prefixes.filter(
    (prefix) => !prefixes.some((other) => other !== prefix && prefix.startsWith(other)),
  );
}

/** Compares only what both looks listed. */
function hasMoved(before: ListedRefs, after: ListedRefs): boolean {
  if (before.headId !== after.headId) return true;
  for (const [ref, id] of before.ids)
    if (covers(after.prefixes, [ref]) && after.ids.get(ref) !== id) return true;
  for (const ref of after.ids.keys())
    if (covers(before.prefixes, [ref]) && !before.ids.has(ref)) return true;
  return false;
}
