/**
 * One look at repositories: each revision of each is asked for once, however many Applications follow
 * it, and those that look because of it get the same answer without asking again.
 */
import type { Commit, Source } from "./source/source.ts";
import { SourceError } from "./source/source-error.ts";

export class RepositoryLook {
  /** What was known before is too old; milliseconds since the epoch. */
  readonly sinceMs: number;
  /** By what was opened, so that nobody gets what another's credential brought. */
  readonly #asked = new Map<Source, Map<string, Promise<Commit>>>();

  constructor(sinceMs: number) {
    this.sinceMs = sinceMs;
  }

  /** @throws SourceError */
  async resolve(
    source: Source,
    revision: string,
    { nowMs, signal }: { readonly nowMs: number; readonly signal: AbortSignal },
  ): Promise<Commit> {
    const options = { maxAgeMs: Math.max(0, nowMs - this.sinceMs), signal };
    let ofSource = this.#asked.get(source);
    if (ofSource === undefined) {
      ofSource = new Map();
      this.#asked.set(source, ofSource);
    }
    let asking = ofSource.get(revision);
    if (asking === undefined) {
      asking = source.resolve(revision, options);
      ofSource.set(revision, asking);
      // What failed is asked again by the next.
      asking.catch(() => ofSource.delete(revision));
      return asking;
    }
    try {
      return await asking;
    } catch (error) {
      // Who asked first no longer wants to know; we do.
      const isOthers = error instanceof SourceError && error.code === "aborted";
      if (!isOthers || signal.aborted) throw error;
      return source.resolve(revision, options);
    }
  }
}
