/** The first batch of a slow start. */
const INITIAL_BATCH = 1;

export interface SlowStartOutcome {
  readonly succeeded: number;
  /** The first failure; later batches were not begun. */
  readonly error: unknown;
}

/**
 * Does something `count` times in batches of 1, 2, 4, …, ending after the first batch with a
 * failure: when a quota or an admission plugin refuses all, it is asked a few times and not 500.
 */
export async function slowStart(
  count: number,
  act: () => Promise<void>,
): Promise<SlowStartOutcome> {
  let succeeded = 0;
  let remaining = count;
  for (let batch = INITIAL_BATCH; remaining > 0; batch *= 2) {
    const size = Math.min(batch, remaining);
    const outcomes = await Promise.allSettled(Array.from({ length: size }, act));
    const failed = outcomes.filter((outcome) => outcome.status === "rejected");
    succeeded += size - failed.length;
    if (failed[0] !== undefined) return { succeeded, error: failed[0].reason };
    remaining -= size;
  }
  return { succeeded, error: undefined };
}
