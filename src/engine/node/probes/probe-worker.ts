/** Runs one probe of one container until it is stopped. */
import type { Probe } from "kubernetes-types/core/v1";
import type { Clock } from "../../../client/clock.ts";
import type { ProbeOutcome } from "./outcome.ts";
import {
  firstDelayMs,
  nextDelayMs,
  observe,
  type ProbeState,
  type ProbeType,
  UNPROBED,
} from "./probe-schedule.ts";

export interface ProbeWorkerOptions {
  readonly type: ProbeType;
  readonly probe: Probe;
  readonly clock: Clock;
  readonly startedAtMs: number;
  readonly attempt: () => Promise<ProbeOutcome>;
  /** The result of the probe changed: true well, false not. */
  readonly onResult: (success: boolean, message: string) => void;
  /** An attempt failed and counted. */
  readonly onFailure: (message: string) => void;
}

/** The returned function stops the probe; a result under way is then ignored. */
export function startProbe(options: ProbeWorkerOptions): () => void {
  const { type, probe, clock, startedAtMs } = options;
  let state: ProbeState = UNPROBED;
  let stopped = false;
  let cancel: () => void = () => undefined;

  const run = async (): Promise<void> => {
    const outcome = await options.attempt();
    if (stopped) return;
    const previous = state;
    state = observe(type, probe, previous, outcome, clock.now());
    if (!outcome.success && state !== previous) options.onFailure(outcome.message);
    if (state.result !== previous.result && state.result !== undefined)
      options.onResult(state.result, outcome.message);
    // A startup probe that has succeeded has no more to say; its owner stops it, or it rests here.
    if (stopped || (type === "startup" && state.result === true)) return;
    schedule(nextDelayMs(type, probe, state, { nowMs: clock.now(), startedAtMs }));
  };
  const schedule = (delayMs: number): void => {
    cancel = clock.after(delayMs, () => void run());
  };

  schedule(firstDelayMs(probe, { nowMs: clock.now(), startedAtMs }));
  return () => {
    stopped = true;
    cancel();
  };
}
