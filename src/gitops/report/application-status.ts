/** What an Application's status says after a look or a sync. Pure. */
import type { Condition } from "kubernetes-types/meta/v1";
import { removeCondition, setCondition } from "../../kube/conditions.ts";
import { deepEqual } from "../../kube/equality.ts";
import type {
  Application,
  ApplicationOperationState,
  ApplicationResource,
  ApplicationStatus,
} from "../../kube/kinds/application.ts";
import { revisionId } from "../../kube/kinds/application.ts";
import type { ObjectResult } from "../apply/apply-plan.ts";
import type { Unusable } from "../plan/desired.ts";
import type { Judge } from "../health/live-health.ts";
import { isInSync, type Plan } from "../plan/plan.ts";
import { clip } from "./clip.ts";
import { namesMore, UNCONFIRMED } from "./unconfirmed-deletions.ts";
import { type ChangeAuthors, driftAfter } from "./drift.ts";
import { historyAfter } from "./history.ts";
import { healthOfAll, reportResources } from "./resources.ts";

/** Those that a look sets or clears; others belong to others. */
const CONDITION_TYPES = [
  "ComparisonError",
  "InvalidDestination",
  "InvalidManifests",
  "ManifestWarning",
  "NotPermitted",
  "PolicyViolation",
  "SyncError",
  "Suspended",
  UNCONFIRMED,
  "InvalidIgnoreRule",
  "SyncWindow",
  "InvalidSyncWindow",
  "DependencyNotReady",
  "FieldDispute",
  "RolledBack",
  "RollbackFailed",
];

export interface CommitSummary {
  readonly id: string;
  readonly author: string;
  readonly subject: string;
  /** With several sources, the revision of each, in their order. */
  readonly revisions?: readonly string[];
}
export interface StatedCondition {
  readonly type: string;
  readonly reason: string;
  readonly message: string;
}
/** Why the revision that the Application follows cannot be used. */
export interface Trouble extends StatedCondition {
  readonly revision?: string;
}

/** Status when nothing is known but the trouble: everything else stays as it was. */
export function troubledStatus(
  application: Application,
  trouble: Trouble,
  now: string,
): ApplicationStatus {
  const before = application.status ?? {};
  const revision = trouble.revision ?? before.sync?.revision;
  return {
    ...before,
    sync: { status: "Unknown", ...(revision === undefined ? {} : { revision }) },
    conditions: setCondition(before.conditions, conditionOf(trouble, now), now),
    observedGeneration: application.metadata.generation ?? 0,
  };
}

export interface Outcome {
  readonly plan: Plan;
  readonly unusable: readonly Unusable[];
  /** Of this sync; absent when nothing was applied. */
  readonly results?: readonly ObjectResult[];
  readonly commit: CommitSummary;
  readonly specHash: string;
  readonly conditions: readonly StatedCondition[];
  readonly trouble?: Trouble | undefined;
  readonly operation?: ApplicationOperationState;
  /** The revision as a whole is not synced: only some objects were, or hooks are still to run. */
  readonly isUnfinished?: boolean;
  readonly rollback?: ApplicationStatus["rollback"];
  readonly authors: ChangeAuthors;
  /** How live objects are judged. */
  readonly judge: Judge;
}

export function nextStatus(
  application: Application,
  outcome: Outcome,
  now: string,
): ApplicationStatus {
  const { plan, results, commit, trouble, operation, rollback } = outcome;
  const {
    rollback: _before,
    drift: driftBefore = [],
    unhealthySince = now,
    ...kept
  } = application.status ?? {};
  const { resources, images } = reportResources(plan, outcome.unusable, results, outcome.judge);
  const agrees = resources.every((resource) => resource.status === "Synced");
  const revision = trouble?.revision ?? commit.id;
  const settled =
    results === undefined && operation?.phase !== "Running"
      ? isInSync(plan) && outcome.isUnfinished !== true
      : operation?.phase === "Succeeded" && outcome.isUnfinished !== true;
  const hasSynced = settled && trouble === undefined && outcome.unusable.length === 0;
  const health = healthOfAll(resources);
  const synced = { revision: commit.id, specHash: outcome.specHash };
  return {
    ...kept,
    sync: {
      status: trouble !== undefined ? "Unknown" : agrees ? "Synced" : "OutOfSync",
      revision,
      ...(commit.revisions === undefined ? {} : { revisions: [...commit.revisions] }),
    },
    health,
    ...(resources.some(isUnhealthy) ? { unhealthySince } : {}),
    resources,
    conditions: conditionsAfter(kept.conditions ?? [], outcome, now),
    summary: { images },
    ...(operation === undefined ? {} : { operationState: operation }),
    ...(outcome.isUnfinished === true ? {} : historyAfter(application, outcome, now)),
    ...(hasSynced ? { lastSynced: synced } : {}),
    ...(hasSynced && health.status === "Healthy"
      ? { lastHealthy: { ...synced, revision: revisionId(commit.id, commit.revisions) } }
      : {}),
    ...(rollback === undefined ? {} : { rollback }),
    ...driftOf(driftBefore, application, outcome, now),
    observedGeneration: application.metadata.generation ?? 0,
  };
}

/** What is missing may only be yet to come. */
function isUnhealthy({ health }: ApplicationResource): boolean {
  return health !== undefined && !["Healthy", "Suspended", "Missing"].includes(health.status);
}

function driftOf(
  before: NonNullable<ApplicationStatus["drift"]>,
  { status }: Application,
  { plan, results, authors, commit, specHash }: Outcome,
  now: string,
): Pick<ApplicationStatus, "drift"> {
  const synced = status?.lastSynced;
  const wasSynced = synced?.revision === commit.id && synced.specHash === specHash;
  const drift = driftAfter(before, { plan, wasSynced, results, authors }, now);
  return drift.length === 0 ? {} : { drift };
}

/** Whether writing the status would tell anything new. */
export function isSameStatus(a: ApplicationStatus | undefined, b: ApplicationStatus): boolean {
  return deepEqual({ ...a, reconciledAt: "" }, { ...b, reconciledAt: "" });
}

function conditionsAfter(
  before: readonly Condition[],
  { conditions, trouble }: Outcome,
  now: string,
): Condition[] {
  const stated = trouble === undefined ? conditions : [...conditions, trouble];
  let after = [...before];
  for (const type of CONDITION_TYPES) {
    const found = stated.find((condition) => condition.type === type);
    const known = after.find((condition) => condition.type === type);
    const isNews =
      type === UNCONFIRMED && known !== undefined && found !== undefined
        ? namesMore(known.message, clip(found.message))
        : found === undefined;
    if (isNews) after = removeCondition(after, type);
    if (found !== undefined) after = setCondition(after, conditionOf(found, now), now);
  }
  return after;
}

function conditionOf({ type, reason, message }: StatedCondition, now: string): Condition {
  return { type, status: "True", reason, message: clip(message), lastTransitionTime: now };
}
