/** What a commit's page on a forge says about an Application: a projection of its status. Pure. */
import {
  type Application,
  type ApplicationOperationState,
  revisionId,
} from "../../kube/kinds/application.ts";
import type { Condition } from "kubernetes-types/meta/v1";
import { keyOf } from "../../kube/object.ts";
import { sha256 } from "../plan/desired.ts";

export interface CommitState {
  /** Of the first source; that of another one is in `status.sync.revisions`. */
  readonly revision: string;
  readonly state: "pending" | "success" | "failure";
  /** One sentence without the revision. */
  readonly description: string;
}

/** Undefined when there is nothing to say. */
export function commitStateOf({ status }: Application): CommitState | undefined {
  const revision = status?.sync?.revision;
  if (revision === undefined) return undefined;
  const operation = status?.operationState;
  const ofAll = revisionId(revision, status?.sync?.revisions);
  const synced = operation?.syncResult?.revision;
  const own = synced === revision || synced === ofAll ? operation : undefined;
  const say = (state: CommitState["state"], description: string): CommitState => ({
    revision,
    state,
    description: oneLine(description),
  });
  switch (status?.sync?.status) {
    case "Unknown": {
      const problem = problemOf(status.conditions ?? []);
      return problem === undefined ? undefined : say("failure", problem.message);
    }
    case "OutOfSync":
      return outOfSync(own, say);
    case "Synced":
      return inSync(status.health, own, say);
    default:
      return undefined;
  }
}

type Say = (state: CommitState["state"], description: string) => CommitState;

function outOfSync(own: ApplicationOperationState | undefined, say: Say): CommitState | undefined {
  switch (own?.phase) {
    case "Running":
      return own.because === "drift" ? undefined : say("pending", "syncing");
    case "Failed":
    case "Error":
      return say("failure", firstFailure(own) ?? own.message ?? "the sync failed");
    case "Succeeded":
      // It was synced, and has drifted since: that is no fault of the commit.
      return undefined;
    default:
      return say("pending", "waits for a sync");
  }
}

function inSync(
  health: { readonly status: string; readonly message?: string } | undefined,
  own: ApplicationOperationState | undefined,
  say: Say,
): CommitState | undefined {
  if (own?.phase === "Running")
    return own.because === "drift" ? undefined : say("pending", "syncing");
  const why = health?.message === undefined ? "" : `: ${health.message}`;
  switch (health?.status) {
    case "Degraded":
      return say("failure", `synced, but degraded${why}`);
    case "Progressing":
    case "Missing":
      return say("pending", `synced, waiting until it is healthy${why}`);
    default:
      return say("success", `synced and ${(health?.status ?? "Healthy").toLowerCase()}`);
  }
}

function firstFailure({ syncResult }: ApplicationOperationState): string | undefined {
  const failed = syncResult?.resources?.find(({ status }) => status === "SyncFailed");
  return failed === undefined
    ? undefined
    : `${failed.kind}/${failed.name}: ${failed.message ?? "refused"}`;
}

/** What is wrong with the commit itself: a repository that cannot be read says nothing about it. */
const problemOf = (conditions: readonly Condition[]): Condition | undefined =>
  conditions.find(
    ({ type, status }) => status === "True" && /^InvalidManifests$|Policy/.test(type),
  );

/** Equal for what would be said in the same words; begins with revision and state. */
export function commitStateId(application: Application, found: CommitState): string {
  const { state, description } = found;
  const revision = revisionId(found.revision, application.status?.sync?.revisions);
  const words = sha256(`${application.metadata.uid ?? ""}\n${keyOf(application)}\n${description}`);
  return `${encodeURIComponent(revision)}/${state}/${words.slice(0, 8)}`;
}

/**
 * Whether a state is to be told after the one that was told last: never the same again, and no
 * "pending" for a commit whose end is known, which a pod that restarts would bring.
 */
export function isNews(lastId: string | undefined, id: string): boolean {
  if (lastId === undefined) return true;
  if (lastId === id) return false;
  const [lastRevision, lastState] = lastId.split("/");
  const [revision, state] = id.split("/");
  if (lastRevision !== revision) return true;
  if (state !== "pending") return state !== lastState || state === "failure";
  return lastState === "pending";
}

const oneLine = (text: string): string => text.replace(/\s+/g, " ").trim();
