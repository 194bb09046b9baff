/**
 * Tells of each problem once, and only of one that lasts: while a commit is applied an Ingress may
 * be there a moment before its Service.
 */
import type { Clock } from "../../../client/clock.ts";

export interface Problem {
  /** Of the object; @default "Ingress" */
  readonly kind?: "Ingress" | "Gateway";
  /** `namespace/name` of the object. */
  readonly ingress: string;
  readonly reason: string;
  readonly message: string;
}

export class ToldProblems {
  readonly #since = new Map<string, { readonly sinceMs: number; isTold: boolean }>();
  readonly #clock: Clock;
  readonly #graceMs: number;

  constructor(clock: Clock, graceMs: number) {
    this.#clock = clock;
    this.#graceMs = graceMs;
  }

  /** Those to tell now. `lookAgainMs`: after so long there may be more. */
  update(problems: readonly Problem[]): { tell: Problem[]; lookAgainMs: number | undefined } {
    const nowMs = this.#clock.now();
    const present = new Set(problems.map(idOf));
    for (const id of this.#since.keys()) if (!present.has(id)) this.#since.delete(id);
    const tell: Problem[] = [];
    let lookAgainMs: number | undefined;
    for (const problem of problems) {
      const id = idOf(problem);
      const known = this.#since.get(id) ?? { sinceMs: nowMs, isTold: false };
      this.#since.set(id, known);
      if (known.isTold) continue;
      const leftMs = known.sinceMs + this.#graceMs - nowMs;
      if (leftMs > 0) {
        lookAgainMs = Math.min(leftMs, lookAgainMs ?? leftMs);
        continue;
      }
      known.isTold = true;
      tell.push(problem);
    }
    return { tell, lookAgainMs };
  }
}

const idOf = ({ kind = "Ingress", ingress, reason, message }: Problem): string =>
  JSON.stringify([kind, ingress, reason, message]);
