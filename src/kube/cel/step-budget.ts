/**
 * How much work one evaluation may do, counted in steps rather than time: the same expression over
 * the same object succeeds or fails the same way on every machine.
 */
import { CelError } from "./cel-error.ts";

/** As Kubernetes' limit of one evaluation (`PerCallLimit`): a tenth of a second here, about. */
export const MAX_STEPS = 1_000_000;

/** Copying or searching so many characters counts as one step. */
export const CHARACTERS_PER_STEP = 10;

export class StepBudget {
  #left = MAX_STEPS;
  #exhausted: CelError | undefined;

  /** @throws {CelError} once the budget is used up, and at every later call. */
  charge(steps: number): void {
    this.#left -= steps;
    if (this.#left >= 0) return;
    this.#exhausted ??= new CelError(
      "exhausted",
      `the expression takes more than ${MAX_STEPS} steps; make it simpler or the lists shorter`,
    );
    throw this.#exhausted;
  }

  /** What remains: the most that measuring a value need find. */
  get left(): number {
    return Math.max(0, this.#left);
  }

  /** Macros swallow errors of their elements, this one too: ask again at the end. */
  assertNotExhausted(): void {
    if (this.#exhausted !== undefined) throw this.#exhausted;
  }
}
