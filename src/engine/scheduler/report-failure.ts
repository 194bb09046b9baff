/** Writes down why a pod has no node: in its Event, its condition, and where room is made for it. */
import type { Client } from "../../client/client.ts";
import { formatTime } from "../../client/timestamps.ts";
import { findCondition } from "../../kube/conditions.ts";
import { type Pod, pods } from "../../kube/kinds/pod.ts";
import { isStatus } from "../../kube/status-error.ts";

export interface Failure {
  /** `Unschedulable`, or `SchedulerError`. */
  readonly reason: string;
  readonly message: string;
  /** Undefined: leave it as it is; empty: none any more. */
  readonly nominatedNodeName?: string;
}

export async function reportFailure(
  client: Client,
  schedulerName: string,
  pod: Pod,
  failure: Failure,
  nowMs: number,
): Promise<void> {
  const { reason, message, nominatedNodeName } = failure;
  const type = "PodScheduled";
  const before = findCondition(pod.status?.conditions, type);
  const isKnown =
    before?.status === "False" && before.reason === reason && before.message === message;
  const isNominated = nominatedNodeName ?? pod.status?.nominatedNodeName ?? "";
  if (isKnown && isNominated === (pod.status?.nominatedNodeName ?? "")) return;
  const since = before?.status === "False" ? before.lastTransitionTime : undefined;
  const lastTransitionTime = since ?? formatTime(nowMs);
  const condition = { type, status: "False", reason, message, lastTransitionTime };
  const { namespace = "default", name, uid = "" } = pod.metadata;
  const nomination =
    nominatedNodeName === undefined
      ? {}
      : { nominatedNodeName: nominatedNodeName === "" ? null : nominatedNodeName };
  const body = { metadata: { uid }, status: { conditions: [condition], ...nomination } };
  try {
    await client.patch(
      pods,
      { namespace, name },
      { type: "strategic", body },
      { subresource: "status", fieldManager: schedulerName },
    );
  } catch (error) {
    // Gone, or another pod by now.
    if (!isStatus(error, "NotFound", "Conflict")) throw error;
  }
}
