/** How much one run of a script may do: instructions, text, and time as the last resort. */

/** Argo CD's own scripts take hundreds; a list of a thousand conditions takes tens of thousands. */
export const MAX_INSTRUCTIONS = 200_000;
/** Longest text a script may build, in bytes: messages are far shorter. */
export const MAX_TEXT_BYTES = 256 * 1024;
/** One instruction may take long where memory is slow: so that nothing adds up to seconds. */
export const MAX_TIME_MS = 500;

/** Instructions between two looks at the clock. */
const TIME_CHECK_EVERY = 512;

export class LuaLimitError extends Error {
  override readonly name = "LuaLimitError";
}

export class LuaBudget {
  readonly #nowMs: () => number;
  readonly #untilMs: number;
  #left = MAX_INSTRUCTIONS;
  #untilTimeCheck = TIME_CHECK_EVERY;
  #exceeded: string | undefined;

  /** `nowMs` of a monotonic clock. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#untilMs = nowMs() + MAX_TIME_MS;
  }

  /** @throws {LuaLimitError} at the limit, and at every later call: `pcall` gains nothing */
  charge(steps: number): void {
    if (this.#exceeded !== undefined) throw new LuaLimitError(this.#exceeded);
    this.#left -= steps;
    if (this.#left < 0) this.#exceed(`it takes more than ${MAX_INSTRUCTIONS} instructions`);
    this.#untilTimeCheck -= steps;
    if (this.#untilTimeCheck > 0) return;
    this.#untilTimeCheck = TIME_CHECK_EVERY;
    if (this.#nowMs() > this.#untilMs) this.#exceed(`it takes longer than ${MAX_TIME_MS} ms`);
  }

  /** Asked before a text is built. */
  chargeText(bytes: number): void {
    if (bytes > MAX_TEXT_BYTES)
      this.#exceed(`it builds a text of more than ${MAX_TEXT_BYTES} bytes`);
    this.charge(bytes / 64);
  }

  /** Why the run was ended, whatever the script made of the error. */
  get exceeded(): string | undefined {
    return this.#exceeded;
  }

  #exceed(why: string): never {
    this.#exceeded = why;
    throw new LuaLimitError(why);
  }
}
