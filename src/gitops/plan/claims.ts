/**
 * What each Application of this operator wants, so that an object can move from one to another
 * without being deleted: who no longer wants an object does not prune what somebody else wants, and
 * who wants it takes it over once its former owner does not. Only in memory: after a restart
 * nothing is taken over or pruned before the Applications concerned have been looked at.
 */
import type { Desired } from "./desired.ts";
import { refKey } from "./object-ref.ts";

export interface Claim {
  readonly desired: readonly Desired[];
  /** Its newest revision has errors: it may want more than is known. */
  readonly isIncomplete: boolean;
}
/** What an object's owner, another Application, says of it. */
export type Verdict = "wanted" | "free" | "unknown";

export interface ClaimsOptions {
  /** Has an Application, by its tracking label, looked at again. */
  readonly wake: (label: string) => void;
  /** What it wants was refused until now: it gets a new chance. */
  readonly released: (label: string) => void;
  /** Has it ask its repository, too. */
  readonly refresh: (label: string) => void;
  /** Whether it has asked its repository since a time, or would know of a change. */
  readonly hasLookedSince: (label: string, sinceMs: number) => boolean;
}

/** Applications by their tracking labels. */
export class Claims {
  readonly #options: ClaimsOptions;
  readonly #present = new Set<string>();
  readonly #claims = new Map<string, Claim & { readonly keys: ReadonlySet<string> }>();
  readonly #wanting = new Map<string, Set<string>>();
  readonly #byRepository = new Map<string, Set<string>>();
  readonly #repositoriesOf = new Map<string, readonly string[]>();
  /** By the Application that is waited for: those that wait. */
  readonly #waiting = new Map<string, Set<string>>();
  /** Who has been asked to look, since when it is to have looked: once, however often it fails. */
  readonly #asked = new Map<string, number>();

  constructor(options: ClaimsOptions) {
    this.#options = options;
  }

  /** There is such an Application; what it wants may not be known yet. */
  appeared(label: string, repositories: readonly string[]): void {
    this.#present.add(label);
    this.#follow(label, repositories);
  }

  disappeared(label: string): void {
    this.#present.delete(label);
    this.#asked.delete(label);
    this.#replace(label, undefined);
    this.#wakeWaiting(label);
  }

  state(label: string, claim: Claim): void {
    const before = this.#claims.get(label);
    const isSame = before?.desired === claim.desired && before.isIncomplete === claim.isIncomplete;
    if (!isSame) this.#replace(label, claim);
    this.#wakeWaiting(label);
  }

  verdict(owner: string, objectKey: string): Verdict {
    if (!this.#present.has(owner)) return "free";
    const claim = this.#claims.get(owner);
    if (claim === undefined) return "unknown";
    return claim.keys.has(objectKey) ? "wanted" : "free";
  }

  /** Another Application that wants an object. */
  wantedBy(objectKey: string, except: string): string | undefined {
    for (const label of this.#wanting.get(objectKey) ?? []) if (label !== except) return label;
    return undefined;
  }

  /**
   * An Application of the same repositories that may want what this one is about to delete, for
   * all that is known; `label` is woken when more is.
   */
  undecided(
    label: string,
    {
      repositories,
      sinceMs,
    }: { readonly repositories: readonly string[]; readonly sinceMs: number },
  ): { readonly label: string; readonly why: "incomplete" | "not looked at" } | undefined {
    for (const repository of repositories)
      for (const other of this.#byRepository.get(repository) ?? []) {
        if (other === label) continue;
        const claim = this.#claims.get(other);
        const hasLooked = claim !== undefined && this.#options.hasLookedSince(other, sinceMs);
        if (hasLooked && !claim.isIncomplete) continue;
        const waiting = this.#waiting.get(other) ?? new Set();
        this.#waiting.set(other, waiting.add(label));
        if (!hasLooked && (this.#asked.get(other) ?? -1) < sinceMs) {
          this.#asked.set(other, sinceMs);
          this.#options.refresh(other);
        }
        return { label: other, why: hasLooked ? "incomplete" : "not looked at" };
      }
    return undefined;
  }

  #follow(label: string, repositories: readonly string[]): void {
    const before = this.#repositoriesOf.get(label) ?? [];
    if (before.join("\n") === repositories.join("\n")) return;
    for (const repository of before) {
      const labels = this.#byRepository.get(repository);
      labels?.delete(label);
      if (labels?.size === 0) this.#byRepository.delete(repository);
    }
    this.#repositoriesOf.set(label, repositories);
    for (const repository of repositories) {
      const labels = this.#byRepository.get(repository) ?? new Set();
      this.#byRepository.set(repository, labels.add(label));
    }
  }

  #replace(label: string, claim: Claim | undefined): void {
    const before = this.#claims.get(label)?.keys ?? new Set<string>();
    const keys = new Set(claim?.desired.map(({ ref }) => refKey(ref)));
    for (const key of before) if (!keys.has(key)) this.#release(label, key);
    for (const key of keys) {
      const labels = this.#wanting.get(key) ?? new Set();
      this.#wanting.set(key, labels.add(label));
    }
    if (claim === undefined) {
      this.#claims.delete(label);
      this.#follow(label, []);
      this.#repositoriesOf.delete(label);
    } else this.#claims.set(label, { ...claim, keys });
  }

  #release(label: string, key: string): void {
    const labels = this.#wanting.get(key);
    labels?.delete(label);
    if (labels?.size === 0) this.#wanting.delete(key);
    for (const other of labels ?? []) this.#options.released(other);
  }

  #wakeWaiting(label: string): void {
    const waiting = this.#waiting.get(label);
    this.#waiting.delete(label);
    for (const other of waiting ?? []) this.#options.wake(other);
  }
}
