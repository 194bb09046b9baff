/** The result of one attempt of a probe. `message` is for the Unhealthy event. */
export interface ProbeOutcome {
  readonly success: boolean;
  readonly message: string;
}
export const success: ProbeOutcome = { success: true, message: "" };
export const failure = (message: string): ProbeOutcome => ({ success: false, message });

/** As much of an answer as an event should quote (upstream: 10 KiB read, events cut at 1 KiB). */
export const MAX_PROBE_OUTPUT_BYTES = 10 * 1024;
