/** Exponential back-off as a value: `initialMs · factor^attempt`, at most `maxMs`. */
export interface Backoff {
  readonly initialMs: number;
  readonly maxMs: number;
  /** @default 2 */
  readonly factor?: number;
  /** Part of the delay, 0 to 1, that is random, so that many clients do not return at once. @default 0 */
  readonly jitter?: number;
}

/** Delay before retry number `attempt` (0 is the first). `random` yields [0, 1). */
export function backoffDelay(
  backoff: Backoff,
  attempt: number,
  random: () => number = Math.random,
): number {
  const { initialMs, maxMs, factor = 2, jitter = 0 } = backoff;
  const delayMs = Math.min(initialMs * factor ** attempt, maxMs);
  return delayMs * (1 - jitter * random());
}
