/**
 * The conditions of a Deployment: Available, Progressing with its deadline, ReplicaFailure
 * (k8s.io/kubernetes pkg/controller/deployment/progress.go).
 */
import type { DeploymentCondition } from "kubernetes-types/apps/v1";
import { formatTime, parseTime } from "../../../client/timestamps.ts";
import { findCondition, removeCondition } from "../../../kube/conditions.ts";
import type { Deployment } from "../../../kube/kinds/deployment.ts";
import type { ReplicaSet } from "../../../kube/kinds/replicaset.ts";
import { boundsOf, replicasOf } from "./bounds.ts";
import { type DeploymentCounts, isComplete } from "./deployment-status.ts";

const AVAILABLE = "Available";
const PROGRESSING = "Progressing";
const REPLICA_FAILURE = "ReplicaFailure";

const COMPLETE = "NewReplicaSetAvailable";
const TIMED_OUT = "ProgressDeadlineExceeded";
const PAUSED = "DeploymentPaused";
const RESUMED = "DeploymentResumed";

const DEFAULT_DEADLINE_SECONDS = 600;
/** A deadline of this many seconds means none, as in upstream's defaulting. */
const NO_DEADLINE = 2 ** 31 - 1;
/** Looked at again this long after the deadline, since timestamps have whole seconds. */
const DEADLINE_MARGIN_MS = 1_000;

type Conditions = readonly DeploymentCondition[];
interface Said {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

export interface ConditionsInput {
  readonly deployment: Deployment;
  readonly counts: DeploymentCounts;
  readonly newest: ReplicaSet | undefined;
  readonly sets: readonly ReplicaSet[];
  /** The newest set is being created by this very reconcile. */
  readonly isNew: boolean;
  /** Whether the rollout is at work; false while paused or being scaled, when no deadline counts. */
  readonly isRollingOut: boolean;
  readonly nowMs: number;
}

export function deploymentConditions(input: ConditionsInput): Conditions {
  const { deployment, nowMs } = input;
  const now = formatTime(nowMs);
  const before = deployment.status?.conditions ?? [];
  const withProgress = hasDeadline(deployment)
    ? progress(input, before, now)
    : input.isRollingOut
      ? removeCondition(before, PROGRESSING)
      : before;
  const withFailure = input.isRollingOut ? replicaFailure(input, withProgress) : withProgress;
  return set(withFailure, availability(input), now);
}

/** Milliseconds until the deadline has to be looked at; undefined when no deadline runs. */
export function deadlineInMs(
  deployment: Deployment,
  conditions: Conditions,
  counts: DeploymentCounts,
  nowMs: number,
): number | undefined {
  const current = findCondition(conditions, PROGRESSING);
  const isRunning =
    hasDeadline(deployment) &&
    deployment.spec?.paused !== true &&
    current !== undefined &&
    current.reason !== TIMED_OUT &&
    current.reason !== COMPLETE &&
    !isComplete(deployment, counts);
  if (!isRunning) return undefined;
  return Math.max(0, deadlineMs(deployment, current) - nowMs) + DEADLINE_MARGIN_MS;
}

/** The conditions when the newest set could not be created. */
export function withCreateFailure(
  conditions: Conditions,
  message: string,
  nowMs: number,
): Conditions {
  const said = {
    type: PROGRESSING,
    status: "False",
    reason: "ReplicaSetCreateError",
    message,
  } as const;
  return set(conditions, said, formatTime(nowMs));
}

function progress(input: ConditionsInput, before: Conditions, now: string): Conditions {
  const begun = pausing(input.deployment, began(input, before, now), now);
  return input.isRollingOut ? rolling(input, begun, now) : begun;
}

function began({ newest, isNew }: ConditionsInput, before: Conditions, now: string): Conditions {
  if (newest === undefined) return before;
  const { name } = newest.metadata;
  if (isNew)
    return set(
      before,
      progressing("NewReplicaSetCreated", `Created new replica set "${name}"`),
      now,
    );
  if (findCondition(before, PROGRESSING) !== undefined) return before;
  return set(before, progressing("FoundNewReplicaSet", `Found new replica set "${name}"`), now);
}

/** A deadline that had passed before the pause stays told. */
function pausing(deployment: Deployment, before: Conditions, now: string): Conditions {
  const current = findCondition(before, PROGRESSING);
  const isPaused = deployment.spec?.paused === true;
  const saysPaused = current?.reason === PAUSED;
  if (current?.reason === TIMED_OUT || isPaused === saysPaused) return before;
  const [reason, message] = isPaused
    ? [PAUSED, "Deployment is paused"]
    : [RESUMED, "Deployment is resumed"];
  return set(before, { type: PROGRESSING, status: "Unknown", reason, message }, now);
}

function rolling(input: ConditionsInput, before: Conditions, now: string): Conditions {
  const { deployment, counts, newest, nowMs } = input;
  const current = findCondition(before, PROGRESSING);
  // Finished earlier: a pod that is lost and replaced is no new rollout.
  if (counts.replicas === counts.updatedReplicas && current?.reason === COMPLETE) return before;
  const what =
    newest === undefined
      ? `Deployment "${deployment.metadata.name}"`
      : `ReplicaSet "${newest.metadata.name}"`;
  if (isComplete(deployment, counts))
    return set(before, progressing(COMPLETE, `${what} has successfully progressed.`), now);
  if (hasAdvanced(deployment, counts))
    return refresh(before, progressing("ReplicaSetUpdated", `${what} is progressing.`), now);
  if (current === undefined || !isTimedOut(deployment, current, nowMs)) return before;
  const message = `${what} has timed out progressing.`;
  return set(before, { type: PROGRESSING, status: "False", reason: TIMED_OUT, message }, now);
}

/** Compared with the status that was last written. */
function hasAdvanced(deployment: Deployment, counts: DeploymentCounts): boolean {
  const before = deployment.status ?? {};
  const old = ({ replicas = 0, updatedReplicas = 0 }: DeploymentCounts): number =>
    replicas - updatedReplicas;
  const grew = (field: "updatedReplicas" | "readyReplicas" | "availableReplicas"): boolean =>
    (counts[field] ?? 0) > (before[field] ?? 0);
  return (
    grew("updatedReplicas") ||
    grew("readyReplicas") ||
    grew("availableReplicas") ||
    old(counts) < old(before)
  );
}

function isTimedOut(deployment: Deployment, current: DeploymentCondition, nowMs: number): boolean {
  if (current.reason === COMPLETE) return false;
  return current.reason === TIMED_OUT || deadlineMs(deployment, current) < nowMs;
}

function deadlineMs(deployment: Deployment, current: DeploymentCondition): number {
  const sinceMs = parseTime(current.lastUpdateTime) ?? 0;
  return sinceMs + deadlineSeconds(deployment) * 1_000;
}

function deadlineSeconds(deployment: Deployment): number {
  return deployment.spec?.progressDeadlineSeconds ?? DEFAULT_DEADLINE_SECONDS;
}

function hasDeadline(deployment: Deployment): boolean {
  return deadlineSeconds(deployment) !== NO_DEADLINE;
}

function replicaFailure({ newest, sets }: ConditionsInput, before: Conditions): Conditions {
  const rest = removeCondition(before, REPLICA_FAILURE);
  const newestFirst = newest === undefined ? sets : [newest, ...sets];
  for (const { status } of newestFirst) {
    const failure = findCondition(status?.conditions, REPLICA_FAILURE);
    if (failure === undefined) continue;
    // The set's own times: what is copied must not change with every look.
    const { lastTransitionTime } = failure;
    const times = lastTransitionTime === undefined ? {} : { lastUpdateTime: lastTransitionTime };
    return [...rest, { ...failure, ...times }];
  }
  return rest;
}

function availability({ deployment, counts }: ConditionsInput): Said {
  const minAvailable = replicasOf(deployment) - boundsOf(deployment).maxUnavailable;
  const isMet = (counts.availableReplicas ?? 0) >= minAvailable;
  return isMet
    ? {
        type: AVAILABLE,
        status: "True",
        reason: "MinimumReplicasAvailable",
        message: "Deployment has minimum availability.",
      }
    : {
        type: AVAILABLE,
        status: "False",
        reason: "MinimumReplicasUnavailable",
        message: "Deployment does not have minimum availability.",
      };
}

function progressing(reason: string, message: string): Said {
  return { type: PROGRESSING, status: "True", reason, message };
}

/** Nothing changes when status and reason stay: `lastUpdateTime` starts the deadline. */
function set(conditions: Conditions, said: Said, now: string): Conditions {
  const current = findCondition(conditions, said.type);
  if (current?.status === said.status && current.reason === said.reason) return conditions;
  return refresh(conditions, said, now);
}

/** As `set`, but `lastUpdateTime` becomes `now` in any case: there was progress. */
function refresh(conditions: Conditions, said: Said, now: string): Conditions {
  const current = findCondition(conditions, said.type);
  const lastTransitionTime =
    current?.status === said.status ? (current.lastTransitionTime ?? now) : now;
  const next = { ...said, lastUpdateTime: now, lastTransitionTime };
  return [...removeCondition(conditions, said.type), next];
}
