/** `status.operationState` of an Application: how the last sync went. Pure. */
import type { Application, ApplicationOperationState } from "../../kube/kinds/application.ts";
import type { ObjectResult } from "../apply/apply-plan.ts";
import { formatRef } from "../plan/object-ref.ts";
import { type Plan, summarize } from "../plan/plan.ts";
import type { CommitSummary } from "./application-status.ts";
import { clip } from "./clip.ts";
import { resourceRef } from "./resource-ref.ts";

/** Bounds what a status can grow to. Failures come first. */
const MAX_RESULTS = 100;

export interface SyncFacts {
  readonly application: Application;
  readonly revision: string;
  /** RFC 3339. */
  readonly startedAt: string;
  /** Why it was started: `operation`, `revision`, `retry` or `drift`. */
  readonly because?: string;
  readonly commit?: CommitSummary;
  readonly plan?: Plan;
}

/** What the state says from its beginning to its end. */
function description({
  because,
  commit,
  plan,
}: SyncFacts): Pick<ApplicationOperationState, "because" | "commit" | "plan"> {
  const counts = plan === undefined ? undefined : summarize(plan);
  return {
    ...(because === undefined ? {} : { because }),
    ...(commit === undefined
      ? {}
      : { commit: { author: clip(commit.author), subject: clip(commit.subject) } }),
    ...(counts === undefined
      ? {}
      : {
          plan: {
            create: counts.create,
            update: counts.update,
            replace: counts.replace,
            prune: counts.prune,
          },
        }),
  };
}

/** Before anything is applied. */
export function startedState(facts: SyncFacts): ApplicationOperationState {
  const { application, revision, startedAt } = facts;
  return {
    phase: "Running",
    message: "applying",
    startedAt,
    ...initiator(application),
    ...description(facts),
    syncResult: { revision },
  };
}

export function finishedState(
  facts: SyncFacts & {
    readonly results: readonly ObjectResult[];
    readonly isDryRun: boolean;
    /** Failed attempts at the same revision before this one. */
    readonly retryCount: number;
    /** What happens next, where something failed. */
    readonly outlook: string;
  },
  finishedAt: string,
): ApplicationOperationState {
  const { results, retryCount } = facts;
  const failed = results.filter(isFailed);
  return {
    phase: failed.length === 0 ? "Succeeded" : "Failed",
    message: clip(finishedMessage(facts, failed)),
    startedAt: facts.startedAt,
    finishedAt,
    ...(retryCount === 0 ? {} : { retryCount }),
    ...initiator(facts.application),
    ...description(facts),
    syncResult: {
      revision: facts.revision,
      resources: [...failed, ...results.filter((result) => !isFailed(result))]
        .slice(0, MAX_RESULTS)
        .map(({ ref, status, message }) => ({
          ...resourceRef(ref),
          status,
          message: clip(message),
        })),
    },
  };
}

/** How a sync ended whose operator was killed; undefined when there is none. */
export function interruptedState(
  { status }: Application,
  isInSync: boolean,
  now: string,
): ApplicationOperationState | undefined {
  const state = status?.operationState;
  if (state?.phase !== "Running") return undefined;
  const message = isInSync ? "applied, as a look after an interruption found" : "interrupted";
  return { ...state, phase: isInSync ? "Succeeded" : "Failed", message, finishedAt: now };
}

/** A sync that could not begin: its manifests cannot be had or cannot be used. */
export function refusedState(
  application: Application,
  refusal: { readonly phase: "Failed" | "Error"; readonly message: string; revision?: string },
  now: string,
): ApplicationOperationState {
  const { phase, message, revision } = refusal;
  return {
    phase,
    message: clip(message),
    startedAt: now,
    finishedAt: now,
    ...initiator(application),
    ...(revision === undefined ? {} : { syncResult: { revision } }),
  };
}

function finishedMessage(
  facts: { results: readonly ObjectResult[]; isDryRun: boolean; outlook: string },
  failed: readonly ObjectResult[],
): string {
  const { results, isDryRun, outlook } = facts;
  if (failed.length === 0)
    return isDryRun
      ? `dry run: ${results.length} objects would change`
      : `applied ${results.length} objects`;
  const reasons = failed.map(({ ref, message }) => `${formatRef(ref)}: ${message}`).join("; ");
  const dry = isDryRun ? "dry run: " : "";
  return `${dry}${failed.length} of ${results.length} objects failed${outlook}: ${reasons}`;
}

const isFailed = (result: ObjectResult): boolean => result.status === "SyncFailed";

function initiator({ operation }: Application): { initiatedBy?: string } {
  const username = operation?.initiatedBy?.username;
  return username === undefined ? {} : { initiatedBy: username };
}
