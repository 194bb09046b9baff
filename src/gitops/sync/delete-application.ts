/**
 * The end of an Application, where its finalizer asks for that: PreDelete hooks, its objects (the
 * last wave first, one wave at a time), PostDelete hooks. One step per look, like a sync. What
 * another Application wants stays for that one.
 */
import { done, requeueAfter, type Result } from "../../client/reconciler.ts";
import { parseTime } from "../../client/timestamps.ts";
import type { Application, ApplicationOperationResource } from "../../kube/kinds/application.ts";
import { deepEqual } from "../../kube/equality.ts";
import { type KubeObject, keyOf } from "../../kube/object.ts";
import { StatusError } from "../../kube/status-error.ts";
import type { ManifestSource } from "../application-manifests.ts";
import { targetRevision } from "../application-manifests.ts";
import type { ApplicationMemory } from "../application-memory.ts";
import { applyPlan } from "../apply/apply-plan.ts";
import { type HookSync, hookRuns, lookAtHooks, releaseHook } from "../apply/hook-runs.ts";
import type { ApplyOptions } from "../apply/object-result.ts";
import { removeObject } from "../apply/prune-object.ts";
import { healthOf } from "../health/rules.ts";
import type { Claims } from "../plan/claims.ts";
import { type Desired, sha256, toDesired } from "../plan/desired.ts";
import { compareForApply } from "../plan/kind-order.ts";
import { formatRef, refKey, refOf } from "../plan/object-ref.ts";
import type { PlanEntry } from "../plan/plan.ts";
import { inWords, nextWork } from "../plan/step-work.ts";
import { stepsOf } from "../plan/steps.ts";
import { objectOptions, syncOptionsOf } from "../plan/sync-options.ts";
import { waveOf } from "../plan/sync-wave.ts";
import { trackingLabel } from "../plan/tracking.ts";
import { HANDOVER_PATIENCE_MS, isDeletionConfirmed, repositoriesOf } from "../plan-application.ts";
import { resourcesAfter, runningState } from "../report/operation-state.ts";
import { refsOf } from "../report/resource-ref.ts";
import { SourceError } from "../source/source-error.ts";
import { hookResult, isFailed } from "./finish-sync.ts";
import type { SyncDeps } from "./open-sync.ts";

/** As in Argo CD: with one of these, deleting the Application deletes its objects first. */
const CASCADE_FINALIZERS = [
  "resources-finalizer.gantry.dev",
  "resources-finalizer.argocd.argoproj.io",
  "resources-finalizer.argocd.argoproj.io/background",
  "resources-finalizer.argocd.argoproj.io/foreground",
];
/** How soon to look for what no watch shows; what a watch shows is looked at at once. */
const DELETION_LOOK_MS = 5_000;
/** How soon a deletion hook that failed is made again: somebody has to mend it first. */
const HOOK_RETRY_MS = 60_000;

export interface DeletionDeps extends SyncDeps {
  readonly claims: Claims;
  readonly source: ManifestSource;
}

interface Deletion {
  readonly application: Application;
  readonly memory: ApplicationMemory;
  readonly deps: DeletionDeps;
  readonly signal: AbortSignal;
  readonly owner: string;
  /** What has become of its hooks; grows. */
  resources: readonly ApplicationOperationResource[];
}

/** Whether deleting it deletes its objects. */
export function cascades({ metadata }: Application): boolean {
  return (metadata.finalizers ?? []).some((name) => CASCADE_FINALIZERS.includes(name));
}

export async function deleteApplication(
  application: Application,
  memory: ApplicationMemory,
  deps: DeletionDeps,
  signal: AbortSignal,
): Promise<Result> {
  if (!cascades(application)) return done;
  const owner = trackingLabel(keyOf(application), sha256);
  const resources = recordedResources(application);
  const deletion: Deletion = { application, memory, deps, signal, owner, resources };
  // From here on it wants nothing, and others may have it.
  deps.claims.state(owner, { desired: NOTHING, isIncomplete: false });
  if (othersAreUndecided(deletion)) return requeueAfter(DELETION_LOOK_MS);
  const hooks = await deletionHooks(deletion);
  const before = await runHooks(deletion, hooks, "PreDelete");
  if (before !== "done") return before;
  const left = await deleteObjects(deletion, hooks);
  if (left !== undefined) {
    await note(deletion, left, deletion.resources);
    return requeueAfter(DELETION_LOOK_MS);
  }
  const after = await runHooks(deletion, hooks, "PostDelete");
  if (after !== "done") return after;
  await deleteHooks(deletion, hooks);
  const finalizers = (application.metadata.finalizers ?? []).filter(
    (name) => !CASCADE_FINALIZERS.includes(name),
  );
  await deps.writer.finalizers(application, memory, finalizers);
  return done;
}

const NOTHING: readonly Desired[] = [];

/** An Application that takes over from this one may have been created a moment ago. */
function othersAreUndecided({ application, memory, deps, owner }: Deletion): boolean {
  const deletedMs = parseTime(application.metadata.deletionTimestamp) ?? 0;
  if (deps.clock.now() >= deletedMs + HANDOVER_PATIENCE_MS) return false;
  const repositories = repositoriesOf(application);
  return (
    deps.claims.undecided(owner, { repositories, sinceMs: memory.newestSinceMs }) !== undefined
  );
}

/** Without manifests there are no hooks to run: a repository that is gone must not hold up the end. */
async function deletionHooks(deletion: Deletion): Promise<readonly Desired[]> {
  const { application, memory, deps, signal } = deletion;
  if (memory.deletionHooks !== undefined) return memory.deletionHooks;
  try {
    const { manifests } = await deps.source.manifestsOf(application, {
      revision: application.status?.lastSynced?.revision ?? targetRevision(application),
      signal,
    });
    const { hooks } = await toDesired(manifests, {
      client: deps.client,
      applicationKey: keyOf(application),
      namespace: application.spec.destination.namespace ?? "default",
      options: syncOptionsOf(application),
    });
    memory.deletionHooks = hooks;
  } catch (error) {
    if (!(error instanceof SourceError) || signal.aborted) throw error;
    const { message } = error;
    const type = "ComparisonError";
    deps.announcer.trouble(application, { type, reason: "DeletedWithoutHooks", message });
    memory.deletionHooks = [];
  }
  return memory.deletionHooks;
}

function hookSyncOf({ application }: Pick<Deletion, "application">): HookSync {
  const { uid = "", deletionTimestamp = "" } = application.metadata;
  const revision = application.status?.lastSynced?.revision ?? "";
  return { application, syncId: `delete-${uid}`, startedAt: deletionTimestamp, revision };
}

function recordedResources(application: Application): readonly ApplicationOperationResource[] {
  const state = application.status?.operationState;
  if (state?.id !== hookSyncOf({ application }).syncId) return [];
  return state.syncResult?.resources ?? [];
}

async function runHooks(
  deletion: Deletion,
  hooks: readonly Desired[],
  phase: "PreDelete" | "PostDelete",
): Promise<Result | "done"> {
  const { deps, signal } = deletion;
  const sync = hookSyncOf(deletion);
  const runs = hookRuns(hooks, [phase], sync);
  if (runs.length === 0) return "done";
  const before = deletion.resources;
  const look = { live: deps.live, health: healthOf, signal };
  const progress = await lookAtHooks(runs, sync, before, look);
  const ended = [...progress].flatMap(([run, state]) =>
    state.is === "ended" ? [hookResult(run, state)] : [],
  );
  const resources = resourcesAfter(before, ended);
  const failed = resources.filter((it) => isFailed(it) && it.syncPhase === phase);
  if (failed.length > 0) return retryHooks(deletion, resources, phase);
  const work = nextWork(stepsOf([], runs, syncOptionsOf(deletion.application)), {
    health: healthOf,
    progressOf: (run) => progress.get(run) ?? { is: "due" },
    isApplied: () => false,
  });
  if (work === undefined) {
    if (!deepEqual(before, resources)) await note(deletion, `${phase} hooks have run`, resources);
    return "done";
  }
  // The status says that the deletion has begun before its first hook is made.
  if (work.dueHooks.length > 0) await note(deletion, `${phase}: runs hooks`, resources);
  const options = applyOptions(deletion);
  for (const live of work.leftovers) await removeObject({ ref: refOf(live), live }, options);
  const entries = work.dueHooks.map(
    ({ desired }): PlanEntry => ({ ref: desired.ref, action: "create", changes: [], desired }),
  );
  const made = await applyPlan({ entries }, options);
  const results = made.map((result) => {
    const as = result.status === "SyncFailed" ? "Failed" : "Running";
    return { ...result, syncPhase: phase, hookPhase: as } as const;
  });
  const message = work.waits.length > 0 ? `${phase}: waits for ${inWords(work.waits)}` : phase;
  await note(deletion, message, resourcesAfter(resources, results));
  return requeueAfter(results.length > 0 ? 1 : DELETION_LOOK_MS);
}

/** As in Argo CD, a hook that fails holds up the deletion; it is made again, mended or not. */
async function retryHooks(
  deletion: Deletion,
  resources: readonly ApplicationOperationResource[],
  phase: "PreDelete" | "PostDelete",
): Promise<Result> {
  const { application, deps, memory } = deletion;
  const state = application.status?.operationState;
  const isNew = !(state?.syncResult?.resources ?? []).some(
    (it) => isFailed(it) && it.syncPhase === phase,
  );
  const nowMs = deps.clock.now();
  if (isNew || memory.deletionFailedAtMs === undefined) {
    memory.deletionFailedAtMs = nowMs;
    const why = resources
      .filter(isFailed)
      .map((it) => `${it.kind}/${it.name}: ${it.message ?? ""}`);
    await note(deletion, `${phase} hook failed, the deletion waits: ${why.join("; ")}`, resources);
    return requeueAfter(HOOK_RETRY_MS);
  }
  const leftMs = memory.deletionFailedAtMs + HOOK_RETRY_MS - nowMs;
  if (leftMs > 0) return requeueAfter(leftMs);
  memory.deletionFailedAtMs = undefined;
  memory.deletionHooks = undefined;
  const options = applyOptions(deletion);
  const hooks = hookRuns(await deletionHooks(deletion), [phase], hookSyncOf(deletion));
  for (const { desired } of hooks) {
    const live = await deps.live.get(desired, deletion.signal);
    if (live === undefined) continue;
    await releaseHook(live, options);
    await removeObject({ ref: desired.ref, live }, options);
  }
  await note(
    deletion,
    `${phase}: tries again`,
    resources.filter((it) => it.syncPhase !== phase),
  );
  return requeueAfter(1);
}

/**
 * Asks for the deletion of the objects of the last wave that is left.
 * @returns what is waited for; undefined when nothing is left
 * @throws StatusError when one cannot be deleted
 */
async function deleteObjects(
  deletion: Deletion,
  hooks: readonly Desired[],
): Promise<string | undefined> {
  const { application, deps, owner, signal } = deletion;
  const options = syncOptionsOf(application);
  const kinds = [
    ...refsOf(application.status?.resources),
    ...refsOf(application.status?.operationState?.syncResult?.resources),
    ...hooks.map(({ ref }) => ref),
  ];
  const post = new Set(
    hookRuns(hooks, ["PostDelete"], hookSyncOf(deletion)).map(({ desired }) => refKey(desired.ref)),
  );
  const owned = (await deps.live.owned(owner, kinds, signal)).filter((live) => {
    const key = refKey(refOf(live));
    return !post.has(key) && deps.claims.wantedBy(key, owner) === undefined;
  });
  const wish = (live: KubeObject): boolean | "confirm" => objectOptions(live, options).delete;
  const isApproved = isDeletionConfirmed(application);
  const leaving = owned.filter(
    (live) => wish(live) === true || (wish(live) === "confirm" && isApproved),
  );
  const unconfirmed = owned.filter((live) => wish(live) === "confirm" && !isApproved);
  const last = Math.max(...leaving.map(waveOf));
  const entries = leaving
    .filter((live) => waveOf(live) === last && live.metadata.deletionTimestamp === undefined)
    .map((live): PlanEntry => ({ ref: refOf(live), action: "prune", changes: [], live }))
    .sort((a, b) => compareForApply(b.ref, a.ref));
  for (const { live } of entries)
    if (live !== undefined) await releaseHook(live, applyOptions(deletion));
  const results = await applyPlan({ entries }, applyOptions(deletion));
  const failed = results.find((result) => result.status === "SyncFailed");
  if (failed !== undefined)
    throw StatusError.of("InternalError", `${formatRef(failed.ref)}: ${failed.message}`);
  const waits = leaving.map((live) => ({ ref: refOf(live), message: "" }));
  if (waits.length > 0) return `is being deleted: waits for ${inWords(waits)} to be gone`;
  if (unconfirmed.length === 0) return undefined;
  const asking = unconfirmed.map((live) => ({ ref: refOf(live), message: "" }));
  return `is being deleted: ${inWords(asking)} may only be deleted when somebody confirms that: annotate the Application with argocd.argoproj.io/deletion-approved and the present time`;
}

/** Nobody will look after them any more. */
async function deleteHooks(deletion: Deletion, hooks: readonly Desired[]): Promise<void> {
  const { deps, signal } = deletion;
  const options = applyOptions(deletion);
  for (const { desired } of hookRuns(hooks, ["PostDelete"], hookSyncOf(deletion))) {
    const live = await deps.live.get(desired, signal);
    if (live === undefined) continue;
    await releaseHook(live, options);
    await removeObject({ ref: desired.ref, live }, options);
  }
}

function applyOptions({ application, deps, signal }: Deletion): ApplyOptions {
  const { client, clock, live } = deps;
  return { client, clock, options: syncOptionsOf(application), signal, observer: live };
}

async function note(
  deletion: Deletion,
  message: string,
  resources: readonly ApplicationOperationResource[],
): Promise<void> {
  const { application, memory, deps } = deletion;
  const { syncId: id, startedAt, revision } = hookSyncOf(deletion);
  const facts = { application, id, startedAt, revision, because: "deletion" };
  deletion.resources = resources;
  const state = runningState(facts, { message, resources, retryCount: 0 });
  await deps.reporter.operation({ application, memory }, state);
}
