/** Whether an Application is to be synced now, and when to look again otherwise. Pure. */
import { parseTime } from "../client/timestamps.ts";
import type { Application, Backoff } from "../kube/kinds/application.ts";
import { parseDuration } from "./duration.ts";
import { DISPUTED_HEALS } from "./gates/field-dispute.ts";
import { type Gates, NO_GATES, untilOpen } from "./gates/gates.ts";
import { describeSuspension, wasSuspendedSince } from "./gates/suspension.ts";
import { mayGoOn, type UnderWay } from "./gates/sync-windows.ts";
import type { Trouble } from "./report/application-status.ts";

/** Argo CD's defaults of `syncPolicy.retry`. */
const RETRY_LIMIT = 5;
const RETRY_BACKOFF = { firstMs: 5_000, factor: 2, maxMs: 180_000 };
/** Argo CD's back-off of self-heal: the first at once, then 2 s, 6 s, 18 s, … up to 5 minutes. */
const HEAL_BACKOFF = { firstMs: 2_000, factor: 3, maxMs: 300_000 };
/** After this long without drift the next one is healed at once again: longer than any pause. */
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
  /** What somebody else keeps changing, once it was healed so often that it is no accident. */
  readonly disputed?: string | undefined;
}
export type Decision =
  | { readonly apply: true; readonly because: "operation" | "revision" | "retry" | "drift" }
  | {
      readonly apply: false;
      readonly because: string;
      readonly lookAgainMs?: number;
      /** What was asked for is not done, for this reason. */
      readonly refusal?: Trouble;
      /** It failed too often, and only a new commit changes that. */
      readonly gaveUp?: true;
    };

export interface Situation {
  readonly application: Application;
  readonly inSync: boolean;
  readonly subject: Subject;
  readonly attempts: Attempts | undefined;
  /** @default all open */
  readonly gates?: Gates;
  /** The subject is what was gone back to automatically. */
  readonly isRescue?: boolean;
  readonly nowMs: number;
}

export function decide(situation: Situation): Decision {
  const { application, inSync, nowMs } = situation;
  if (application.operation !== undefined) return decideRequest(situation);
  const suspension = describeSuspension(application);
  if (suspension !== undefined) return { apply: false, because: suspension };
  const attempts = attemptsAt(situation.attempts, situation.subject);
  if (inSync) return { apply: false, because: "in sync", ...untilForgotten(attempts, nowMs) };
  const automated = application.spec.syncPolicy?.automated;
  if (automated === undefined || automated.enabled === false)
    return { apply: false, because: "syncs are not automated" };
  if (attempts?.succeeded !== true)
    return heldBack(situation) ?? attempt(application, attempts, nowMs);
  if (automated.selfHeal !== true)
    return { apply: false, because: "drift is not healed: selfHeal is off" };
  const { selfHeal } = (situation.gates ?? NO_GATES).windows;
  if (!selfHeal.open)
    return { apply: false, because: `drift is not healed ${untilOpen(selfHeal)}` };
  return heal(application, attempts, nowMs);
}

/** Somebody asks for it: only windows can forbid that, and a suspension that came afterwards. */
function decideRequest({ application, gates = NO_GATES, nowMs }: Situation): Decision {
  const running = underWay(application);
  const suspension = describeSuspension(application);
  if (
    suspension !== undefined &&
    running !== undefined &&
    wasSuspendedSince(application, running.startedAtMs)
  )
    return refused("Suspended", `stopped: ${suspension}; \`gantry resume\` lifts it`);
  const { manual } = gates.windows;
  const isDryRun = application.operation?.sync?.dryRun === true;
  if (manual.open || isDryRun) return { apply: true, because: "operation" };
  if (running !== undefined && mayGoOn(gates.applicable, running, nowMs))
    return { apply: true, because: "operation" };
  return refused(
    "SyncWindow",
    `syncs are denied ${untilOpen(manual)}; manualSync: true in the window allows them on request`,
  );
}

function refused(type: string, message: string): Decision {
  return { apply: false, because: message, refusal: { type, reason: type, message } };
}

/** Windows and dependencies hold back new revisions, and what is tried again of them. */
function heldBack({
  application,
  subject,
  gates = NO_GATES,
  isRescue = false,
  nowMs,
}: Situation): (Decision & { apply: false }) | undefined {
  // It undoes what was let through before.
  if (isRescue) return undefined;
  const { sync } = gates.windows;
  const running = underWay(application, subject);
  const goesOn = running !== undefined && mayGoOn(gates.applicable, running, nowMs);
  if (!sync.open && !goesOn)
    return { apply: false, because: `syncs are denied ${untilOpen(sync)}` };
  // What has begun is brought to its end: half of two revisions is worse than either.
  if (gates.waiting === undefined || running !== undefined) return undefined;
  return { apply: false, because: `waits: ${gates.waiting.message}` };
}

/** The sync that is under way according to the status; of a subject, if one is given. */
function underWay({ status }: Application, subject?: Subject): UnderWay | undefined {
  const state = status?.operationState;
  if (state?.phase !== "Running") return undefined;
  if (subject !== undefined && state.syncResult?.revision !== subject.revision) return undefined;
  const startedAtMs = parseTime(state.startedAt);
  return startedAtMs === undefined
    ? undefined
    : { startedAtMs, manual: state.because === "operation" };
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

function attempt(
  application: Application,
  attempts: Attempts | undefined,
  nowMs: number,
): Decision {
  if (attempts === undefined) return { apply: true, because: "revision" };
  const policy = application.spec.syncPolicy?.retry;
  const limit = policy?.limit ?? RETRY_LIMIT;
  if (limit >= 0 && attempts.failures > limit)
    return { apply: false, because: `gave up after ${attempts.failures} attempts`, gaveUp: true };
  const pauseMs = pauseAfter(attempts.failures, policy?.backoff, RETRY_BACKOFF);
  return due(attempts.lastMs + pauseMs, nowMs, "retry");
}

function heal({ spec }: Application, attempts: Attempts, nowMs: number): Decision {
  const { heals, lastMs } = attempts;
  if (heals === 0 || isForgotten(attempts, nowMs)) return { apply: true, because: "drift" };
  const backoff = spec.syncPolicy?.automated?.selfHealBackoff;
  return due(lastMs + pauseAfter(heals, backoff, HEAL_BACKOFF), nowMs, "drift");
}

/** The pause after so many attempts, the first included. */
function pauseAfter(
  attempts: number,
  backoff: Backoff | undefined,
  defaults: { readonly firstMs: number; readonly factor: number; readonly maxMs: number },
): number {
  const firstMs = parseDuration(backoff?.duration ?? "") ?? defaults.firstMs;
  const maxMs = parseDuration(backoff?.maxDuration ?? "") ?? defaults.maxMs;
  const factor = Math.max(1, backoff?.factor ?? defaults.factor);
  return Math.min(firstMs * factor ** Math.max(0, attempts - 1), maxMs);
}

function due(atMs: number, nowMs: number, because: "retry" | "drift"): Decision {
  if (nowMs >= atMs) return { apply: true, because };
  return { apply: false, because: `next ${because} later`, lookAgainMs: atMs - nowMs };
}

const isForgotten = ({ lastMs }: Attempts, nowMs: number): boolean =>
  nowMs - lastMs > HEAL_FORGET_MS;

/** A dispute is shown until it has been quiet for long enough. */
function untilForgotten(
  attempts: Attempts | undefined,
  nowMs: number,
): { readonly lookAgainMs?: number } {
  if (attempts?.disputed === undefined) return {};
  return { lookAgainMs: Math.max(1, attempts.lastMs + HEAL_FORGET_MS + 1 - nowMs) };
}

/** The attempts after one more. */
export function afterAttempt(
  before: Attempts | undefined,
  outcome: {
    readonly subject: Subject;
    readonly succeeded: boolean;
    readonly because: (Decision & { apply: true })["because"];
    readonly nowMs: number;
    /** What differed, in words; asked for where it is drift. */
    readonly differing?: () => string;
  },
): Attempts {
  const { subject, succeeded, because, nowMs, differing } = outcome;
  const same = attemptsAt(before, subject);
  const forgotten = same !== undefined && isForgotten(same, nowMs);
  const heals = (forgotten ? 0 : (same?.heals ?? 0)) + (because === "drift" ? 1 : 0);
  return {
    subject,
    failures: succeeded ? 0 : (same?.failures ?? 0) + 1,
    heals,
    lastMs: nowMs,
    succeeded,
    ...(heals < DISPUTED_HEALS ? {} : { disputed: same?.disputed ?? differing?.() }),
  };
}

/** The attempts after a look that found everything in sync: what differs from here on is drift. */
export function afterInSync(
  before: Attempts | undefined,
  subject: Subject,
  nowMs: number,
): Attempts {
  const same = attemptsAt(before, subject);
  if (same?.succeeded !== true)
    return { subject, failures: 0, heals: 0, lastMs: nowMs, succeeded: true };
  if (!isForgotten(same, nowMs)) return { ...same, subject };
  const { disputed: _settled, ...rest } = same;
  return { ...rest, subject, heals: 0 };
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
