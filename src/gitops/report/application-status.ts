/** What an Application's status says after a look or a sync. Pure. */
import { deepEqual } from "../../kube/equality.ts";
import { removeCondition, setCondition } from "../../kube/conditions.ts";
import type {
  Application,
  ApplicationHealth,
  ApplicationHistoryEntry,
  ApplicationOperationState,
  ApplicationResource,
  ApplicationResourceRef,
  ApplicationStatus,
} from "../../kube/kinds/application.ts";
import type { Deployment } from "../../kube/kinds/deployment.ts";
import type { KubeObject } from "../../kube/object.ts";
import type { ObjectResult } from "../apply/apply-plan.ts";
import { type Health, worstOf } from "../health/health.ts";
import { healthOf } from "../health/rules.ts";
import { type ObjectRef, refKey } from "../plan/object-ref.ts";
import type { Plan, PlanEntry } from "../plan/plan.ts";

/** Kept in `status.history` when `spec.revisionHistoryLimit` says nothing, as in Argo CD. */
const HISTORY_LIMIT = 10;
/** Bounds what a status can grow to; the rest is counted in the message. */
const MAX_RESULTS = 100;
const MAX_MESSAGE_CHARACTERS = 2_000;

export interface CommitSummary {
  readonly id: string;
  readonly author: string;
  readonly subject: string;
}

/** Status that a failure to get at manifests leads to: everything else stays as it was. */
export function failedStatus(
  application: Application,
  failure: {
    readonly type: string;
    readonly reason: string;
    readonly message: string;
    readonly revision?: string;
  },
  now: string,
): ApplicationStatus {
  const before = application.status ?? {};
  const revision = failure.revision ?? before.sync?.revision;
  const condition = {
    type: failure.type,
    status: "True",
    reason: failure.reason,
    message: clip(failure.message),
    lastTransitionTime: now,
  } as const;
  return {
    ...before,
    sync: { status: "Unknown", ...(revision === undefined ? {} : { revision }) },
    conditions: setCondition(before.conditions, condition, now),
    observedGeneration: application.metadata.generation ?? 0,
  };
}

export interface Outcome {
  readonly plan: Plan;
  /** Of this sync; absent when nothing was applied. */
  readonly results?: readonly ObjectResult[];
  readonly commit: CommitSummary;
  readonly conditions: readonly {
    readonly type: string;
    readonly reason: string;
    readonly message: string;
  }[];
  readonly operation?: ApplicationOperationState;
  readonly rollback?: ApplicationStatus["rollback"];
}

/** Condition types that a successful look clears. */
const CONDITION_TYPES = [
  "ComparisonError",
  "InvalidManifests",
  "SyncError",
  "Suspended",
  "SharedResource",
];

export function nextStatus(
  application: Application,
  outcome: Outcome,
  now: string,
): ApplicationStatus {
  const { plan, results, commit } = outcome;
  const before = application.status ?? {};
  const { rollback: _before, ...kept } = before;
  const byRef = new Map(results?.map((result) => [refKey(result.ref), result]));
  const resources = plan.entries
    .map((entry) => resourceOf(entry, byRef.get(refKey(entry.ref))))
    .filter((resource): resource is ApplicationResource => resource !== undefined);
  const health = healthOfAll(resources);
  const inSync = resources.every((resource) => resource.status === "Synced");
  return {
    ...kept,
    sync: { status: inSync ? "Synced" : "OutOfSync", revision: commit.id },
    health,
    resources,
    conditions: conditionsAfter(before.conditions ?? [], outcome.conditions, now),
    summary: { images: imagesOf(plan, byRef) },
    ...(outcome.operation === undefined ? {} : { operationState: outcome.operation }),
    ...historyAfter(application, outcome, now),
    ...(outcome.rollback === undefined ? {} : { rollback: outcome.rollback }),
    observedGeneration: application.metadata.generation ?? 0,
  };
}

/** Whether writing the status would tell anything new. */
export function isSameStatus(a: ApplicationStatus | undefined, b: ApplicationStatus): boolean {
  return deepEqual({ ...a, reconciledAt: "" }, { ...b, reconciledAt: "" });
}

/** The live object after the sync; undefined when there is none. */
function liveAfter(entry: PlanEntry, result: ObjectResult | undefined): KubeObject | undefined {
  return result?.live ?? entry.live;
}

function resourceOf(
  entry: PlanEntry,
  result: ObjectResult | undefined,
): ApplicationResource | undefined {
  if (result?.status === "Pruned") return undefined;
  const base = plainRef(entry.ref);
  const live = liveAfter(entry, result);
  if (entry.desired === undefined) {
    const message = entry.reason;
    const requiresPruning = { ...base, requiresPruning: true } as const;
    // Kept on purpose: no difference that a sync would mend.
    const status = entry.live?.metadata.deletionTimestamp === undefined ? "OutOfSync" : "Synced";
    return { ...requiresPruning, status, ...(message === undefined ? {} : { message }) };
  }
  const health: Health | undefined =
    live === undefined ? { status: "Missing", message: "it does not exist" } : healthOf(live);
  const synced = isSynced(entry, result);
  const message = synced ? undefined : (result?.message ?? entry.reason);
  return {
    ...base,
    status: synced ? "Synced" : "OutOfSync",
    ...(message === undefined ? {} : { message: clip(message) }),
    ...(health === undefined ? {} : { health: { ...health } }),
  };
}

function isSynced(entry: PlanEntry, result: ObjectResult | undefined): boolean {
  if (entry.action === "unchanged" || entry.action === "skip") return true;
  return result?.status === "Synced";
}

function healthOfAll(resources: readonly ApplicationResource[]): ApplicationHealth {
  const judged = resources.filter((resource) => resource.health !== undefined);
  const worst = worstOf(judged.map((resource) => resource.health as Health));
  if (worst.message === undefined) return { status: worst.status };
  const culprit = judged.find((resource) => resource.health === worst);
  return {
    status: worst.status,
    message: clip(`${culprit?.kind ?? ""}/${culprit?.name ?? ""}: ${worst.message}`),
  };
}

function conditionsAfter(
  before: NonNullable<ApplicationStatus["conditions"]>,
  now: Outcome["conditions"],
  nowIso: string,
): NonNullable<ApplicationStatus["conditions"]> {
  let conditions = before;
  for (const type of CONDITION_TYPES) {
    const found = now.find((condition) => condition.type === type);
    conditions =
      found === undefined
        ? removeCondition(conditions, type)
        : setCondition(
            conditions,
            { ...found, message: clip(found.message), status: "True", lastTransitionTime: nowIso },
            nowIso,
          );
  }
  return conditions;
}

/** One entry for each revision that was synced, newest last. */
function historyAfter(
  application: Application,
  { commit, operation }: Outcome,
  now: string,
): { history?: ApplicationHistoryEntry[] } {
  if (operation?.phase !== "Succeeded") return {};
  const history = application.status?.history ?? [];
  const last = history.at(-1);
  if (last?.revision === commit.id) return {};
  const limit = application.spec.revisionHistoryLimit ?? HISTORY_LIMIT;
  const entry: ApplicationHistoryEntry = {
    id: (last?.id ?? 0) + 1,
    revision: commit.id,
    deployedAt: now,
    author: commit.author,
    message: clip(commit.subject),
    ...(operation.initiatedBy === undefined ? {} : { initiatedBy: operation.initiatedBy }),
  };
  return { history: [...history, entry].slice(-Math.max(1, limit)) };
}

/** The state of a sync that has just been carried out. */
export function operationState(
  facts: {
    readonly revision: string;
    readonly results: readonly ObjectResult[];
    readonly startedAt: string;
    readonly failures: number;
    readonly initiatedBy: string | undefined;
  },
  now: string,
): ApplicationOperationState {
  const failed = facts.results.filter((result) => result.status === "SyncFailed");
  const message =
    failed.length === 0
      ? `applied ${facts.results.length} objects`
      : `${failed.length} of ${facts.results.length} objects failed: ${failed.map((result) => result.message).join("; ")}`;
  const resources = [...failed, ...facts.results.filter((result) => result.status !== "SyncFailed")]
    .slice(0, MAX_RESULTS)
    .map((result) => ({
      ...plainRef(result.ref),
      status: result.status,
      message: clip(result.message),
    }));
  return {
    phase: failed.length === 0 ? "Succeeded" : "Failed",
    message: clip(message),
    startedAt: facts.startedAt,
    finishedAt: now,
    ...(facts.failures === 0 ? {} : { retryCount: facts.failures }),
    ...(facts.initiatedBy === undefined ? {} : { initiatedBy: facts.initiatedBy }),
    syncResult: { revision: facts.revision, resources },
  };
}

function imagesOf(plan: Plan, results: ReadonlyMap<string, ObjectResult>): string[] {
  const images = new Set<string>();
  for (const entry of plan.entries) {
    const live = liveAfter(entry, results.get(refKey(entry.ref)));
    // Everything that has a pod template keeps it in the same place.
    const template = (live as Deployment | undefined)?.spec?.template?.spec;
    for (const container of template?.containers ?? [])
      if (container.image !== undefined) images.add(container.image);
  }
  return [...images].sort();
}

function plainRef(ref: ObjectRef): ApplicationResourceRef {
  const { group, version, kind, namespace, name } = ref;
  return {
    ...(group === "" ? {} : { group }),
    version,
    kind,
    ...(namespace === "" ? {} : { namespace }),
    name,
  };
}

/** The inverse: what an Application's status lists. */
export function refsOf(resources: readonly ApplicationResourceRef[] | undefined): ObjectRef[] {
  return (resources ?? []).map(({ group = "", version, kind, namespace = "", name }) => ({
    group,
    version,
    kind,
    namespace,
    name,
  }));
}

function clip(text: string): string {
  return text.length <= MAX_MESSAGE_CHARACTERS ? text : `${text.slice(0, MAX_MESSAGE_CHARACTERS)}…`;
}
