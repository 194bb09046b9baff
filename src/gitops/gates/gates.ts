/** What holds a sync back besides the policy itself: windows and dependencies. Pure. */
import type { Application, SyncWindow } from "../../kube/kinds/application.ts";
import { formatTime } from "../../client/timestamps.ts";
import type { StatedCondition } from "../report/application-status.ts";
import type { Waiting } from "./dependencies.ts";
import type { Gate, WindowState } from "./sync-windows.ts";

export interface Gates {
  readonly windows: WindowState;
  /** Those that the state was made of. */
  readonly applicable: readonly SyncWindow[];
  readonly waiting: Waiting | undefined;
}

const OPEN: Gate = { open: true };
export const NO_GATES: Gates = {
  windows: { sync: OPEN, manual: OPEN, selfHeal: OPEN, problems: [] },
  applicable: [],
  waiting: undefined,
};

/** What the status says of the gates. `isInSync`: nothing waits behind them. */
export function gateConditions(
  { windows, waiting }: Gates,
  application: Application,
  isInSync: boolean,
): StatedCondition[] {
  const found: StatedCondition[] = [];
  const closed = closedWindows(windows, application);
  if (closed !== undefined) found.push(closed);
  if (windows.problems.length > 0)
    found.push({
      type: "InvalidSyncWindow",
      reason: "InvalidSyncWindow",
      message: `${windows.problems.join("; ")}. Automated syncs wait until it is corrected; a sync on request goes ahead`,
    });
  if (waiting !== undefined && (waiting.forGood || !isInSync))
    found.push({
      type: "DependencyNotReady",
      reason: waiting.reason,
      message: waiting.forGood ? waiting.message : `waits: ${waiting.message}`,
    });
  return found;
}

function closedWindows(
  { sync, selfHeal, problems }: WindowState,
  { spec }: Application,
): StatedCondition | undefined {
  if (problems.length > 0) return undefined;
  if (!sync.open)
    return {
      type: "SyncWindow",
      reason: "SyncDenied",
      message: `syncs are denied ${untilOpen(sync)}`,
    };
  if (selfHeal.open || spec.syncPolicy?.automated?.selfHeal !== true) return undefined;
  return {
    type: "SyncWindow",
    reason: "SelfHealDenied",
    message: `drift is not healed ${untilOpen(selfHeal)}`,
  };
}

/** `until 2026-07-02T06:00:00Z by the windows: deny 0 22 * * * for 8h in UTC`. */
export function untilOpen(gate: Gate & { open: false }): string {
  const until =
    gate.opensAtMs === undefined
      ? "for the foreseeable future"
      : `until ${formatTime(gate.opensAtMs)}`;
  return `${until}: ${gate.because}`;
}
