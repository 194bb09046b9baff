/** The end of a sync: hooks are tidied up, the status says how it went, and what comes next. */
import type { ApplicationOperationResource } from "../../kube/kinds/application.ts";
import { dropHooks } from "../apply/hook-runs.ts";
import type { ObjectResult } from "../apply/object-result.ts";
import { differingFields } from "../gates/field-dispute.ts";
import type { HookProgress } from "../plan/hook-progress.ts";
import type { HookRun } from "../plan/steps.ts";
import { syncOptionsOf } from "../plan/sync-options.ts";
import { finishedState, type SyncFacts } from "../report/operation-state.ts";
import { refsOf } from "../report/resource-ref.ts";
import { afterAttempt, type Attempts, type Decision, decide } from "../sync-decision.ts";
import type { Sync } from "./open-sync.ts";

/**
 * @param results of this look
 * @returns when to look again without being told of a change, in milliseconds
 */
export async function finishSync(
  sync: Sync,
  progress: ReadonlyMap<HookRun, HookProgress>,
  results: readonly ObjectResult[],
): Promise<number | undefined> {
  const { look, deps, because, resources } = sync;
  const { application, memory, plan, subject, signal } = look;
  const { announcer, client, clock, live, reporter, writer } = deps;
  const options = syncOptionsOf(application);
  await dropHooks(progress, sync.hookSync, {
    client,
    clock,
    live,
    options,
    signal,
    observer: live,
  });
  const succeeded = !resources.some(isFailed);
  const nowMs = clock.now();
  let again: Decision | undefined;
  let retryCount = 0;
  if (!sync.isPartial) {
    const differing = (): string => differingFields(plan);
    const attempts = afterAttempt(sync.attempts, { subject, succeeded, because, nowMs, differing });
    memory.attempts = attempts;
    retryCount = Math.max(0, attempts.failures - 1);
    if (!succeeded) again = nextAttempt(sync, attempts, nowMs);
  }
  const outlook = outlookOf(again);
  const facts = { ...factsOf(sync), resources, isDryRun: false, retryCount, outlook };
  const operation = finishedState(facts, reporter.now());
  const all = withPastFailures(resources, results);
  announcer.synced(application, { because, plan, results: all, revision: facts.revision, outlook });
  await reporter.report(look, { results: all, operation, isUnfinished: sync.isPartial });
  await writer.operationDone(application, memory);
  return again?.apply === true ? 1 : again?.lookAgainMs;
}

export function factsOf({ look, operation, because }: Sync): SyncFacts {
  const { application, manifests, plan } = look;
  const { commit } = manifests;
  const state = application.status?.operationState;
  const { id, startedAt, isNew } = operation;
  return {
    application,
    id,
    revision: commit.id,
    startedAt,
    because,
    commit,
    // What it set out to do, not what is left of that.
    ...(isNew || state?.plan === undefined ? { plan } : { counts: state.plan }),
  };
}

/** How a hook ended, as a result among others. */
export function hookResult(
  { phase, desired }: HookRun,
  { as, message }: { readonly as: "Running" | "Succeeded" | "Failed"; readonly message: string },
): ObjectResult {
  const status = as === "Failed" ? "SyncFailed" : "Synced";
  return { ref: desired.ref, status, message, syncPhase: phase, hookPhase: as };
}

export const isFailed = ({ status }: ApplicationOperationResource): boolean =>
  status === "SyncFailed";

/** What this look did, and what earlier looks of this sync failed at. */
export function withPastFailures(
  resources: readonly ApplicationOperationResource[],
  results: readonly ObjectResult[],
): ObjectResult[] {
  const failed = resources.filter(isFailed).flatMap((resource): ObjectResult[] => {
    const [ref] = refsOf([resource]);
    const isKnown = results.some(
      (result) => result.status === "SyncFailed" && sameName(result, resource),
    );
    if (ref === undefined || isKnown) return [];
    return [{ ref, status: "SyncFailed", message: resource.message ?? "" }];
  });
  return [...results, ...failed];
}

function sameName({ ref }: ObjectResult, resource: ApplicationOperationResource): boolean {
  const { group = "", kind, namespace = "", name } = resource;
  return (
    ref.name === name && ref.kind === kind && ref.group === group && ref.namespace === namespace
  );
}

/** What comes after a failed sync. */
function nextAttempt({ look }: Sync, attempts: Attempts, nowMs: number): Decision {
  const { operation: _done, ...rest } = look.application;
  const { subject, gates } = look;
  return decide({ application: rest, subject, attempts, gates, inSync: false, nowMs });
}

function outlookOf(again: Decision | undefined): string {
  if (again === undefined) return "";
  if (again.apply) return "; trying again now";
  if (again.lookAgainMs === undefined) return `; ${again.because}`;
  return `; trying again in ${Math.ceil(again.lookAgainMs / 1_000)} s`;
}
