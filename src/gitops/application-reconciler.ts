/**
 * Keeps one Application as its repository says, in named steps: resolve, derive, plan, decide,
 * apply, report. Level-triggered: every call looks at everything again, and what has not changed
 * costs next to nothing. Nothing waits for health or for a retry, so a new commit is never held up.
 */
import type { Client } from "../client/client.ts";
import type { Clock } from "../client/clock.ts";
import { done, requeueAfter, type Result } from "../client/reconciler.ts";
import { formatTime } from "../client/timestamps.ts";
import type { Application, ApplicationStatus } from "../kube/kinds/application.ts";
import { keyOf } from "../kube/object.ts";
import type { ApplicationManifests, ManifestSource } from "./application-manifests.ts";
import { ApplicationMemory, type Derived } from "./application-memory.ts";
import { resolveTarget, type Target } from "./application-target.ts";
import { applyPlan, type ObjectResult, type WriteObserver } from "./apply/apply-plan.ts";
import { cascades, deleteManagedObjects, otherFinalizers } from "./delete-managed-objects.ts";
import { sha256, toDesired } from "./plan/desired.ts";
import { isInSync, type Plan, pruneForbidden } from "./plan/plan.ts";
import { type LiveObjects, makePlan } from "./plan/planner.ts";
import { applicationOptions } from "./plan/sync-options.ts";
import { trackingLabel } from "./plan/tracking.ts";
import type { Announcer } from "./report/announce.ts";
import { nextStatus, type Outcome, troubledStatus } from "./report/application-status.ts";
import type { ApplicationWriter } from "./report/application-writer.ts";
import { conditionsOf } from "./report/conditions.ts";
import {
  finishedState,
  interruptedState,
  refusedState,
  startedState,
  type SyncFacts,
} from "./report/operation-state.ts";
import { refsOf } from "./report/resource-ref.ts";
import { specHash } from "./spec-hash.ts";
import {
  afterAttempt,
  afterInSync,
  type Attempts,
  attemptsAt,
  attemptsFromStatus,
  type Decision,
  decide,
  type Subject,
} from "./sync-decision.ts";

/** How soon to look whether the objects of a deleted Application are gone; their watch is faster. */
const DELETION_LOOK_MS = 200;
/** How soon to look whether a kind is served that somebody else has to define. */
const UNKNOWN_KIND_LOOK_MS = 5_000;

export interface ReconcilerOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly source: ManifestSource;
  readonly live: LiveObjects & WriteObserver;
  readonly writer: ApplicationWriter;
  readonly announcer: Announcer;
  readonly applicationOf: (key: string) => Application | undefined;
  /** How often a repository that does not announce changes is asked. */
  readonly pollIntervalMs: number;
}

/** One look at an Application: everything that a decision is made from. */
interface Look extends Derived {
  readonly application: Application;
  readonly memory: ApplicationMemory;
  readonly target: Target;
  readonly manifests: ApplicationManifests;
  readonly plan: Plan;
  readonly subject: Subject;
  readonly signal: AbortSignal;
}

export class ApplicationReconciler {
  readonly #options: ReconcilerOptions;
  readonly #memories = new Map<string, ApplicationMemory>();

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  /** The next look at this Application asks its repository again. */
  markStale(key: string): void {
    this.#memories.get(key)?.markStale(this.#options.clock.now());
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Result> {
    const application = this.#options.applicationOf(key);
    if (application === undefined) return this.#forget(key);
    const memory = this.#memoryOf(key);
    if (memory.isBehind(application)) return done;
    if (application.metadata.deletionTimestamp !== undefined)
      return this.#finalize(application, memory, signal);
    const target = await resolveTarget(application, memory, this.#options, signal);
    if (target.refusal !== undefined) return this.#refuse(application, memory, target.refusal);
    if (target.trouble !== undefined) this.#options.announcer.trouble(application, target.trouble);
    if (target.manifests === undefined) return this.#reportTrouble(application, memory, target);
    const look = await this.#look(application, memory, { target, signal }, target.manifests);
    const attempts = memory.attempts ?? attemptsFromStatus(application, look.subject);
    const decision = this.#decide(look, attempts);
    if (!decision.apply) return this.#settle(look, attempts, decision.lookAgainMs);
    if (application.operation?.sync?.dryRun === true) return this.#dryRun(look);
    return this.#sync(look, attempts, decision);
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
    this.#memories.delete(key);
    await this.#options.source.forget(key);
    return done;
  }

  async #look(
    application: Application,
    memory: ApplicationMemory,
    { target, signal }: Pick<Look, "target" | "signal">,
    manifests: ApplicationManifests,
  ): Promise<Look> {
    const subject = {
      content: manifests.id,
      specHash: specHash(application),
      revision: manifests.commit.id,
    };
    const derived = await this.#derive(application, memory, { manifests, subject });
    const plan = await this.#plan(application, { memory, target, signal, ...derived });
    return { application, memory, target, manifests, ...derived, plan, subject, signal };
  }

  async #derive(
    application: Application,
    memory: ApplicationMemory,
    { manifests, subject }: Pick<Look, "manifests" | "subject">,
  ): Promise<Derived> {
    const from = `${subject.content}/${subject.specHash}`;
    // Unusable manifests may become usable when a CustomResourceDefinition appears.
    if (memory.derived?.from === from && memory.derived.unusable.length === 0)
      return memory.derived;
    const { destination, syncPolicy, ignoreDifferences } = application.spec;
    const derived = await toDesired(manifests.manifests, {
      client: this.#options.client,
      applicationKey: keyOf(application),
      namespace: destination.namespace ?? "default",
      options: applicationOptions(syncPolicy?.syncOptions),
      ignoreDifferences,
    });
    memory.derived = { from, ...derived };
    return { desired: derived.desired, unusable: derived.unusable };
  }

  #plan(
    application: Application,
    look: Derived & Pick<Look, "memory" | "target" | "signal">,
  ): Promise<Plan> {
    const { client, live } = this.#options;
    const { automated, syncOptions } = application.spec.syncPolicy ?? {};
    return makePlan({
      client,
      live,
      owner: trackingLabel(keyOf(application), sha256),
      desired: look.desired,
      inventory: refsOf(application.status?.resources),
      prune: {
        options: applicationOptions(syncOptions),
        forbidden: pruneForbidden({
          enabled: application.operation?.sync?.prune ?? automated?.prune ?? false,
          rendered: look.unusable.length === 0 && look.target.trouble === undefined,
          complete: look.target.manifests?.complete !== false,
          empty: look.desired.length === 0,
          allowEmpty: automated?.allowEmpty ?? false,
        }),
      },
      verified: look.memory.verified,
      signal: look.signal,
    });
  }

  #decide(look: Look, attempts: Attempts | undefined): Decision {
    const { application, plan, subject, target } = look;
    const nowMs = this.#options.clock.now();
    const decision = decide({ application, subject, attempts, inSync: isInSync(plan), nowMs });
    // What is left of an older revision is kept as it is, not brought back.
    if (target.trouble !== undefined && decision.apply && decision.because === "revision")
      return { apply: false, because: target.trouble.reason };
    return decision;
  }

  /** Nothing is to be applied, now. */
  async #settle(
    look: Look,
    attempts: Attempts | undefined,
    lookAgainMs: number | undefined,
  ): Promise<Result> {
    const { application, memory, plan, subject } = look;
    memory.attempts = attempts;
    if (isInSync(plan)) memory.attempts = afterInSync(attempts, subject, this.#options.clock.now());
    else if (
      application.status?.sync?.status === "Synced" &&
      attemptsAt(attempts, subject)?.succeeded
    )
      this.#options.announcer.drift(application, plan);
    const operation = interruptedState(application, isInSync(plan), this.#now());
    await this.#report(look, operation === undefined ? {} : { operation });
    return this.#next(look, lookAgainMs);
  }

  async #dryRun(look: Look): Promise<Result> {
    const { application, memory } = look;
    const facts = { ...this.#syncFacts(look), retryCount: 0, outlook: "", isDryRun: true };
    const results = await this.#apply(look, true);
    const operationState = finishedState({ ...facts, results }, this.#now());
    await this.#writeStatus(application, memory, { ...application.status, operationState });
    await this.#options.writer.operationDone(application, memory);
    return done;
  }

  async #sync(
    look: Look,
    attempts: Attempts | undefined,
    decision: Decision & { apply: true },
  ): Promise<Result> {
    const { application, memory, plan, subject } = look;
    const { announcer, clock, writer } = this.#options;
    const facts = this.#syncFacts(look, decision.because);
    await this.#claimKinds(look, facts);
    if (decision.because === "drift") announcer.drift(application, plan);
    const results = await this.#apply(look, false);
    const succeeded = results.every((result) => result.status !== "SyncFailed");
    const nowMs = clock.now();
    memory.attempts = afterAttempt(attempts, {
      subject,
      succeeded,
      because: decision.because,
      nowMs,
    });
    const again = succeeded ? undefined : this.#again(look, memory.attempts);
    const outlook = outlookOf(again);
    const retryCount = Math.max(0, memory.attempts.failures - 1);
    const operation = finishedState(
      { ...facts, results, isDryRun: false, retryCount, outlook },
      this.#now(),
    );
    announcer.synced(application, {
      ...decision,
      plan,
      results,
      revision: facts.revision,
      outlook,
    });
    await this.#report(look, { results, operation });
    await writer.operationDone(application, memory);
    return this.#next(look, again?.apply === true ? 1 : again?.lookAgainMs);
  }

  /**
   * Before the first object of a kind is created, the status names it: an operator that is killed
   * in between knows afterwards where to look for what it left behind.
   */
  async #claimKinds(look: Look, facts: SyncFacts): Promise<void> {
    const { application, memory, plan } = look;
    const known = refsOf(application.status?.resources);
    const claimed = new Set(known.map(({ group, kind }) => `${group}/${kind}`));
    const isNew = plan.entries.some(
      ({ action, ref }) => action === "create" && !claimed.has(`${ref.group}/${ref.kind}`),
    );
    if (!isNew) return;
    const outcome = this.#outcome(look, { operation: startedState(facts) });
    await this.#writeStatus(application, memory, nextStatus(application, outcome, this.#now()));
  }

  #apply({ application, plan, signal }: Look, dryRun: boolean): Promise<ObjectResult[]> {
    const { client, clock, live } = this.#options;
    const options = applicationOptions(application.spec.syncPolicy?.syncOptions);
    return applyPlan(plan, { client, clock, options, signal, dryRun, observer: live });
  }

  #syncFacts({ application, manifests, plan }: Look, because?: string): SyncFacts {
    const { commit } = manifests;
    return {
      application,
      revision: commit.id,
      startedAt: this.#now(),
      commit,
      plan,
      ...(because === undefined ? {} : { because }),
    };
  }

  /** What comes after a failed sync. */
  #again({ application, subject }: Look, attempts: Attempts): Decision {
    const { operation: _done, ...rest } = application;
    const nowMs = this.#options.clock.now();
    return decide({ application: rest, subject, attempts, inSync: false, nowMs });
  }

  #outcome(look: Look, synced: Pick<Outcome, "results" | "operation">): Outcome {
    const { plan, unusable, manifests, target, subject } = look;
    return {
      plan,
      unusable,
      commit: manifests.commit,
      conditions: conditionsOf(look, synced.results),
      trouble: target.trouble,
      rollback: target.rollback,
      specHash: subject.specHash,
      ...synced,
    };
  }

  async #report(look: Look, synced: Pick<Outcome, "results" | "operation">): Promise<void> {
    const { application, memory } = look;
    const status = nextStatus(application, this.#outcome(look, synced), this.#now());
    this.#options.announcer.health(application, status);
    await this.#writeStatus(application, memory, status);
  }

  /** Nothing usable is known: the status says why, and leaves the rest as it was. */
  async #reportTrouble(
    application: Application,
    memory: ApplicationMemory,
    { trouble, lookAgainMs }: Target,
  ): Promise<Result> {
    if (trouble === undefined) return done;
    const status = troubledStatus(application, trouble, this.#now());
    await this.#writeStatus(application, memory, status);
    return lookAgainMs === undefined ? this.#poll(application) : requeueAfter(lookAgainMs);
  }

  /** What was asked for cannot be carried out; what goes on without being asked is another look. */
  async #refuse(
    application: Application,
    memory: ApplicationMemory,
    refusal: NonNullable<Target["refusal"]>,
  ): Promise<Result> {
    const phase = refusal.type === "InvalidManifests" ? "Failed" : "Error";
    const operationState = refusedState(application, { ...refusal, phase }, this.#now());
    await this.#writeStatus(application, memory, { ...application.status, operationState });
    await this.#options.writer.operationDone(application, memory);
    return done;
  }

  async #finalize(
    application: Application,
    memory: ApplicationMemory,
    signal: AbortSignal,
  ): Promise<Result> {
    if (!cascades(application)) return done;
    const left = await deleteManagedObjects(application, this.#options, signal);
    if (left > 0) return requeueAfter(DELETION_LOOK_MS);
    await this.#options.writer.finalizers(application, memory, otherFinalizers(application));
    return done;
  }

  #writeStatus(
    application: Application,
    memory: ApplicationMemory,
    status: ApplicationStatus,
  ): Promise<void> {
    return this.#options.writer.status(application, memory, status);
  }

  #now(): string {
    return formatTime(this.#options.clock.now());
  }

  /** When to look again without being told of a change. */
  #next({ application, target, unusable }: Look, lookAgainMs: number | undefined): Result {
    const times = [
      lookAgainMs,
      target.lookAgainMs,
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

function outlookOf(again: Decision | undefined): string {
  if (again === undefined) return "";
  if (again.apply) return "; trying again now";
  if (again.lookAgainMs === undefined) return `; ${again.because}`;
  return `; trying again in ${Math.ceil(again.lookAgainMs / 1_000)} s`;
}
