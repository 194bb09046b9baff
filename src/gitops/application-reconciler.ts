/**
 * Keeps one Application as its repository says, in named steps: resolve, plan, decide, apply,
 * report. Level-triggered: every call looks at everything again, and what has not changed costs
 * next to nothing. Nothing waits for health or for a retry, so a new commit is never held up.
 */
import type { Client } from "../client/client.ts";
import type { Clock } from "../client/clock.ts";
import type { EventRecorder } from "../client/event-recorder.ts";
import type { Logger } from "../client/logger.ts";
import { done, requeueAfter, type Result } from "../client/reconciler.ts";
import { formatTime } from "../client/timestamps.ts";
import {
  type Application,
  type ApplicationStatus,
  applications,
} from "../kube/kinds/application.ts";
import { type JsonObject, keyOf, parseKey } from "../kube/object.ts";
import { isStatus, StatusError } from "../kube/status-error.ts";
import {
  type ApplicationManifests,
  type ManifestSource,
  targetRevision,
} from "./application-manifests.ts";
import { applyPlan, type ObjectResult } from "./apply/apply-plan.ts";
import { type Desired, sha256, toDesired, type Unusable } from "./plan/desired.ts";
import { formatRef, refOf } from "./plan/object-ref.ts";
import { isInSync, type Plan, type PlanEntry, pruneForbidden, summarize } from "./plan/plan.ts";
import { FIELD_MANAGER, type LiveObjects, makePlan, Verified } from "./plan/planner.ts";
import { applicationOptions } from "./plan/sync-options.ts";
import { trackingLabel } from "./plan/tracking.ts";
import {
  failedStatus,
  isSameStatus,
  nextStatus,
  operationState,
  type Outcome,
  refsOf,
} from "./report/application-status.ts";
import { SourceError } from "./source/source-error.ts";
import { type Attempts, afterAttempt, type Decision, decide } from "./sync-decision.ts";

/** As in Argo CD: with one of these, deleting the Application deletes its objects first. */
const CASCADE_FINALIZERS = [
  "resources-finalizer.gantry.dev",
  "resources-finalizer.argocd.argoproj.io",
  "resources-finalizer.argocd.argoproj.io/background",
];
/** How long to wait before asking a repository again that could not be read, doubling up to the limit. */
const SOURCE_RETRY_FIRST_MS = 2_000;
const SOURCE_RETRY_MAX_MS = 180_000;
const DELETION_LOOK_MS = 200;

export interface ReconcilerOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly recorder: EventRecorder;
  readonly manifests: ManifestSource;
  readonly live: LiveObjects;
  readonly applicationOf: (key: string) => Application | undefined;
  /** How often a repository that does not announce changes is asked. */
  readonly pollIntervalMs: number;
}

/** What is kept of an Application between two looks; all of it can be lost without harm. */
interface Memory {
  manifests?: ApplicationManifests;
  manifestsFor?: string;
  derived?: { readonly from: string; readonly desired: Desired[]; readonly unusable: Unusable[] };
  attempts?: Attempts;
  sourceFailures: number;
  resolvedAtMs: number;
  stale: boolean;
  /** Older copies of the Application are behind our own writes. */
  minimumRevision: number;
  readonly verified: Verified;
}

export class ApplicationReconciler {
  readonly #options: ReconcilerOptions;
  readonly #memory = new Map<string, Memory>();

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  /** The next look at this Application asks its repository again. */
  markStale(key: string): void {
    const memory = this.#memory.get(key);
    if (memory !== undefined) memory.stale = true;
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Result> {
    const application = this.#options.applicationOf(key);
    if (application === undefined) {
      this.#memory.delete(key);
      return done;
    }
    const memory = this.#memoryOf(key);
    if (Number(application.metadata.resourceVersion) < memory.minimumRevision) return done;
    if (application.metadata.deletionTimestamp !== undefined)
      return this.#finalize(application, memory, signal);
    try {
      const { manifests, rollback } = await this.#resolve(application, memory, signal);
      if (manifests.errors.length > 0) return await this.#refuse(application, memory, manifests);
      const derived = await this.#derive(application, memory, manifests);
      const plan = await this.#plan(application, memory, derived, signal);
      return await this.#act({
        application,
        memory,
        manifests,
        rollback,
        ...derived,
        plan,
        signal,
      });
    } catch (error) {
      if (error instanceof SourceError) return this.#sourceFailed(application, memory, error);
      throw error;
    }
  }

  #memoryOf(key: string): Memory {
    let memory = this.#memory.get(key);
    if (memory === undefined) {
      memory = {
        sourceFailures: 0,
        resolvedAtMs: 0,
        stale: true,
        minimumRevision: 0,
        verified: new Verified(),
      };
      this.#memory.set(key, memory);
    }
    return memory;
  }

  /** Which manifests count now: those asked for by hand, those held by a rollback, or the newest. */
  async #resolve(
    application: Application,
    memory: Memory,
    signal: AbortSignal,
  ): Promise<{ manifests: ApplicationManifests; rollback: ApplicationStatus["rollback"] }> {
    const newest = await this.#manifests(application, memory, targetRevision(application), signal);
    const asked = application.operation?.sync?.revision;
    const held = application.status?.rollback;
    const revision =
      asked ??
      (held !== undefined && held.insteadOf === newest.commit.id ? held.revision : undefined);
    if (revision === undefined || revision === newest.commit.id)
      return { manifests: newest, rollback: undefined };
    const manifests = await this.#options.manifests.manifestsOf(application, {
      revision,
      fresh: false,
      signal,
    });
    if (manifests.commit.id === newest.commit.id) return { manifests: newest, rollback: undefined };
    return { manifests, rollback: { revision: manifests.commit.id, insteadOf: newest.commit.id } };
  }

  async #manifests(
    application: Application,
    memory: Memory,
    revision: string,
    signal: AbortSignal,
  ): Promise<ApplicationManifests> {
    const { clock, pollIntervalMs } = this.#options;
    const manifestsFor = sha256(
      JSON.stringify([application.spec.source, application.spec.destination]),
    );
    const polled = clock.now() - memory.resolvedAtMs >= pollIntervalMs;
    const due = memory.stale || application.operation !== undefined || polled;
    if (memory.manifests !== undefined && memory.manifestsFor === manifestsFor && !due)
      return memory.manifests;
    memory.stale = false;
    try {
      const manifests = await this.#options.manifests.manifestsOf(application, {
        revision,
        fresh: true,
        signal,
      });
      memory.manifests = manifests;
      memory.manifestsFor = manifestsFor;
      memory.resolvedAtMs = clock.now();
      memory.sourceFailures = 0;
      return manifests;
    } catch (error) {
      memory.stale = true;
      throw error;
    }
  }

  async #derive(
    application: Application,
    memory: Memory,
    manifests: ApplicationManifests,
  ): Promise<{ desired: Desired[]; unusable: Unusable[] }> {
    const from = `${manifests.id}/${application.metadata.generation ?? 0}`;
    // Unusable manifests may become usable when a CustomResourceDefinition appears.
    if (memory.derived?.from === from && memory.derived.unusable.length === 0)
      return memory.derived;
    const derived = await toDesired(manifests.manifests, {
      client: this.#options.client,
      applicationKey: keyOf(application),
      namespace: application.spec.destination.namespace ?? "default",
      options: applicationOptions(application.spec.syncPolicy?.syncOptions),
    });
    memory.derived = { from, ...derived };
    return derived;
  }

  #plan(
    application: Application,
    memory: Memory,
    derived: { desired: Desired[]; unusable: Unusable[] },
    signal: AbortSignal,
  ): Promise<Plan> {
    const { client, live } = this.#options;
    const automated = application.spec.syncPolicy?.automated;
    return makePlan({
      client,
      live,
      owner: trackingLabel(keyOf(application), sha256),
      desired: derived.desired,
      inventory: refsOf(application.status?.resources),
      prune: {
        options: applicationOptions(application.spec.syncPolicy?.syncOptions),
        forbidden: pruneForbidden({
          enabled: application.operation?.sync?.prune ?? automated?.prune ?? false,
          rendered: derived.unusable.length === 0,
          empty: derived.desired.length === 0,
          allowEmpty: automated?.allowEmpty ?? false,
        }),
      },
      verified: memory.verified,
      signal,
    });
  }

  async #act(look: Look): Promise<Result> {
    const { application, memory, manifests, plan } = look;
    const { clock } = this.#options;
    const subject = `${manifests.commit.id}/${application.metadata.generation ?? 0}`;
    const attempts = memory.attempts ?? attemptsFrom(application, manifests, subject);
    const situation = { application, subject, attempts, nowMs: clock.now() };
    const decision = decide({ ...situation, inSync: isInSync(plan) });
    if (!decision.apply) {
      // In sync without having applied anything: what drifts from here on is drift.
      if (isInSync(plan)) memory.attempts = inSyncAttempts(attempts, subject, clock.now());
      await this.#report(look, this.#settled(look, subject));
      return this.#next(application, decision.lookAgainMs);
    }
    const isDryRun = application.operation?.sync?.dryRun === true;
    const startedAt = formatTime(clock.now());
    if (decision.because === "drift") this.#tellDrift(application, plan);
    const results = isDryRun ? [] : await this.#apply(look);
    const succeeded = results.every((result) => result.status !== "SyncFailed");
    memory.attempts = afterAttempt(attempts, {
      subject,
      succeeded,
      because: decision.because,
      nowMs: clock.now(),
    });
    const outcome: Outcome = {
      ...this.#settled(look, subject),
      results,
      operation: operationState(
        {
          revision: manifests.commit.id,
          results,
          startedAt,
          failures: memory.attempts.failures > 0 ? memory.attempts.failures - 1 : 0,
          initiatedBy: application.operation?.initiatedBy?.username,
        },
        formatTime(clock.now()),
      ),
    };
    this.#tellSync(look, results, decision);
    await this.#report(look, succeeded ? outcome : withSyncError(outcome, results));
    // Last: whoever asked sees the request gone together with its outcome.
    await this.#clearOperation(application, memory);
    if (succeeded) return this.#next(application);
    const again = decide({
      ...situation,
      application: withoutOperation(application),
      attempts: memory.attempts,
      inSync: false,
    });
    return this.#next(application, again.apply ? 0 : again.lookAgainMs);
  }

  async #apply({ application, plan, signal }: Look): Promise<ObjectResult[]> {
    const { client, clock } = this.#options;
    const options = applicationOptions(application.spec.syncPolicy?.syncOptions);
    return applyPlan(plan, { client, clock, options, signal });
  }

  /** What a look says when nothing was applied; a sync adds its results. */
  #settled({ application, plan, manifests, unusable, rollback }: Look, subject: string): Outcome {
    const conditions: { type: string; reason: string; message: string }[] = [];
    if (unusable.length > 0)
      conditions.push({
        type: "InvalidManifests",
        reason: "UnusableObjects",
        message: unusable
          .map(
            (bad) => `${bad.origin.file}:${bad.origin.line}: ${formatRef(bad.ref)} ${bad.reason}`,
          )
          .join("; "),
      });
    if (application.spec.suspend === true)
      conditions.push({ type: "Suspended", reason: "Suspended", message: "syncs are suspended" });
    const before = application.status?.conditions?.find(
      (condition) => condition.type === "SyncError",
    );
    // The last sync failed, and nothing has been tried since: its error stays.
    if (before !== undefined && !isInSync(plan) && before.message !== "" && subject !== "")
      conditions.push({ type: "SyncError", reason: before.reason, message: before.message });
    return {
      plan,
      commit: manifests.commit,
      conditions,
      ...(rollback === undefined ? {} : { rollback }),
    };
  }

  /** Manifests with errors change nothing: the last good state stays, the status says what and where. */
  async #refuse(
    application: Application,
    memory: Memory,
    manifests: ApplicationManifests,
  ): Promise<Result> {
    const message = manifests.errors.join("\n");
    const failure = {
      type: "InvalidManifests",
      reason: "InvalidManifests",
      message,
      revision: manifests.commit.id,
    };
    await this.#fail(application, memory, failure, {
      phase: "Failed",
      message,
      revision: manifests.commit.id,
    });
    return this.#next(application);
  }

  async #sourceFailed(
    application: Application,
    memory: Memory,
    error: SourceError,
  ): Promise<Result> {
    memory.sourceFailures++;
    const failure = {
      type: "ComparisonError",
      reason: reasonOf(error.code),
      message: error.message,
    };
    await this.#fail(application, memory, failure, { phase: "Error", message: error.message });
    const pauseMs = Math.min(
      SOURCE_RETRY_FIRST_MS * 2 ** (memory.sourceFailures - 1),
      SOURCE_RETRY_MAX_MS,
    );
    return this.#next(application, error.retryable ? pauseMs : SOURCE_RETRY_MAX_MS);
  }

  async #fail(
    application: Application,
    memory: Memory,
    failure: { type: string; reason: string; message: string; revision?: string },
    operation: { phase: "Failed" | "Error"; message: string; revision?: string },
  ): Promise<void> {
    const now = formatTime(this.#options.clock.now());
    let status = failedStatus(application, failure, now);
    const initiatedBy = application.operation?.initiatedBy?.username;
    if (application.operation !== undefined)
      status = {
        ...status,
        operationState: {
          phase: operation.phase,
          message: operation.message.slice(0, 2_000),
          startedAt: now,
          finishedAt: now,
          ...(initiatedBy === undefined ? {} : { initiatedBy }),
          ...(operation.revision === undefined
            ? {}
            : { syncResult: { revision: operation.revision } }),
        },
      };
    const known = application.status?.conditions?.find(
      (condition) => condition.type === failure.type,
    );
    if (known?.message !== failure.message)
      this.#options.recorder.record(application, "Warning", failure.reason, failure.message);
    await this.#writeStatus(application, memory, status);
    await this.#clearOperation(application, memory);
  }

  async #report({ application, memory }: Look, outcome: Outcome): Promise<void> {
    const now = formatTime(this.#options.clock.now());
    const status = nextStatus(application, outcome, now);
    const [before, after] = [application.status?.health?.status, status.health?.status];
    if (before !== after && after !== undefined) {
      const message = `health is ${after}${status.health?.message === undefined ? "" : `: ${status.health.message}`}`;
      const type = after === "Degraded" || after === "Missing" ? "Warning" : "Normal";
      if (after !== "Progressing" || before !== undefined)
        this.#options.recorder.record(application, type, `Health${after}`, message);
    }
    await this.#writeStatus(application, memory, status);
  }

  async #writeStatus(
    application: Application,
    memory: Memory,
    status: ApplicationStatus,
  ): Promise<void> {
    if (isSameStatus(application.status, status)) return;
    const { namespace = "", name } = application.metadata;
    const next: Application = {
      ...application,
      // Without a resourceVersion: nobody else writes the status, and the spec is not looked at.
      metadata: { namespace, name },
      status: { ...status, reconciledAt: formatTime(this.#options.clock.now()) },
    };
    await this.#remember(
      memory,
      this.#options.client.update(applications, next, {
        subresource: "status",
        fieldManager: FIELD_MANAGER,
      }),
    );
  }

  async #clearOperation(application: Application, memory: Memory): Promise<void> {
    if (application.operation === undefined) return;
    await this.#patch(application, memory, { operation: null });
  }

  async #patch(application: Application, memory: Memory, body: JsonObject): Promise<void> {
    await this.#remember(
      memory,
      this.#options.client.patch(
        applications,
        parseKey(keyOf(application)),
        { type: "merge", body },
        { fieldManager: FIELD_MANAGER },
      ),
    );
  }

  async #remember(memory: Memory, write: Promise<Application>): Promise<void> {
    try {
      memory.minimumRevision = Number((await write).metadata.resourceVersion);
    } catch (error) {
      if (!isStatus(error, "NotFound")) throw error;
    }
  }

  /** Deletes what the Application manages, where its finalizer asks for that, then lets it go. */
  async #finalize(application: Application, memory: Memory, signal: AbortSignal): Promise<Result> {
    const finalizers = application.metadata.finalizers ?? [];
    if (!finalizers.some((name) => CASCADE_FINALIZERS.includes(name))) return done;
    const { client, clock, live } = this.#options;
    const options = applicationOptions(application.spec.syncPolicy?.syncOptions);
    const label = trackingLabel(keyOf(application), sha256);
    const owned = await live.owned(label, refsOf(application.status?.resources));
    const entries = owned
      .filter((object) => object.metadata.deletionTimestamp === undefined && options.delete)
      .map(
        (object): PlanEntry => ({ ref: refOf(object), action: "prune", changes: [], live: object }),
      );
    const results = await applyPlan({ entries }, { client, clock, options, signal });
    const failed = results.find((result) => result.status === "SyncFailed");
    if (failed !== undefined) throw StatusError.of("InternalError", failed.message);
    if (owned.length > 0 && options.delete) return requeueAfter(DELETION_LOOK_MS);
    const left = finalizers.filter((name) => !CASCADE_FINALIZERS.includes(name));
    await this.#patch(application, memory, { metadata: { finalizers: left } });
    return done;
  }

  #next(application: Application, lookAgainMs?: number): Result {
    const { manifests, pollIntervalMs } = this.#options;
    if (lookAgainMs !== undefined) return requeueAfter(Math.max(1, lookAgainMs));
    return manifests.isWatched(application) ? done : requeueAfter(pollIntervalMs);
  }

  #tellDrift(application: Application, plan: Plan): void {
    for (const entry of plan.entries) {
      if (entry.action === "unchanged" || entry.action === "skip") continue;
      const fields = entry.changes.slice(0, 5).map((change) => change.path);
      const what = fields.length === 0 ? entry.action : `${entry.action} ${fields.join(", ")}`;
      this.#options.recorder.record(
        application,
        "Normal",
        "DriftDetected",
        `${formatRef(entry.ref)} differs from Git: ${what}`,
      );
    }
  }

  #tellSync(
    { application, manifests, plan }: Look,
    results: readonly ObjectResult[],
    decision: Decision,
  ): void {
    const { recorder, logger } = this.#options;
    const failed = results.filter((result) => result.status === "SyncFailed");
    const counts = summarize(plan);
    const revision = manifests.commit.id.slice(0, 12);
    logger.info(
      {
        application: keyOf(application),
        revision,
        because: decision.because,
        ...counts,
        failed: failed.length,
      },
      "synced",
    );
    for (const result of failed.slice(0, 10))
      recorder.record(
        application,
        "Warning",
        "SyncFailed",
        `${formatRef(result.ref)}: ${result.message}`,
      );
    if (failed.length === 0)
      recorder.record(
        application,
        "Normal",
        "Synced",
        `synced to ${revision}: ${counts.create} created, ${counts.update} changed, ${counts.replace} replaced, ${counts.prune} pruned`,
      );
  }
}

interface Look {
  readonly application: Application;
  readonly memory: Memory;
  readonly manifests: ApplicationManifests;
  readonly rollback: ApplicationStatus["rollback"];
  readonly desired: readonly Desired[];
  readonly unusable: readonly Unusable[];
  readonly plan: Plan;
  readonly signal: AbortSignal;
}

/** After a restart, what the status says was synced last stands for the memory of it. */
function attemptsFrom(
  application: Application,
  manifests: ApplicationManifests,
  subject: string,
): Attempts | undefined {
  const last = application.status?.operationState;
  const isSame =
    last?.phase === "Succeeded" &&
    last.syncResult?.revision === manifests.commit.id &&
    application.status?.observedGeneration === application.metadata.generation;
  return isSame ? { subject, failures: 0, heals: 0, lastMs: 0, succeeded: true } : undefined;
}

function inSyncAttempts(before: Attempts | undefined, subject: string, nowMs: number): Attempts {
  if (before?.subject === subject && before.succeeded) return before;
  return { subject, failures: 0, heals: 0, lastMs: nowMs, succeeded: true };
}

function withSyncError(outcome: Outcome, results: readonly ObjectResult[]): Outcome {
  const message = results
    .filter((result) => result.status === "SyncFailed")
    .map((result) => `${formatRef(result.ref)}: ${result.message}`)
    .join("; ");
  const others = outcome.conditions.filter((condition) => condition.type !== "SyncError");
  return {
    ...outcome,
    conditions: [...others, { type: "SyncError", reason: "SyncFailed", message }],
  };
}

function withoutOperation(application: Application): Application {
  const { operation: _operation, ...rest } = application;
  return rest;
}

/** `repository-not-found` → `RepositoryNotFound`: a reason as Kubernetes writes them. */
function reasonOf(code: string): string {
  return code.replace(/(^|-)([a-z])/g, (_all, _dash, letter: string) => letter.toUpperCase());
}
