/** What has to hold before a sync makes its first change. */
import type { Look } from "../application-look.ts";
import { applyPlan } from "../apply/apply-plan.ts";
import { stopOtherHooks } from "../apply/hook-runs.ts";
import type { ObjectResult } from "../apply/object-result.ts";
import type { PlanEntry } from "../plan/plan.ts";
import { syncOptionsOf } from "../plan/sync-options.ts";
import { runningState } from "../report/operation-state.ts";
import { refsOf } from "../report/resource-ref.ts";
import { factsOf } from "./finish-sync.ts";
import type { Sync, SyncDeps } from "./open-sync.ts";

/**
 * Stops hooks that still run: they belong to a sync that nobody goes on with.
 * @param except the sync whose hooks may run
 * @returns whether some are still there
 */
export async function stopHooks(
  { application, hooks, judge, signal }: Look,
  except: string | undefined,
  { client, clock, live }: Pick<SyncDeps, "client" | "clock" | "live">,
): Promise<boolean> {
  const recorded = application.status?.operationState?.syncResult?.resources ?? [];
  const earlier = refsOf(recorded.filter(({ hookPhase }) => hookPhase !== undefined));
  const kinds = [...earlier, ...hooks.map(({ ref }) => ref)];
  const options = syncOptionsOf(application);
  const deps = { client, clock, live, observer: live, options, signal, health: judge };
  return (await stopOtherHooks(application, kinds, { ...deps, except })).length > 0;
}

/** What a transactional sync would fail at; nothing is changed by asking. */
export async function refusals(sync: Sync): Promise<ObjectResult[]> {
  const { look, deps, entries } = sync;
  if (look.application.spec.syncPolicy?.mode !== "Transactional") return [];
  // Updates have been tried by the plan already.
  const untried = entries.filter(({ action }) => action === "create" || action === "refuse");
  const plan = { entries: [...untried, ...(await absentHooks(sync))] };
  const results = await applyPlan(plan, {
    client: deps.client,
    clock: deps.clock,
    options: syncOptionsOf(look.application),
    signal: look.signal,
    dryRun: true,
  });
  const created = new Set(
    entries
      .filter(
        ({ action, ref }) => action === "create" && ref.kind === "Namespace" && ref.group === "",
      )
      .map(({ ref }) => ref.name),
  );
  return results.filter(
    ({ status, ref, message }) =>
      status === "SyncFailed" &&
      !(created.has(ref.namespace) && /namespaces? .*not found/.test(message)),
  );
}

/** What is there from an earlier run is deleted before: a dry run over it would say nothing. */
async function absentHooks({ runs, deps, look }: Sync): Promise<PlanEntry[]> {
  const absent: PlanEntry[] = [];
  for (const { desired } of runs)
    if ((await deps.live.get(desired, look.signal)) === undefined)
      absent.push({ ref: desired.ref, action: "create", changes: [], desired });
  return absent;
}

/**
 * The status says that the sync has begun: an operator that is killed goes on with it, and knows
 * where to look for what it left behind. A sync of one step that adds no kind can simply be begun
 * again.
 */
export async function noteBeginning(sync: Sync): Promise<void> {
  const { look, deps, entries } = sync;
  const known = refsOf(look.application.status?.resources);
  const claimed = new Set(known.map(({ group, kind }) => `${group}/${kind}`));
  const isNewKind = entries.some(
    ({ action, ref }) => action === "create" && !claimed.has(`${ref.group}/${ref.kind}`),
  );
  if (sync.isSimple && !isNewKind) return;
  const operation = runningState(factsOf(sync), {
    message: "applying",
    resources: sync.resources,
    retryCount: sync.attempts?.failures ?? 0,
  });
  await deps.reporter.note(look, { operation });
}
