/** A sync as one look sees it: its steps, and what has become of them so far. Pure. */
import type { Client } from "../../client/client.ts";
import type { Clock } from "../../client/clock.ts";
import type { ApplicationOperationResource } from "../../kube/kinds/application.ts";
import type { Look } from "../application-look.ts";
import { type HookSync, hookRuns } from "../apply/hook-runs.ts";
import type { WriteObserver } from "../apply/object-result.ts";
import { refKey } from "../plan/object-ref.ts";
import type { PlanEntry } from "../plan/plan.ts";
import type { LiveObjects } from "../plan/planner.ts";
import { type HookRun, type Step, stepsOf } from "../plan/steps.ts";
import { syncOptionsOf } from "../plan/sync-options.ts";
import type { Announcer } from "../report/announce.ts";
import type { ApplicationWriter } from "../report/application-writer.ts";
import type { StatusReporter } from "../report/status-reporter.ts";
import type { Attempts, Decision } from "../sync-decision.ts";
import { operationFor, type SyncOperation } from "./sync-operation.ts";
import type { StageObserver } from "../report/stage-metrics.ts";

export interface SyncDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly live: LiveObjects & WriteObserver;
  readonly writer: ApplicationWriter;
  readonly announcer: Announcer;
  readonly reporter: StatusReporter;
  readonly observer?: StageObserver;
}
export type Because = (Decision & { apply: true })["because"];

export interface Sync {
  readonly look: Look;
  readonly deps: SyncDeps;
  readonly attempts: Attempts | undefined;
  readonly because: Because;
  readonly operation: SyncOperation;
  readonly hookSync: HookSync;
  /** Objects that were asked for by name; the others stay as they are. */
  readonly isPartial: boolean;
  readonly entries: readonly PlanEntry[];
  readonly runs: readonly HookRun[];
  readonly steps: readonly Step[];
  /** What runs when something failed. */
  readonly failSteps: readonly Step[];
  /** One step without hooks: nothing of it has to be remembered. */
  readonly isSimple: boolean;
  /** Keys of the objects that this sync has applied. */
  readonly applied: Set<string>;
  /** What became of objects and hooks; grows. */
  resources: readonly ApplicationOperationResource[];
}

export function openSync(
  look: Look,
  attempts: Attempts | undefined,
  decision: Decision & { apply: true },
  deps: SyncDeps,
): Sync {
  const { application, memory, manifests, subject } = look;
  const operation = operationFor(application, subject, decision.because, deps.reporter.now());
  if (memory.sync?.id !== operation.id) memory.sync = { id: operation.id, applied: new Set() };
  const asked = application.operation?.sync?.resources;
  const hookSync = {
    application,
    syncId: operation.id,
    startedAt: operation.startedAt,
    revision: manifests.commit.id,
  };
  const isPartial = asked !== undefined;
  const phases = ["PreSync", "Sync", "PostSync", "SyncFail"] as const;
  const runs = isPartial ? [] : hookRuns(look.hooks, phases, hookSync);
  const entries = isPartial ? selected(look.plan.entries, asked) : look.plan.entries;
  const awaited = isPartial ? [] : look.unusable.filter((unusable) => unusable.awaited);
  const steps = stepsOf(entries, runs, syncOptionsOf(application), awaited);
  return {
    look,
    deps,
    attempts: attempts ?? attemptsSoFar(look, operation),
    because: operation.because as Because,
    operation,
    hookSync,
    isPartial,
    entries,
    runs,
    steps: steps.filter(({ phase }) => phase !== "SyncFail"),
    failSteps: steps.filter(({ phase }) => phase === "SyncFail"),
    isSimple: steps.length <= 1 && runs.length === 0,
    applied: memory.sync.applied,
    resources: operation.resources,
  };
}

type Asked = NonNullable<
  NonNullable<NonNullable<Look["application"]["operation"]>["sync"]>["resources"]
>;

/** As Argo CD: a name and a kind say which; group and namespace where they are given. */
function selected(entries: readonly PlanEntry[], asked: Asked): PlanEntry[] {
  return entries.filter(({ ref }) =>
    asked.some(
      ({ group = ref.group, kind, namespace = ref.namespace, name }) =>
        group === ref.group &&
        kind === ref.kind &&
        name === ref.name &&
        (namespace === ref.namespace || namespace === ""),
    ),
  );
}

/** What a restarted operator knows of the attempts before the one that it goes on with. */
function attemptsSoFar(
  { application, subject }: Look,
  { isNew }: SyncOperation,
): Attempts | undefined {
  const failures = application.status?.operationState?.retryCount ?? 0;
  if (isNew || failures === 0) return undefined;
  return { subject, failures, heals: 0, lastMs: 0, succeeded: false };
}

export const isApplied = ({ applied }: Sync, ref: PlanEntry["ref"]): boolean =>
  applied.has(refKey(ref));
