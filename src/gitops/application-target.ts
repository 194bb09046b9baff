/**
 * Which manifests count for an Application now: those asked for by hand, those that a rollback
 * holds, or the newest. While the newest cannot be had or used, the last good ones go on to count.
 */
import type { Clock } from "../client/clock.ts";
import { formatTime } from "../client/timestamps.ts";
import {
  type Application,
  type ApplicationRollback,
  type ApplicationStatus,
  revisionId,
  sourcesOf,
} from "../kube/kinds/application.ts";
import {
  type ApplicationManifests,
  type ManifestSource,
  targetRevision,
} from "./application-manifests.ts";
import type { ApplicationMemory } from "./application-memory.ts";
import { ignoreRuleProblem } from "./plan/ignore-rules.ts";
import type { ManifestPolicy } from "./policy/policy-keeper.ts";
import type { Trouble } from "./report/application-status.ts";
import { SourceError } from "./source/source-error.ts";
import { specHash } from "./spec-hash.ts";

/** How long to wait before asking a repository again that could not be read, doubling up to the limit. */
const SOURCE_RETRY_FIRST_MS = 2_000;
const SOURCE_RETRY_MAX_MS = 180_000;
/** Applications that are new at the same time look at their repository together. */
const SHARED_LOOK_MS = 1_000;
/** Of the poll interval: Applications of one repository share a poll that is so recent. */
const SHARED_POLL_FRACTION = 0.25;

export interface Target {
  /** Undefined: nothing usable is known. */
  readonly manifests?: ApplicationManifests | undefined;
  readonly rollback?: ApplicationStatus["rollback"];
  readonly trouble?: Trouble | undefined;
  /** Why the operation that is asked for cannot be carried out. */
  readonly refusal?: Trouble | undefined;
  readonly lookAgainMs?: number | undefined;
}

export interface TargetOptions {
  readonly source: ManifestSource;
  readonly clock: Clock;
  /** How often a repository that does not announce changes is asked. */
  readonly pollIntervalMs: number;
  /** Absent: everything is allowed. */
  readonly policy?: ManifestPolicy | undefined;
}

export async function resolveTarget(
  application: Application,
  memory: ApplicationMemory,
  options: TargetOptions,
  signal: AbortSignal,
): Promise<Target> {
  const { operation, status } = application;
  const wrong =
    otherDestination(application) ??
    unreadableIgnoreRule(application) ??
    options.policy?.refusal(application);
  if (wrong !== undefined)
    return { trouble: wrong, refusal: operation === undefined ? undefined : wrong };
  const followed = await follow(application, memory, options, signal);
  const latest = known(memory.newest, application);
  const newest = latest === undefined ? undefined : idOf(latest);
  const held = status?.rollback;
  const isHeld = held !== undefined && (newest === undefined || held.insteadOf === newest);
  const asked =
    operation !== undefined ? operation.sync?.revision : isHeld ? held.revision : undefined;
  if (asked === undefined)
    return operation === undefined ? followed : { ...followed, refusal: followed.trouble };
  const other = await atRevision(application, asked, options, signal);
  if ("trouble" in other)
    return operation === undefined
      ? { ...followed, trouble: other.trouble }
      : { ...followed, refusal: other.trouble };
  const { manifests } = other;
  const id = idOf(manifests);
  if (id === newest) return followed;
  const insteadOf = newest ?? held?.insteadOf;
  if (insteadOf === undefined) return { ...followed, refusal: followed.trouble };
  const rollback =
    operation === undefined && held !== undefined
      ? { ...held, insteadOf }
      : requestedRollback(application, id, insteadOf, options);
  return { manifests, rollback, lookAgainMs: followed.lookAgainMs };
}

const idOf = ({ commit }: ApplicationManifests): string => revisionId(commit.id, commit.revisions);

function requestedRollback(
  { operation, status }: Application,
  revision: string,
  insteadOf: string,
  { clock }: TargetOptions,
): ApplicationRollback {
  const held = status?.rollback;
  // A retry of the same request is no other rollback.
  if (held?.revision === revision && held.insteadOf === insteadOf) return held;
  const username = operation?.initiatedBy?.username;
  const reason = username === undefined ? "requested" : `requested by ${username}`;
  return { revision, insteadOf, reason, since: formatTime(clock.now()) };
}

/** The cluster that the operator runs in, by the names that Argo CD gives it. */
const OWN_CLUSTER = new Set([undefined, "", "in-cluster", "https://kubernetes.default.svc"]);

/** Objects meant for another cluster must not end up in this one. */
function otherDestination({ spec }: Application): Trouble | undefined {
  const { name, server } = spec.destination;
  if (OWN_CLUSTER.has(name) && OWN_CLUSTER.has(server)) return undefined;
  const type = "InvalidDestination";
  const message = `spec.destination names the cluster ${JSON.stringify(name ?? server)}, which is not registered: leave name and server out for the embedded engine`;
  return { type, reason: type, message };
}

/** What would be overwritten because a rule is not understood is what somebody wants to be left alone. */
function unreadableIgnoreRule(application: Application): Trouble | undefined {
  const message = ignoreRuleProblem(application);
  if (message === undefined) return undefined;
  const type = "InvalidIgnoreRule";
  return { type, reason: type, message: `${message}. Nothing is applied until it is corrected` };
}

/** The newest manifests, else the last good ones and what is wrong with the newest. */
async function follow(
  application: Application,
  memory: ApplicationMemory,
  options: TargetOptions,
  signal: AbortSignal,
): Promise<Target> {
  const failure = await ask(application, memory, options, signal);
  const newest = known(memory.newest, application);
  const judged = newest === undefined ? undefined : await judge(newest, application, options);
  const trouble =
    failure?.trouble ?? (judged !== undefined && "trouble" in judged ? judged.trouble : undefined);
  if (trouble === undefined) {
    memory.good = memory.newest;
    return judged !== undefined && "manifests" in judged ? judged : {};
  }
  const manifests = await lastGood(application, memory, options, signal);
  const lookAgainMs =
    failure === undefined ? undefined : Math.max(1, failure.retryAtMs - options.clock.now());
  return { manifests, trouble, lookAgainMs };
}

/** Brings `memory.newest` up to date where that is due. */
async function ask(
  application: Application,
  memory: ApplicationMemory,
  options: TargetOptions,
  signal: AbortSignal,
): Promise<ApplicationMemory["sourceFailure"]> {
  const nowMs = options.clock.now();
  const source = sourceId(application);
  const isNew = known(memory.newest, application) === undefined;
  const failure = memory.sourceFailure?.source === source ? memory.sourceFailure : undefined;
  const isAsked = application.operation !== undefined;
  const isPoll = nowMs - memory.resolvedAtMs >= options.pollIntervalMs;
  const { staleSinceMs } = memory;
  // A change that was told of while the repository was asked may be what mends it.
  const isToWait = failure !== undefined && nowMs < failure.retryAtMs;
  if (isToWait && staleSinceMs === undefined && !isAsked) return failure;
  const isDue = isNew || isAsked || isPoll || failure !== undefined || staleSinceMs !== undefined;
  if (!isDue) return undefined;
  const sharedMs = isNew ? SHARED_LOOK_MS : options.pollIntervalMs * SHARED_POLL_FRACTION;
  const notBeforeMs = isAsked ? nowMs : (staleSinceMs ?? nowMs - sharedMs);
  memory.staleSinceMs = undefined;
  try {
    const manifests = await options.source.manifestsOf(application, {
      revision: targetRevision(application),
      notBeforeMs,
      signal,
    });
    memory.newest = { manifests, source };
    memory.resolvedAtMs = nowMs;
    memory.sourceFailure = undefined;
    return undefined;
  } catch (error) {
    if (!(error instanceof SourceError) || signal.aborted) {
      // Whoever tries again has not seen the change that was told of.
      memory.staleSinceMs ??= staleSinceMs;
      throw error;
    }
    const failures = (failure?.failures ?? 0) + 1;
    const pauseMs = error.retryable
      ? Math.min(SOURCE_RETRY_FIRST_MS * 2 ** (failures - 1), SOURCE_RETRY_MAX_MS)
      : SOURCE_RETRY_MAX_MS;
    const retryAtMs = options.clock.now() + pauseMs;
    memory.sourceFailure = { trouble: unreadable(error), source, failures, retryAtMs };
    return memory.sourceFailure;
  }
}

/** From memory or, after a restart, by the revision that the status says was synced last. */
async function lastGood(
  application: Application,
  memory: ApplicationMemory,
  options: TargetOptions,
  signal: AbortSignal,
): Promise<ApplicationManifests | undefined> {
  const remembered = known(memory.good, application);
  if (remembered !== undefined) {
    const judged = await judge(remembered, application, options);
    return "manifests" in judged ? judged.manifests : undefined;
  }
  const synced = application.status?.lastSynced;
  if (synced === undefined || synced.specHash !== specHash(application)) return undefined;
  const found = await atRevision(application, synced.revision, options, signal);
  if ("trouble" in found) return undefined;
  memory.good = { manifests: found.manifests, source: sourceId(application) };
  return found.manifests;
}

async function atRevision(
  application: Application,
  revision: string,
  options: TargetOptions,
  signal: AbortSignal,
): Promise<Judged> {
  try {
    const manifests = await options.source.manifestsOf(application, { revision, signal });
    return await judge(manifests, application, options);
  } catch (error) {
    if (!(error instanceof SourceError) || signal.aborted) throw error;
    return { trouble: unreadable(error) };
  }
}

type Judged = { readonly manifests: ApplicationManifests } | { readonly trouble: Trouble };

/** Whether manifests may be applied, with what policies have to say of them. */
async function judge(
  manifests: ApplicationManifests,
  application: Application,
  { policy }: TargetOptions,
): Promise<Judged> {
  const broken = invalid(manifests);
  if (broken !== undefined) return { trouble: broken };
  const verdict = await policy?.verdict(application, manifests);
  if (verdict?.trouble !== undefined) return { trouble: verdict.trouble };
  const warnings = verdict?.warnings ?? [];
  if (warnings.length === 0) return { manifests };
  return { manifests: { ...manifests, warnings: [...manifests.warnings, ...warnings] } };
}

function invalid({ errors, commit }: ApplicationManifests): Trouble | undefined {
  if (errors.length === 0) return undefined;
  const type = "InvalidManifests";
  return { type, reason: type, message: errors.join("\n"), revision: commit.id };
}

function unreadable({ code, message }: SourceError): Trouble {
  return { type: "ComparisonError", reason: reasonOf(code), message };
}

/** `repository-not-found` → `RepositoryNotFound`: a reason as Kubernetes writes them. */
function reasonOf(code: string): string {
  return code.replace(/(^|-)([a-z])/g, (_all, _dash, letter: string) => letter.toUpperCase());
}

/** All of a spec that its manifests come from: what was known of another is not known of this. */
const sourceId = ({ spec }: Application): string =>
  JSON.stringify([sourcesOf(spec), spec.destination.namespace, spec.postBuild, spec.decryption]);

function known(
  of: ApplicationMemory["newest"],
  application: Application,
): ApplicationManifests | undefined {
  return of?.source === sourceId(application) ? of.manifests : undefined;
}
