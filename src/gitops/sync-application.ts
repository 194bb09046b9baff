/** Carries out what was decided for an Application, and reports what came of it. */
import type { Client } from "../client/client.ts";
import type { Clock } from "../client/clock.ts";
import { done } from "../client/reconciler.ts";
import type { Result } from "../client/reconciler.ts";
import type { Look } from "./application-look.ts";
import { applyPlan, type ObjectResult, type WriteObserver } from "./apply/apply-plan.ts";
import { applicationOptions } from "./plan/sync-options.ts";
import type { Announcer } from "./report/announce.ts";
import type { ApplicationWriter } from "./report/application-writer.ts";
import { finishedState, startedState, type SyncFacts } from "./report/operation-state.ts";
import { refsOf } from "./report/resource-ref.ts";
import type { StatusReporter } from "./report/status-reporter.ts";
import { afterAttempt, type Attempts, type Decision, decide } from "./sync-decision.ts";

export interface SyncDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly live: WriteObserver;
  readonly writer: ApplicationWriter;
  readonly announcer: Announcer;
  readonly reporter: StatusReporter;
}

/** @returns when to look again without being told of a change, in milliseconds */
export async function syncApplication(
  look: Look,
  attempts: Attempts | undefined,
  decision: Decision & { apply: true },
  deps: SyncDeps,
): Promise<number | undefined> {
  const { application, memory, plan, subject } = look;
  const { announcer, clock, reporter, writer } = deps;
  const facts = { ...factsOf(look, deps), because: decision.because };
  await claimKinds(look, facts, deps);
  if (decision.because === "drift") announcer.drift(application, plan);
  const results = await apply(look, deps, false);
  const succeeded = results.every((result) => result.status !== "SyncFailed");
  const { because } = decision;
  const nowMs = clock.now();
  memory.attempts = afterAttempt(attempts, { subject, succeeded, because, nowMs });
  const again = succeeded ? undefined : nextAttempt(look, memory.attempts, nowMs);
  const outlook = outlookOf(again);
  const retryCount = Math.max(0, memory.attempts.failures - 1);
  const operation = finishedState(
    { ...facts, results, isDryRun: false, retryCount, outlook },
    reporter.now(),
  );
  const { revision } = facts;
  announcer.synced(application, { because, plan, results, revision, outlook });
  await reporter.report(look, { results, operation });
  await writer.operationDone(application, memory);
  return again?.apply === true ? 1 : again?.lookAgainMs;
}

/** Asks the API server what a sync would do, and reports that. */
export async function dryRunApplication(look: Look, deps: SyncDeps): Promise<Result> {
  const facts = { ...factsOf(look, deps), retryCount: 0, outlook: "", isDryRun: true };
  const results = await apply(look, deps, true);
  await deps.reporter.operation(look, finishedState({ ...facts, results }, deps.reporter.now()));
  await deps.writer.operationDone(look.application, look.memory);
  return done;
}

/**
 * Before the first object of a kind is created, the status names it: an operator that is killed
 * in between knows afterwards where to look for what it left behind.
 */
async function claimKinds(look: Look, facts: SyncFacts, { reporter }: SyncDeps): Promise<void> {
  const known = refsOf(look.application.status?.resources);
  const claimed = new Set(known.map(({ group, kind }) => `${group}/${kind}`));
  const isNew = look.plan.entries.some(
    ({ action, ref }) => action === "create" && !claimed.has(`${ref.group}/${ref.kind}`),
  );
  if (isNew) await reporter.note(look, { operation: startedState(facts) });
}

function apply(
  { application, plan, signal }: Look,
  { client, clock, live }: SyncDeps,
  dryRun: boolean,
): Promise<ObjectResult[]> {
  const options = applicationOptions(application.spec.syncPolicy?.syncOptions);
  return applyPlan(plan, { client, clock, options, signal, dryRun, observer: live });
}

function factsOf({ application, manifests, plan }: Look, { reporter }: SyncDeps): SyncFacts {
  const { commit } = manifests;
  return { application, revision: commit.id, startedAt: reporter.now(), commit, plan };
}

/** What comes after a failed sync. */
function nextAttempt({ application, subject }: Look, attempts: Attempts, nowMs: number): Decision {
  const { operation: _done, ...rest } = application;
  return decide({ application: rest, subject, attempts, inSync: false, nowMs });
}

function outlookOf(again: Decision | undefined): string {
  if (again === undefined) return "";
  if (again.apply) return "; trying again now";
  if (again.lookAgainMs === undefined) return `; ${again.because}`;
  return `; trying again in ${Math.ceil(again.lookAgainMs / 1_000)} s`;
}
