/** The taints that follow from how a node is, pure: pkg/controller/nodelifecycle. */
import type { Taint } from "kubernetes-types/core/v1";
import { formatTime } from "../../../client/timestamps.ts";
import type { Node } from "../../../kube/kinds/node.ts";
import { readinessOf } from "./node-health.ts";

export const NOT_READY = "node.kubernetes.io/not-ready";
export const UNREACHABLE = "node.kubernetes.io/unreachable";
export const OUT_OF_SERVICE = "node.kubernetes.io/out-of-service";
const UNSCHEDULABLE = "node.kubernetes.io/unschedulable";

/** Condition, status, and the taint that both mean. */
const BY_CONDITION: readonly (readonly [string, string, string])[] = [
  ["Ready", "False", NOT_READY],
  ["Ready", "Unknown", UNREACHABLE],
  ["MemoryPressure", "True", "node.kubernetes.io/memory-pressure"],
  ["DiskPressure", "True", "node.kubernetes.io/disk-pressure"],
  ["NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"],
  ["PIDPressure", "True", "node.kubernetes.io/pid-pressure"],
];
/** With this effect, these keys are the controller's own: nobody else's taints are touched. */
const OWN_NO_SCHEDULE: ReadonlySet<string> = new Set([
  ...BY_CONDITION.map(([, , key]) => key),
  UNSCHEDULABLE,
]);

/** What keeps new pods away. */
export function noScheduleKeys({ spec, status }: Node): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const [type, value, key] of BY_CONDITION)
    if (status?.conditions?.some((each) => each.type === type && each.status === value) === true)
      keys.add(key);
  if (spec?.unschedulable === true) keys.add(UNSCHEDULABLE);
  return keys;
}

/** What evicts pods: the taint that the node's readiness means, once eviction may begin. */
export function noExecuteKey(node: Node): string | undefined {
  const readiness = readinessOf(node);
  if (readiness === "False") return NOT_READY;
  return readiness === "Unknown" ? UNREACHABLE : undefined;
}

/** Of those that this controller sets. */
export function noExecuteTaintsOf({ spec }: Node): readonly Taint[] {
  return (spec?.taints ?? []).filter(
    ({ key, effect }) => effect === "NoExecute" && (key === NOT_READY || key === UNREACHABLE),
  );
}

/**
 * The node's taints as they should be; undefined when they are. `noExecute`: `keep` leaves those of
 * this controller as they are, apart from the kind of trouble, which may have changed.
 */
export function plannedTaints(
  node: Node,
  noExecute: "keep" | "add" | "remove",
  nowMs: number,
): readonly Taint[] | undefined {
  const taints = node.spec?.taints ?? [];
  const schedule = noScheduleKeys(node);
  const key = noExecuteKey(node);
  const isTainted = noExecuteTaintsOf(node).length > 0;
  const execute =
    key === undefined || noExecute === "remove" || (noExecute === "keep" && !isTainted)
      ? undefined
      : key;
  const kept = taints.filter(({ key: each, effect }) => {
    if (effect === "NoSchedule" && OWN_NO_SCHEDULE.has(each)) return schedule.has(each);
    if (effect === "NoExecute" && (each === NOT_READY || each === UNREACHABLE))
      return each === execute;
    return true;
  });
  const has = (key: string, effect: string): boolean =>
    kept.some((taint) => taint.key === key && taint.effect === effect);
  const timeAdded = formatTime(nowMs);
  const added: Taint[] = [...schedule]
    .filter((each) => !has(each, "NoSchedule"))
    .map((each) => ({ key: each, effect: "NoSchedule", timeAdded }));
  if (execute !== undefined && !has(execute, "NoExecute"))
    added.push({ key: execute, effect: "NoExecute", timeAdded });
  return added.length === 0 && kept.length === taints.length ? undefined : [...kept, ...added];
}
