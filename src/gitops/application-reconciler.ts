/**
 * Keeps one Application as its repository says, in named steps: resolve, look, decide, sync,
 * report. Level-triggered: every call looks at everything again, and what has not changed
 * costs next to nothing. Nothing waits for health or for a retry, so a new commit is never held up.
 */
import type { Client } from "../client/client.ts";
import type { Clock } from "../client/clock.ts";
import { done, requeueAfter, type Result } from "../client/reconciler.ts";
import type { Application } from "../kube/kinds/application.ts";
import { releaseHooks } from "./apply/hook-runs.ts";
import { type Look, lookAt } from "./application-look.ts";
import type { ManifestSource } from "./application-manifests.ts";
import { ApplicationMemory } from "./application-memory.ts";
import { resolveTarget, type Target } from "./application-target.ts";
import type { WriteObserver } from "./apply/apply-plan.ts";
import type { LiveHealth } from "./health/live-health.ts";
import { automaticRollback, type RollbackVerdict } from "./gates/automatic-rollback.ts";
import type { GateKeeper } from "./gates/gate-keeper.ts";
import { isInSync } from "./plan/plan.ts";
import type { Claims } from "./plan/claims.ts";
import type { ManifestPolicy } from "./policy/policy-keeper.ts";
import type { LiveObjects } from "./plan/planner.ts";
import type { Announcer } from "./report/announce.ts";
import type { ChangeAuthors } from "./report/drift.ts";
import type { StatedCondition } from "./report/application-status.ts";
import type { ApplicationWriter } from "./report/application-writer.ts";
import { interruptedState } from "./report/operation-state.ts";
import { StatusReporter } from "./report/status-reporter.ts";
import { stopHooks } from "./sync/begin-sync.ts";
import { deleteApplication } from "./sync/delete-application.ts";
import { dryRunApplication, syncApplication } from "./sync/sync-application.ts";
import { isCarriedOut, isRunning, isUnderWay } from "./sync/sync-operation.ts";
import {
  afterInSync,
  type Attempts,
  attemptsAt,
  attemptsFromStatus,
  type Decision,
  decide,
} from "./sync-decision.ts";
import type { StageObserver } from "./report/stage-metrics.ts";

/** How soon to look whether a kind is served that somebody else has to define. */
const UNKNOWN_KIND_LOOK_MS = 5_000;

export interface ReconcilerOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly source: ManifestSource;
  readonly live: LiveObjects & WriteObserver;
  readonly writer: ApplicationWriter;
  readonly announcer: Announcer;
  readonly authors: ChangeAuthors;
  readonly gates: GateKeeper;
  readonly claims: Claims;
  readonly applicationOf: (key: string) => Application | undefined;
  readonly health: Pick<LiveHealth, "judgeOf" | "forget">;
  /** Absent: everything is allowed. */
  readonly policy?: ManifestPolicy;
  /** How often a repository that does not announce changes is asked. */
  readonly pollIntervalMs: number;
  readonly observer?: StageObserver;
}

/** What came of a look after which nothing is applied. */
interface Settled {
  readonly attempts: Attempts | undefined;
  readonly decision: Decision & { readonly apply: false };
  readonly verdict: RollbackVerdict;
}

export class ApplicationReconciler {
  readonly #options: ReconcilerOptions & { readonly reporter: StatusReporter };
  readonly #memories = new Map<string, ApplicationMemory>();

  constructor(options: ReconcilerOptions) {
    this.#options = { ...options, reporter: new StatusReporter(options) };
  }

  /** The next look at this Application asks its repository again. */
  markStale(key: string, sinceMs = this.#options.clock.now()): void {
    this.#memories.get(key)?.markStale(sinceMs);
  }

  /** What failed may work now, for a reason that is not in the Application's own manifests. */
  giveNewChance(key: string): void {
    const memory = this.#memories.get(key);
    if (memory?.attempts?.succeeded === false)
      memory.attempts = { ...memory.attempts, failures: 0, lastMs: 0 };
  }

  /** Whether an Application has asked its repository since a time, or would know of a change. */
  hasLookedSince(key: string, sinceMs: number): boolean {
    const memory = this.#memories.get(key);
    const application = this.#options.applicationOf(key);
    if (memory === undefined || application === undefined) return false;
    const isTold = this.#options.source.isWatched(application);
    return memory.resolvedAtMs >= sinceMs || (isTold && memory.staleSinceMs === undefined);
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Result> {
    const { reporter, announcer, writer } = this.#options;
    const application = this.#options.applicationOf(key);
    if (application === undefined) return this.#forget(key);
    const memory = this.#memoryOf(key);
    if (memory.isBehind(application)) return done;
    if (application.metadata.deletionTimestamp !== undefined)
      return deleteApplication(application, memory, this.#options, signal);
    if (isCarriedOut(application)) {
      await writer.operationDone(application, memory);
      return done;
    }
    const target = await resolveTarget(application, memory, this.#options, signal);
    const { refusal, trouble, manifests } = target;
    if (refusal !== undefined) {
      await reporter.refusal(application, memory, refusal);
      return done;
    }
    if (trouble !== undefined) announcer.trouble(application, trouble);
    if (manifests === undefined) return this.#reportTrouble(application, memory, target);
    const look = await lookAt({ application, memory, target, manifests, signal }, this.#options);
    const attempts = memory.attempts ?? attemptsFromStatus(application, look.subject);
    const decision = this.#decide(look, attempts);
    if (!decision.apply && decision.refusal !== undefined) {
      await reporter.refusal(application, memory, decision.refusal);
      return done;
    }
    const verdict = this.#judge(look, decision);
    if (verdict.act === "rollBack") {
      await reporter.rollback(look, verdict.rollback);
      return done;
    }
    if (!decision.apply) return this.#settle(look, { attempts, decision, verdict });
    if (application.operation?.sync?.dryRun === true) return dryRunApplication(look, this.#options);
    const syncAgainMs = await syncApplication(look, attempts, decision, this.#options);
    return this.#next(look, syncAgainMs, lookAgainOf(verdict));
  }

  /** Whether what was synced turns out so badly that it is to be gone back from. */
  #judge(look: Look, decision: Decision): RollbackVerdict {
    const { application, manifests } = look;
    const policy = application.spec.syncPolicy?.automaticRollback;
    // What was asked for is done first.
    if (policy === undefined || application.operation !== undefined) return { act: "none" };
    return automaticRollback({
      application,
      status: this.#options.reporter.preview(look),
      commit: manifests.commit,
      gaveUp: !decision.apply && decision.gaveUp === true,
      nowMs: this.#options.clock.now(),
    });
  }

  #memoryOf(key: string): ApplicationMemory {
    let memory = this.#memories.get(key);
    if (memory === undefined) {
      memory = new ApplicationMemory();
      this.#memories.set(key, memory);
    }
    return memory;
  }

  async #forget(key: string): Promise<Result> {
    const kinds = (this.#memories.get(key)?.derived?.hooks ?? []).map(({ ref }) => ref);
    await releaseHooks(key, kinds, this.#options);
    this.#memories.delete(key);
    this.#options.health.forget(key);
    await this.#options.source.forget(key);
    return done;
  }

  #decide(look: Look, attempts: Attempts | undefined): Decision {
    const { application, plan, subject, target, gates } = look;
    const nowMs = this.#options.clock.now();
    const underWay = isUnderWay(application, subject);
    const isRescue = target.rollback?.automatic === true;
    const inSync = isInSync(plan) && !underWay && !owesHooks(look, attempts);
    const decision = decide({ application, subject, attempts, gates, isRescue, inSync, nowMs });
    // What is left of an older revision is kept as it is, not brought back.
    if (
      !underWay &&
      target.trouble !== undefined &&
      decision.apply &&
      decision.because === "revision"
    )
      return { apply: false, because: target.trouble.reason };
    return decision;
  }

  /** Nothing is to be applied, now. */
  async #settle(look: Look, { attempts, decision, verdict }: Settled): Promise<Result> {
    const { application, memory, plan, subject } = look;
    const { announcer, clock, reporter } = this.#options;
    memory.attempts = attempts;
    const inSync = isInSync(plan) && !owesHooks(look, attempts);
    if (inSync) memory.attempts = afterInSync(attempts, subject, clock.now());
    else if (
      application.status?.sync?.status === "Synced" &&
      attemptsAt(attempts, subject)?.succeeded
    )
      announcer.drift(application, plan);
    const because = `stopped: ${decision.because}`;
    const operation = interruptedState(application, inSync, reporter.now(), because);
    if (operation !== undefined) await stopHooks(look, undefined, this.#options);
    const isUnfinished = isInSync(plan) && !inSync;
    const conditions = verdict.act === "stay" ? [rollbackFailed(verdict.message)] : [];
    await reporter.report(look, {
      isUnfinished,
      conditions,
      ...(operation === undefined ? {} : { operation }),
    });
    return this.#next(look, decision.lookAgainMs, lookAgainOf(verdict));
  }

  async #reportTrouble(
    application: Application,
    memory: ApplicationMemory,
    { trouble, lookAgainMs }: Target,
  ): Promise<Result> {
    if (trouble === undefined) return done;
    await this.#options.reporter.trouble(application, memory, trouble);
    return lookAgainMs === undefined ? this.#poll(application) : requeueAfter(lookAgainMs);
  }

  /** When to look again without being told of a change. */
  #next(
    { application, target, unusable, gates }: Look,
    ...others: readonly (number | undefined)[]
  ): Result {
    const { changesAtMs } = gates.windows;
    const times = [
      ...others,
      target.lookAgainMs,
      changesAtMs === undefined ? undefined : changesAtMs - this.#options.clock.now(),
      unusable.length > 0 ? UNKNOWN_KIND_LOOK_MS : undefined,
      this.#poll(application).requeueAfterMs,
    ].filter((time) => time !== undefined);
    return times.length === 0 ? done : requeueAfter(Math.max(1, Math.min(...times)));
  }

  #poll(application: Application): Result {
    const { source, pollIntervalMs } = this.#options;
    return source.isWatched(application) ? done : requeueAfter(pollIntervalMs);
  }
}

/** Whether hooks have not run to a good end: then there is something to sync although nothing differs. */
function owesHooks({ application, hooks }: Look, attempts: Attempts | undefined): boolean {
  if (hooks.length === 0) return false;
  const state = application.status?.operationState;
  if (isRunning(state) || attempts?.succeeded === false) return true;
  return attempts === undefined && state?.phase === "Failed";
}

const lookAgainOf = (verdict: RollbackVerdict): number | undefined =>
  verdict.act === "none" ? verdict.lookAgainMs : undefined;

const rollbackFailed = (message: string): StatedCondition => ({
  type: "RollbackFailed",
  reason: "NotHealthy",
  message,
});
