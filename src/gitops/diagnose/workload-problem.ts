/** Why a workload has not even the pods that it wants, or has given up. Pure. */
import type { Event } from "../../kube/kinds/event.ts";
import type { KubeObject } from "../../kube/object.ts";
import { conditionOf, type StatusCondition } from "../health/health.ts";

export interface WorkloadProblem {
  readonly reason: string;
  readonly message: string;
  readonly isFinal: boolean;
}

/** `owner`: the workload, or the ReplicaSet that makes its pods; `events` are those of both. */
export function workloadProblem(
  owner: KubeObject,
  events: readonly Event[],
): WorkloadProblem | undefined {
  const conditions = (owner as { readonly status?: { conditions?: StatusCondition[] } }).status
    ?.conditions;
  // E.g. an exceeded quota, or an admission rule.
  const refused = conditionOf(conditions, "ReplicaFailure");
  if (refused?.status === "True") return problem(refused, false);
  const failed = conditionOf(conditions, "Failed");
  if (failed?.status === "True") return problem(failed, true);
  const create = events.find(({ reason, type }) => type === "Warning" && reason === "FailedCreate");
  if (create !== undefined) return problem(create, false);
  const progress = conditionOf(conditions, "Progressing");
  if (progress?.reason === "ProgressDeadlineExceeded") return problem(progress, true);
  return undefined;
}

function problem(
  { reason = "", message = "" }: { readonly reason?: string; readonly message?: string },
  isFinal: boolean,
): WorkloadProblem {
  return { reason, message: message.trim(), isFinal };
}
