/**
 * Carries a sync on by one step, and reports what came of it. Nothing is waited for: what is not
 * complete is looked at again when a watch tells of a change. Everything that a later look has to
 * know is in the cluster or in the status before the next change is made.
 */
import { done, type Result } from "../../client/reconciler.ts";
import { parseTime } from "../../client/timestamps.ts";
import { deepEqual } from "../../kube/equality.ts";
import type { Look } from "../application-look.ts";
import { applyPlan } from "../apply/apply-plan.ts";
import { lookAtHooks } from "../apply/hook-runs.ts";
import type { ApplyOptions, ObjectResult } from "../apply/object-result.ts";
import { removeObject } from "../apply/prune-object.ts";
import { parseDuration } from "../duration.ts";
import type { HookProgress } from "../plan/hook-progress.ts";
import { compareForApply } from "../plan/kind-order.ts";
import { refKey, refOf } from "../plan/object-ref.ts";
import type { PlanEntry } from "../plan/plan.ts";
import {
  type Failure,
  inWords,
  nextWork,
  type StepWork,
  type SyncView,
} from "../plan/step-work.ts";
import type { HookRun } from "../plan/steps.ts";
import { syncOptionsOf } from "../plan/sync-options.ts";
import { trackedBy } from "../plan/tracking.ts";
import { HANDOVER_PATIENCE_MS } from "../plan-application.ts";
import { finishedState, resourcesAfter, runningState } from "../report/operation-state.ts";
import type { Attempts, Decision } from "../sync-decision.ts";
import { noteBeginning, refusals, stopHooks } from "./begin-sync.ts";
import { factsOf, finishSync, hookResult, isFailed, withPastFailures } from "./finish-sync.ts";
import { isApplied, openSync, type Sync, type SyncDeps } from "./open-sync.ts";
import { observed } from "../report/stage-metrics.ts";

/** More is to be done at once, by the next look. */
const AT_ONCE_MS = 1;
/** How soon to look for what no watch shows: objects that were not made by Gantry. */
const UNWATCHED_LOOK_MS = 1_000;

type Progress = ReadonlyMap<HookRun, HookProgress>;

/** @returns when to look again without being told of a change, in milliseconds */
export async function syncApplication(
  look: Look,
  attempts: Attempts | undefined,
  decision: Decision & { apply: true },
  deps: SyncDeps,
): Promise<number | undefined> {
  const sync = openSync(look, attempts, decision, deps);
  if (sync.operation.isNew) {
    if (await stopHooks(look, sync.operation.id, deps)) return UNWATCHED_LOOK_MS;
    const refused = await refusals(sync);
    if (refused.length > 0) {
      sync.resources = resourcesAfter([], refused);
      return finishSync(sync, new Map(), refused);
    }
    await noteBeginning(sync);
    if (decision.because === "drift") deps.announcer.drift(look.application, look.plan);
  }
  return carryOn(sync);
}

async function carryOn(sync: Sync): Promise<number | undefined> {
  const { look, deps, runs } = sync;
  const progress = await lookAtHooks(runs, sync.hookSync, sync.resources, {
    live: deps.live,
    health: look.judge,
    signal: look.signal,
  });
  await noteHooks(sync, progress);
  const view = viewOf(sync, progress);
  if (hasFailed(sync)) return afterFailure(sync, progress, view, []);
  const work = nextWork(sync.steps, view);
  if (work === undefined) return finishSync(sync, progress, []);
  const results = [...(await carryOut(sync, work)), ...failuresOf(sync, work)];
  sync.resources = resourcesAfter(sync.resources, results);
  if (hasFailed(sync)) return afterFailure(sync, progress, view, results);
  if (isEnd(work, results)) return finishSync(sync, progress, results);
  return goOn(sync, work, results);
}

function viewOf(sync: Sync, progress: Progress): SyncView {
  return {
    health: sync.look.judge,
    progressOf: (hook) => progress.get(hook) ?? { is: "due" },
    isApplied: (ref) => isApplied(sync, ref),
  };
}

/** How hooks ended is in the status before anything is built on it, or they are deleted. */
async function noteHooks(sync: Sync, progress: Progress): Promise<void> {
  const news = [...progress].flatMap(([run, state]) =>
    state.is === "ended" ? [hookResult(run, state)] : [],
  );
  const before = sync.resources;
  sync.resources = resourcesAfter(before, news);
  if (!deepEqual(before, sync.resources)) await note(sync, "applying", []);
}

const hasFailed = ({ resources }: Sync): boolean =>
  resources.some((resource) => isFailed(resource) && resource.syncPhase !== "SyncFail");

/** The hooks for this case run; then the sync is over. */
async function afterFailure(
  sync: Sync,
  progress: Progress,
  view: SyncView,
  results: readonly ObjectResult[],
): Promise<number | undefined> {
  const work = nextWork(sync.failSteps, view);
  if (work === undefined || (work.waits.length > 0 && overdueMs(sync) === 0))
    return finishSync(sync, progress, results);
  const made = await carryOut(sync, work);
  sync.resources = resourcesAfter(sync.resources, made);
  return goOn(sync, work, [...results, ...made]);
}

/** Objects and hooks of one step, kinds in order, pruning last. */
async function carryOut(sync: Sync, work: StepWork): Promise<ObjectResult[]> {
  const options = applyOptions(sync);
  for (const live of work.leftovers) await removeObject({ ref: refOf(live), live }, options);
  const runOf = new Map(work.dueHooks.map((run) => [refKey(run.desired.ref), run]));
  const hooks = work.dueHooks.map(
    ({ desired }): PlanEntry => ({ ref: desired.ref, action: "create", changes: [], desired }),
  );
  const pruned = work.entries.filter(({ desired }) => desired === undefined);
  const wanted = work.entries.filter(({ desired }) => desired !== undefined);
  const inOrder = [...wanted, ...hooks].sort((a, b) => compareForApply(a.ref, b.ref));
  const results = await observed(
    sync.deps.observer,
    "apply",
    () => applyPlan({ entries: [...inOrder, ...pruned] }, options),
    (made) => (made.some(({ status }) => status === "SyncFailed") ? "failure" : "success"),
  );
  return results.map((result) => {
    const run = runOf.get(refKey(result.ref));
    if (run === undefined) {
      if (result.status === "Synced") sync.applied.add(refKey(result.ref));
      return result;
    }
    const as = result.status === "SyncFailed" ? "Failed" : "Running";
    return { ...result, syncPhase: run.phase, hookPhase: as };
  });
}

function applyOptions({ look, deps }: Sync): ApplyOptions {
  const { client, clock, live } = deps;
  const options = syncOptionsOf(look.application);
  return { client, clock, options, signal: look.signal, observer: live };
}

/** What a look found to have failed, and what a sync has waited for too long. */
function failuresOf(sync: Sync, { failures, waits }: StepWork): ObjectResult[] {
  const isOverdue = overdueMs(sync) === 0;
  const timeout = sync.look.application.spec.syncPolicy?.timeout ?? "";
  const late = isOverdue
    ? waits.map(({ ref, message }) => ({
        ref,
        message: `was not ready within the sync's timeout of ${timeout}: ${message}`,
      }))
    : [];
  return [...failures, ...late].map(
    ({ ref, message }: Failure): ObjectResult => ({ ref, status: "SyncFailed", message }),
  );
}

/** Until `syncPolicy.timeout` is over; 0 when it is, undefined when there is none. */
function overdueMs({ look, deps, operation }: Sync): number | undefined {
  const timeoutMs = parseDuration(look.application.spec.syncPolicy?.timeout ?? "");
  const startedMs = parseTime(operation.startedAt);
  if (timeoutMs === undefined || startedMs === undefined) return undefined;
  return Math.max(0, startedMs + timeoutMs - deps.clock.now());
}

/** The last step needs no other look when all of it has been carried out. */
function isEnd(work: StepWork, results: readonly ObjectResult[]): boolean {
  const isDone = results.every(({ status }) => status !== "Waiting");
  const { isLast, dueHooks, leftovers, waits } = work;
  return isLast && isDone && [dueHooks, leftovers, waits].every((list) => list.length === 0);
}

/** More is to be done: at once, or when what it waits for changes. */
async function goOn(
  sync: Sync,
  work: StepWork,
  results: readonly ObjectResult[],
): Promise<number | undefined> {
  const waiting = results.filter(({ status }) => status === "Waiting");
  const waits = [...work.waits, ...waiting];
  const { phase, wave } = work.step;
  const where = sync.isSimple ? "" : `${phase}, wave ${wave}: `;
  const isProgress = results.length > waiting.length || work.leftovers.length > 0;
  const message = waits.length === 0 ? `${where}applying` : `${where}waits for ${inWords(waits)}`;
  await note(sync, message, results);
  if (isProgress) {
    const isUnwatched = work.leftovers.some((live) => trackedBy(live) === undefined);
    return isUnwatched ? UNWATCHED_LOOK_MS : AT_ONCE_MS;
  }
  const isHeld = work.step.entries.some(({ action }) => action === "wait");
  const lookAgainMs = isHeld ? HANDOVER_PATIENCE_MS : Number.POSITIVE_INFINITY;
  const soonestMs = Math.min(overdueMs(sync) ?? Number.POSITIVE_INFINITY, lookAgainMs);
  return Number.isFinite(soonestMs) ? soonestMs : undefined;
}

function note(sync: Sync, message: string, results: readonly ObjectResult[]): Promise<void> {
  const { resources, attempts } = sync;
  const operation = runningState(factsOf(sync), {
    message,
    resources,
    retryCount: attempts?.failures ?? 0,
  });
  const all = withPastFailures(resources, results);
  return sync.deps.reporter.note(sync.look, { results: all, operation });
}

/** Asks the API server what a sync would do, and reports that. */
export async function dryRunApplication(look: Look, deps: SyncDeps): Promise<Result> {
  const { application, manifests, memory, plan, signal } = look;
  const { commit } = manifests;
  const { client, clock, live, reporter, writer } = deps;
  const options = syncOptionsOf(application);
  const asked = { client, clock, options, signal, dryRun: true, observer: live };
  const resources = resourcesAfter([], await applyPlan(plan, asked));
  const facts = { application, revision: commit.id, startedAt: reporter.now(), commit, plan };
  const outcome = { resources, isDryRun: true, retryCount: 0, outlook: "" };
  await reporter.operation(look, finishedState({ ...facts, ...outcome }, reporter.now()));
  await writer.operationDone(application, memory);
  return done;
}
