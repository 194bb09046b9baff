/** When a probe runs and what its attempts add up to, pure. */
import type { Probe } from "kubernetes-types/core/v1";
import type { ProbeOutcome } from "./outcome.ts";

export type ProbeType = "startup" | "liveness" | "readiness";

/** What attempts have shown so far. `result` is undefined until a threshold was reached. */
export interface ProbeState {
  readonly result: boolean | undefined;
  /** Of the newest run of equal outcomes. */
  readonly streak: { readonly success: boolean; readonly count: number };
  /** When a failure last counted. */
  readonly countedAtMs: number | undefined;
}
export const UNPROBED: ProbeState = {
  result: undefined,
  streak: { success: false, count: 0 },
  countedAtMs: undefined,
};

/** Upstream's defaults, for pods that did not pass through the API server's. */
const timing = (probe: Probe) => ({
  initialDelayMs: (probe.initialDelaySeconds ?? 0) * 1000,
  periodMs: (probe.periodSeconds ?? 10) * 1000,
  timeoutMs: (probe.timeoutSeconds ?? 1) * 1000,
  successThreshold: probe.successThreshold ?? 1,
  failureThreshold: probe.failureThreshold ?? 3,
});
export const timeoutMsOf = (probe: Probe): number => timing(probe).timeoutMs;

/**
 * Until a program first answers, it is asked again and again rather than once per period: a rollout
 * should wait for the program, not for the probe. Each pause is a tenth of the time the container
 * has been running, so that a start is noticed at most 10 % late.
 */
const EAGER_SHARE = 0.1;
const MIN_EAGER_PAUSE_MS = 25;
/** Starting a process costs far more than a request. */
const MIN_EAGER_EXEC_PAUSE_MS = 200;

const isEager = (type: ProbeType, state: ProbeState): boolean =>
  type !== "liveness" && state.result !== true && !state.streak.success;

export interface Moment {
  readonly nowMs: number;
  /** Start of the container. */
  readonly startedAtMs: number;
}

export function firstDelayMs(probe: Probe, { nowMs, startedAtMs }: Moment): number {
  return Math.max(0, startedAtMs + timing(probe).initialDelayMs - nowMs);
}

/** How long after an attempt the next one starts. */
export function nextDelayMs(
  type: ProbeType,
  probe: Probe,
  state: ProbeState,
  { nowMs, startedAtMs }: Moment,
): number {
  const { periodMs } = timing(probe);
  if (!isEager(type, state)) return periodMs;
  const shortest = probe.exec === undefined ? MIN_EAGER_PAUSE_MS : MIN_EAGER_EXEC_PAUSE_MS;
  return Math.min(periodMs, Math.max(shortest, (nowMs - startedAtMs) * EAGER_SHARE));
}

/**
 * The state after an attempt. Eager attempts that fail count at most once per period, so that
 * `failureThreshold × periodSeconds` stays the time a program has to start.
 */
export function observe(
  type: ProbeType,
  probe: Probe,
  state: ProbeState,
  { success }: ProbeOutcome,
  nowMs: number,
): ProbeState {
  const { periodMs, successThreshold, failureThreshold } = timing(probe);
  if (!success && isEager(type, state) && nowMs - (state.countedAtMs ?? -Infinity) < periodMs)
    return state;
  const count = state.streak.success === success ? state.streak.count + 1 : 1;
  const threshold = success ? successThreshold : failureThreshold;
  return {
    result: count >= threshold ? success : state.result,
    streak: { success, count },
    countedAtMs: success ? state.countedAtMs : nowMs,
  };
}
