/**
 * `syncPolicy.automaticRollback`: when to go back to the last healthy revision. Decided from the
 * Application alone, so that a restarted operator decides the same. Pure.
 *
 * There is no ping-pong: only a revision that was newly synced is gone back from, never one that
 * was gone back to, and never one that has been healthy before.
 */
import { formatTime, parseTime } from "../../client/timestamps.ts";
import type {
  Application,
  ApplicationHistoryEntry,
  ApplicationRollback,
  ApplicationStatus,
} from "../../kube/kinds/application.ts";
import { deployments, revisionId } from "../../kube/kinds/application.ts";
import { parseDuration } from "../duration.ts";

/** How long a revision may take to become healthy. */
const DEFAULT_TIMEOUT_MS = 300_000;
const SHORT_REVISION = 12;

export interface RollbackFacts {
  readonly application: Application;
  /** As this look found it. */
  readonly status: ApplicationStatus;
  /** What the Application follows now. */
  readonly commit: { readonly id: string; readonly revisions?: readonly string[] };
  /** Its sync failed, and is not tried again. */
  readonly gaveUp: boolean;
  readonly nowMs: number;
}
export type RollbackVerdict =
  | { readonly act: "none"; readonly lookAgainMs?: number }
  | { readonly act: "rollBack"; readonly rollback: ApplicationRollback }
  /** It would be time, but there is nothing to go back to. */
  | { readonly act: "stay"; readonly message: string };

export function automaticRollback(facts: RollbackFacts): RollbackVerdict {
  const { application, status, commit, nowMs } = facts;
  const revision = revisionId(commit.id, commit.revisions);
  const policy = application.spec.syncPolicy?.automaticRollback;
  const { lastHealthy, rollback } = status;
  if (policy === undefined || application.spec.suspend === true) return { act: "none" };
  const timeoutMs = parseDuration(policy.timeout ?? "") ?? DEFAULT_TIMEOUT_MS;
  if (rollback !== undefined) return afterRollback(status, rollback, timeoutMs, nowMs);
  if (lastHealthy?.revision === revision) return { act: "none" };
  const why = failure(facts, timeoutMs);
  if (why === undefined) return { act: "none" };
  if (typeof why === "number") return { act: "none", lookAgainMs: Math.max(1, why - nowMs) };
  if (lastHealthy === undefined)
    return { act: "stay", message: `${why}; there is no healthy revision to go back to` };
  const reason = `${revision.slice(0, SHORT_REVISION)} ${why}`;
  const since = formatTime(nowMs);
  return {
    act: "rollBack",
    rollback: {
      revision: lastHealthy.revision,
      insteadOf: revision,
      reason,
      since,
      automatic: true,
    },
  };
}

/** Going back has to help in the same time; when it does not, nothing else is tried. */
function afterRollback(
  status: ApplicationStatus,
  { automatic, revision, since }: ApplicationRollback,
  timeoutMs: number,
  nowMs: number,
): RollbackVerdict {
  const sinceMs = parseTime(since);
  if (automatic !== true || sinceMs === undefined || !isUnhealthy(status)) return { act: "none" };
  const dueMs = sinceMs + timeoutMs;
  if (nowMs < dueMs) return { act: "none", lookAgainMs: dueMs - nowMs };
  const message = `${revision.slice(0, SHORT_REVISION)}, which was gone back to, is not healthy either: ${healthText(status)}; nothing further is tried`;
  return { act: "stay", message };
}

/** Why the revision has failed, or until when it may still become healthy. */
function failure(
  { status, commit, gaveUp, nowMs }: RollbackFacts,
  timeoutMs: number,
): string | number | undefined {
  if (gaveUp)
    return `cannot be synced: ${status.operationState?.message ?? "every attempt failed"}`;
  const startedMs = syncedAt(status, commit);
  if (startedMs === undefined || !isUnhealthy(status)) return undefined;
  const what = healthText(status);
  if (status.health?.status === "Degraded" && wasHealthyBefore(status, commit))
    return `became ${what}`;
  const dueMs = startedMs + timeoutMs;
  if (nowMs < dueMs) return dueMs;
  return `is not healthy after ${Math.round(timeoutMs / 1_000)} s: ${what}`;
}

function healthText({ health }: ApplicationStatus): string {
  const { status = "Unknown", message } = health ?? {};
  return `${status}${message === undefined ? "" : ` (${message})`}`;
}

/** Suspended is what somebody asked for, such as a paused Deployment. */
function isUnhealthy({ health }: ApplicationStatus): boolean {
  return health !== undefined && health.status !== "Healthy" && health.status !== "Suspended";
}

/**
 * Since when the revision has had to become healthy: since it was synced or, where health is
 * waited for in the middle of the sync, since it went bad in there. Hooks that run before have
 * their own time, and what was bad before the sync is what it may be about to mend.
 */
function syncedAt(status: ApplicationStatus, commit: RollbackFacts["commit"]): number | undefined {
  const { operationState, unhealthySince } = status;
  if (operationState?.phase === "Running") {
    if (operationState.syncResult?.revision !== commit.id) return undefined;
    const [startedMs = 0, badMs = 0] = [operationState.startedAt, unhealthySince].map(parseTime);
    return badMs >= startedMs ? badMs : undefined;
  }
  const last = deployments(status).at(-1);
  return last !== undefined && isOf(last, commit) ? parseTime(last.deployedAt) : undefined;
}

/** What was not healthy before may be so for other reasons than this revision: it gets its time. */
function wasHealthyBefore(status: ApplicationStatus, commit: RollbackFacts["commit"]): boolean {
  const before = deployments(status)
    .filter((entry) => !isOf(entry, commit))
    .at(-1);
  if (before === undefined) return false;
  return revisionId(before.revision, before.revisions) === status.lastHealthy?.revision;
}

function isOf(
  { revision, revisions }: ApplicationHistoryEntry,
  commit: RollbackFacts["commit"],
): boolean {
  return revisionId(revision, revisions) === revisionId(commit.id, commit.revisions);
}
