/** Whether an Application is to be synced now, and when to look again otherwise. Pure. */
import type { Application } from "../kube/kinds/application.ts";
import { parseDuration } from "./duration.ts";

/** Argo CD's defaults of `syncPolicy.retry`. */
const RETRY_LIMIT = 5;
const RETRY_FIRST_MS = 5_000;
const RETRY_FACTOR = 2;
const RETRY_MAX_MS = 180_000;
/** Argo CD's back-off of self-heal: the first at once, then 2 s, 6 s, 18 s, … up to 5 minutes. */
const HEAL_FIRST_MS = 2_000;
const HEAL_FACTOR = 3;
const HEAL_MAX_MS = 300_000;
/** After this long without drift the next one is healed at once again. */
const HEAL_FORGET_MS = 600_000;

/** What a sync is about. */
export interface Subject {
  /** Equal for equal manifests. */
  readonly content: string;
  readonly specHash: string;
  /** Commit id. */
  readonly revision: string;
}
/** What the operator remembers of its attempts at one subject. */
export interface Attempts {
  readonly subject: Subject;
  readonly failures: number;
  readonly heals: number;
  readonly lastMs: number;
  readonly succeeded: boolean;
}
export type Decision =
  | { readonly apply: true; readonly because: "operation" | "revision" | "retry" | "drift" }
  | { readonly apply: false; readonly because: string; readonly lookAgainMs?: number };

export interface Situation {
  readonly application: Application;
  readonly inSync: boolean;
  readonly subject: Subject;
  readonly attempts: Attempts | undefined;
  readonly nowMs: number;
}

export function decide(situation: Situation): Decision {
  const { application, inSync, subject, nowMs } = situation;
  if (application.operation !== undefined) return { apply: true, because: "operation" };
  if (application.spec.suspend === true) return { apply: false, because: "suspended" };
  if (inSync) return { apply: false, because: "in sync" };
  const automated = application.spec.syncPolicy?.automated;
  if (automated === undefined || automated.enabled === false)
    return { apply: false, because: "syncs are not automated" };
  const attempts = attemptsAt(situation.attempts, subject);
  if (attempts === undefined) return { apply: true, because: "revision" };
  if (!attempts.succeeded) return retry(application, attempts, nowMs);
  if (automated.selfHeal !== true)
    return { apply: false, because: "drift is not healed: selfHeal is off" };
  return heal(attempts, nowMs);
}

/**
 * The attempts that count for a subject. A commit that leaves the manifests as they were does not
 * make drift its own, but it does give what failed a new chance.
 */
export function attemptsAt(
  attempts: Attempts | undefined,
  { content, specHash, revision }: Subject,
): Attempts | undefined {
  const before = attempts?.subject;
  if (before?.content !== content || before.specHash !== specHash) return undefined;
  return attempts?.succeeded === true || before.revision === revision ? attempts : undefined;
}

function retry(application: Application, attempts: Attempts, nowMs: number): Decision {
  const policy = application.spec.syncPolicy?.retry;
  const limit = policy?.limit ?? RETRY_LIMIT;
  if (limit >= 0 && attempts.failures > limit)
    return { apply: false, because: `gave up after ${attempts.failures} attempts` };
  const backoff = policy?.backoff;
  const pauseMs = Math.min(
    (parseDuration(backoff?.duration ?? "") ?? RETRY_FIRST_MS) *
      (backoff?.factor ?? RETRY_FACTOR) ** Math.max(0, attempts.failures - 1),
    parseDuration(backoff?.maxDuration ?? "") ?? RETRY_MAX_MS,
  );
  return due(attempts.lastMs + pauseMs, nowMs, "retry");
}

function heal(attempts: Attempts, nowMs: number): Decision {
  if (attempts.heals === 0 || nowMs - attempts.lastMs > HEAL_FORGET_MS)
    return { apply: true, because: "drift" };
  const pauseMs = Math.min(HEAL_FIRST_MS * HEAL_FACTOR ** (attempts.heals - 1), HEAL_MAX_MS);
  return due(attempts.lastMs + pauseMs, nowMs, "drift");
}

function due(atMs: number, nowMs: number, because: "retry" | "drift"): Decision {
  if (nowMs >= atMs) return { apply: true, because };
  return { apply: false, because: `next ${because} later`, lookAgainMs: atMs - nowMs };
}

/** The attempts after one more. */
export function afterAttempt(
  before: Attempts | undefined,
  outcome: {
    readonly subject: Subject;
    readonly succeeded: boolean;
    readonly because: (Decision & { apply: true })["because"];
    readonly nowMs: number;
  },
): Attempts {
  const same = attemptsAt(before, outcome.subject);
  const forgotten = same !== undefined && outcome.nowMs - same.lastMs > HEAL_FORGET_MS;
  const heals = (forgotten ? 0 : (same?.heals ?? 0)) + (outcome.because === "drift" ? 1 : 0);
  return {
    subject: outcome.subject,
    failures: outcome.succeeded ? 0 : (same?.failures ?? 0) + 1,
    heals,
    lastMs: outcome.nowMs,
    succeeded: outcome.succeeded,
  };
}

/** The attempts after a look that found everything in sync: what differs from here on is drift. */
export function afterInSync(
  before: Attempts | undefined,
  subject: Subject,
  nowMs: number,
): Attempts {
  const same = attemptsAt(before, subject);
  if (same?.succeeded === true) return { ...same, subject };
  return { subject, failures: 0, heals: 0, lastMs: nowMs, succeeded: true };
}

/** What the status tells about earlier attempts, for an operator that has just started. */
export function attemptsFromStatus(
  { metadata, status }: Application,
  subject: Subject,
): Attempts | undefined {
  const synced = status?.lastSynced;
  if (synced?.revision === subject.revision && synced.specHash === subject.specHash)
    return { subject, failures: 0, heals: 0, lastMs: 0, succeeded: true };
  const last = status?.operationState;
  const failed = last?.phase === "Failed" && last.syncResult?.revision === subject.revision;
  if (!failed || status?.observedGeneration !== metadata.generation) return undefined;
  return {
    subject,
    failures: (last.retryCount ?? 0) + 1,
    heals: 0,
    lastMs: Date.parse(last.finishedAt ?? last.startedAt),
    succeeded: false,
  };
}
