/**
 * The history of an Application, kept in its status: what was deployed or failed to be, from which
 * commit of whom, how long it took and what it changed. Pure.
 */
import type {
  Application,
  ApplicationHistoryEntry,
  ApplicationOperationState,
  ApplicationRollback,
} from "../../kube/kinds/application.ts";
import { clip } from "./clip.ts";

/** Kept when `spec.revisionHistoryLimit` says nothing, as in Argo CD. */
const HISTORY_LIMIT = 10;

export interface FinishedSync {
  readonly operation?: ApplicationOperationState;
  readonly commit: {
    readonly id: string;
    readonly author: string;
    readonly subject: string;
    readonly revisions?: readonly string[];
  };
  readonly rollback?: ApplicationRollback | undefined;
}

/**
 * One entry for each revision that was synced, newest last. Retries of a revision that failed are
 * one entry with the last outcome; healed drift of a revision that is there already is none.
 */
export function historyAfter(
  application: Application,
  { commit, operation, rollback }: FinishedSync,
  now: string,
): { history?: ApplicationHistoryEntry[] } {
  const outcome = operation?.phase;
  if (operation === undefined || (outcome !== "Succeeded" && outcome !== "Failed")) return {};
  const history = application.status?.history ?? [];
  const last = history.at(-1);
  const isSame =
    last?.revision === commit.id && String(last.revisions) === String(commit.revisions);
  if (isSame && last.outcome !== "Failed") return {};
  const { startedAt, initiatedBy, plan, message, retryCount } = operation;
  const began = isSame ? (last.startedAt ?? startedAt) : startedAt;
  const entry: ApplicationHistoryEntry = {
    id: isSame ? last.id : (last?.id ?? 0) + 1,
    revision: commit.id,
    ...(commit.revisions === undefined ? {} : { revisions: [...commit.revisions] }),
    outcome,
    startedAt: began,
    deployedAt: now,
    durationSeconds: Math.max(0, Math.round((Date.parse(now) - Date.parse(began)) / 1_000)),
    author: clip(commit.author),
    message: clip(commit.subject),
    ...(rollback === undefined ? {} : { rollback: clip(rollback.reason ?? "requested") }),
    ...(plan === undefined ? {} : { plan }),
    ...(initiatedBy === undefined ? {} : { initiatedBy }),
    ...(retryCount === undefined || retryCount === 0 ? {} : { retryCount }),
    ...(outcome === "Failed" && message !== undefined ? { error: clip(message) } : {}),
  };
  const before = isSame ? history.slice(0, -1) : history;
  return { history: trimmed([...before, entry], application.spec.revisionHistoryLimit) };
}

/** The last one that succeeded is kept, however many failed since: it is what to go back to. */
function trimmed(
  history: readonly ApplicationHistoryEntry[],
  limit = HISTORY_LIMIT,
): ApplicationHistoryEntry[] {
  const kept = history.slice(-Math.max(1, limit));
  if (kept.some(({ outcome }) => outcome !== "Failed")) return kept;
  const good = history.findLast(({ outcome }) => outcome !== "Failed");
  return good === undefined ? kept : [good, ...kept.slice(1)];
}
