/** What the agent knows of one container of a pod: the input of plan and status. */
import type { ContainerStatus } from "../runtime/runtime.ts";

export interface ContainerView {
  /** The newest run; absent when there was none. */
  readonly current?: ContainerStatus;
  /** The run before, always ended. */
  readonly previous?: ContainerStatus;
  /** Why the next run does not start. */
  readonly waiting?: Waiting;
  /** Its postStart hook has not ended. */
  readonly isStarting: boolean;
  /** Runs, its postStart hook is done and its startup probe, if any, has succeeded. */
  readonly isStarted: boolean;
  /** Started, and its readiness probe, if any, succeeds. */
  readonly isReady: boolean;
  /** What the run had to say in its end. */
  readonly message?: string;
  readonly previousMessage?: string;
}
export interface Waiting {
  readonly reason: string;
  readonly message?: string;
}
export type ViewOf = (container: string) => ContainerView;

export const UNSEEN: ContainerView = { isStarting: false, isStarted: false, isReady: false };

export type Outcome = "none" | "running" | "succeeded" | "failed";
export function outcomeOf({ current }: ContainerView): Outcome {
  if (current === undefined) return "none";
  if (current.state !== "exited") return "running";
  return current.exitCode === 0 ? "succeeded" : "failed";
}
