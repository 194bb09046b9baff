/**
 * Whether the agent of a node is still heard of, pure: pkg/controller/nodelifecycle's monitorNodeHealth.
 * What counts is when this controller saw a sign of life, by its own clock, not what the sign says: a
 * clock that is wrong somewhere hurts nobody, and a restart gives every node its time anew.
 */
import type { NodeCondition } from "kubernetes-types/core/v1";
import { formatTime, parseTime } from "../../../client/timestamps.ts";
import { findCondition } from "../../../kube/conditions.ts";
import type { Lease } from "../../../kube/kinds/lease.ts";
import type { Node } from "../../../kube/kinds/node.ts";

/** Five renewals of a lease, as upstream since 1.32. */
export const GRACE_MS = 50_000;
/** For a node whose agent has not said anything yet. */
export const STARTUP_GRACE_MS = 60_000;

export interface NodeHealth {
  /** When there was a sign of life last, by this controller's clock. */
  readonly seenMs: number;
  /** What the sign was: any other is a new one. */
  readonly sign: string;
}

/** Takes in a node as it is now. */
export function observe(
  known: NodeHealth | undefined,
  node: Node,
  lease: Lease | undefined,
  nowMs: number,
): NodeHealth {
  const ready = findCondition(node.status?.conditions, "Ready");
  const isSilent = ready === undefined && lease === undefined;
  // What this controller wrote is no sign of life.
  const heartbeat = isOurs(ready) ? "" : (ready?.lastHeartbeatTime ?? "");
  const sign = `${lease?.spec?.renewTime ?? ""} ${heartbeat}`;
  if (known !== undefined) return known.sign === sign ? known : { seenMs: nowMs, sign };
  const createdMs = parseTime(node.metadata.creationTimestamp) ?? nowMs;
  return { seenMs: isSilent ? createdMs : nowMs, sign };
}

const LOST = "NodeStatusUnknown";
const NEVER_SEEN = "NodeStatusNeverUpdated";
const UNKNOWN_REASONS: ReadonlySet<string> = new Set([LOST, NEVER_SEEN]);
const isOurs = (condition: NodeCondition | undefined): boolean =>
  condition?.status === "Unknown" && UNKNOWN_REASONS.has(condition.reason ?? "");

/** Up to when the silence of its agent is no news. */
export function overdueAtMs({ seenMs }: NodeHealth, node: Node): number {
  const hasReported = findCondition(node.status?.conditions, "Ready") !== undefined;
  return seenMs + (hasReported ? GRACE_MS : STARTUP_GRACE_MS);
}

/** It reported once and is silent now. */
export function wasLost(node: Node): boolean {
  const ready = findCondition(node.status?.conditions, "Ready");
  return ready?.status === "Unknown" && ready.reason === LOST;
}

/** Nobody knows any more how the node is. */
const DOUBTFUL = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"] as const;

/** The node's conditions once its agent is silent; undefined when they say so already. */
export function unknownConditions(node: Node, nowMs: number): NodeCondition[] | undefined {
  const conditions = node.status?.conditions ?? [];
  const now = formatTime(nowMs);
  const missing = DOUBTFUL.filter((type) => findCondition(conditions, type) === undefined);
  const isStale = ({ type, status }: NodeCondition): boolean =>
    DOUBTFUL.some((doubtful) => doubtful === type) && status !== "Unknown";
  if (missing.length === 0 && !conditions.some(isStale)) return undefined;
  return [
    ...conditions.map((condition) =>
      isStale(condition)
        ? {
            ...condition,
            status: "Unknown",
            reason: LOST,
            message: "Kubelet stopped posting node status.",
            lastTransitionTime: now,
          }
        : condition,
    ),
    ...missing.map((type) => ({
      type,
      status: "Unknown",
      reason: NEVER_SEEN,
      message: "Kubelet never posted node status.",
      lastHeartbeatTime: node.metadata.creationTimestamp ?? now,
      lastTransitionTime: now,
    })),
  ];
}

export type Readiness = "True" | "False" | "Unknown";
/** Undefined for a node that has not reported. */
export function readinessOf(node: Node): Readiness | undefined {
  const status = findCondition(node.status?.conditions, "Ready")?.status;
  if (status === undefined) return undefined;
  return status === "True" || status === "False" ? status : "Unknown";
}
