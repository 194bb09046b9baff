/** Whether somebody declared a ready pod not ready: the node lifecycle controller, of a silent node. Pure. */
import type { PodStatus } from "kubernetes-types/core/v1";
import { parseTime } from "../../../client/timestamps.ts";
import { findCondition } from "../../../kube/conditions.ts";

/** `seen` may be older than `written`: then it tells nothing. */
export function isOverruled(seen: PodStatus | undefined, written: PodStatus): boolean {
  const theirs = findCondition(seen?.conditions, "Ready");
  const ours = findCondition(written.conditions, "Ready");
  if (theirs?.status !== "False" || ours?.status !== "True") return false;
  return (parseTime(theirs.lastTransitionTime) ?? 0) > (parseTime(ours.lastTransitionTime) ?? 0);
}
