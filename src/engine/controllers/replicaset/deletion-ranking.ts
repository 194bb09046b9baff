/**
 * Which pods go first when there are too many: those that do the least, then those whose loss is
 * felt least (k8s.io/kubernetes pkg/controller ActivePodsWithRanks).
 */
import { parseTime } from "../../../client/timestamps.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import { isActive, isReady, readySinceMs } from "./pod-state.ts";

const DELETION_COST = "controller.kubernetes.io/pod-deletion-cost";
const PHASE_RANK: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

/** Negative: `a` goes before `b`. */
type Rule = (a: Pod, b: Pod) => number;

/**
 * The pods in order of deletion. `related` are the pods of the same owner's owner (all ReplicaSets
 * of a Deployment): of two equal pods the one with more neighbours on its node goes first.
 */
export function rankForDeletion(
  pods: readonly Pod[],
  related: readonly Pod[],
  nowMs: number,
): readonly Pod[] {
  const neighbours = countByNode(related.filter(isActive));
  const neighboursOf = (pod: Pod): number => neighbours.get(pod.spec?.nodeName ?? "") ?? 0;
  const rules: readonly Rule[] = [
    by((pod) => (isAssigned(pod) ? 1 : 0)),
    by((pod) => PHASE_RANK[pod.status?.phase ?? "Pending"] ?? 0),
    by((pod) => (isReady(pod) ? 1 : 0)),
    by(deletionCost),
    by((pod) => -neighboursOf(pod)),
    byAge((pod) => readySinceMs(pod), nowMs),
    by((pod) => -restarts(pod)),
    byAge((pod) => parseTime(pod.metadata.creationTimestamp), nowMs),
  ];
  return [...pods].sort((a, b) => {
    for (const rule of rules) {
      const order = rule(a, b);
      if (order !== 0) return order;
    }
    return byUid(a, b);
  });
}

function by(valueOf: (pod: Pod) => number): Rule {
  return (a, b) => valueOf(a) - valueOf(b);
}

/**
 * Younger first, but only by orders of magnitude: within a bucket the uid decides, so that deletions
 * spread over nodes and zones instead of hitting the newest (KEP-2185).
 */
function byAge(sinceMs: (pod: Pod) => number | undefined, nowMs: number): Rule {
  return (a, b) => {
    const [since, other] = [sinceMs(a), sinceMs(b)];
    if (since === other) return 0;
    if (since === undefined || other === undefined) return since === undefined ? -1 : 1;
    return ageBucket(since, nowMs) - ageBucket(other, nowMs) || byUid(a, b);
  };
}

function ageBucket(sinceMs: number, nowMs: number): number {
  const seconds = (nowMs - sinceMs) / 1_000;
  return seconds <= 1 ? 0 : Math.floor(Math.log2(seconds));
}

function byUid(a: Pod, b: Pod): number {
  const [left = "", right = ""] = [a.metadata.uid, b.metadata.uid];
  return left < right ? -1 : left > right ? 1 : 0;
}

function isAssigned(pod: Pod): boolean {
  return (pod.spec?.nodeName ?? "") !== "";
}

/** 0 for an annotation that is no number: admission refuses those, older objects may have them. */
function deletionCost(pod: Pod): number {
  const cost = Number(pod.metadata.annotations?.[DELETION_COST] ?? 0);
  return Number.isFinite(cost) ? cost : 0;
}

function restarts(pod: Pod): number {
  const counts = (pod.status?.containerStatuses ?? []).map(({ restartCount }) => restartCount);
  return Math.max(0, ...counts);
}

function countByNode(pods: readonly Pod[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const pod of pods) {
    const node = pod.spec?.nodeName ?? "";
    if (node !== "") counts.set(node, (counts.get(node) ?? 0) + 1);
  }
  return counts;
}
