/** `status.operationState` of an Application: how the last sync went. Pure. */
import type {
  Application,
  ApplicationOperationResource,
  ApplicationOperationState,
} from "../../kube/kinds/application.ts";
import type { ObjectResult } from "../apply/apply-plan.ts";
import { formatRef } from "../plan/object-ref.ts";
import { type Plan, summarize } from "../plan/plan.ts";
import type { CommitSummary } from "./application-status.ts";
import { clip } from "./clip.ts";
import { refsOf, resourceRef } from "./resource-ref.ts";

/** Bounds what a status can grow to. Failures come first. */
const MAX_RESULTS = 100;

type Resource = ApplicationOperationResource;
type Resources = readonly Resource[];

export interface SyncFacts {
  readonly application: Application;
  readonly revision: string;
  /** Which sync it is; absent for a dry run. */
  readonly id?: string;
  /** RFC 3339. */
  readonly startedAt: string;
  /** Why it was started: `operation`, `revision`, `retry` or `drift`. */
  readonly because?: string;
  readonly commit?: CommitSummary;
  readonly plan?: Plan;
  /** Of the plan, where that is history. */
  readonly counts?: ApplicationOperationState["plan"];
}

/** What the state says from its beginning to its end. */
function description({
  because,
  commit,
  plan,
  counts: before,
}: SyncFacts): Pick<ApplicationOperationState, "because" | "commit" | "plan"> {
  const counts = plan === undefined ? before : summarize(plan);
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

/** While something of it is still to be done; `message` says what it waits for. */
export function runningState(
  facts: SyncFacts,
  running: {
    readonly message: string;
    readonly resources: Resources;
    /** Failed attempts at the same revision before this one. */
    readonly retryCount: number;
  },
): ApplicationOperationState {
  const { message, resources, retryCount } = running;
  return {
    ...beginning(facts),
    phase: "Running",
    ...(retryCount === 0 ? {} : { retryCount }),
    message: clip(message),
    syncResult: {
      revision: facts.revision,
      ...(resources.length === 0 ? {} : { resources: bounded(resources) }),
    },
  };
}

export function finishedState(
  facts: SyncFacts & {
    readonly resources: Resources;
    readonly isDryRun: boolean;
    /** Failed attempts at the same revision before this one. */
    readonly retryCount: number;
    /** What happens next, where something failed. */
    readonly outlook: string;
  },
  finishedAt: string,
): ApplicationOperationState {
  const { resources, retryCount } = facts;
  const failed = resources.filter(isFailed);
  return {
    ...beginning(facts),
    phase: failed.length === 0 ? "Succeeded" : "Failed",
    message: clip(finishedMessage(facts, failed)),
    finishedAt,
    ...(retryCount === 0 ? {} : { retryCount }),
    syncResult: { revision: facts.revision, resources: bounded(resources) },
  };
}

function beginning(facts: SyncFacts): Omit<ApplicationOperationState, "phase"> {
  const { application, id, startedAt } = facts;
  return {
    ...(id === undefined ? {} : { id }),
    startedAt,
    ...initiator(application),
    ...description(facts),
  };
}

/** Failures first, then hooks: a restarted operator has to know which of them have run. */
function bounded(resources: Resources): ApplicationOperationResource[] {
  const rank = (resource: ApplicationOperationResource): number =>
    isFailed(resource) ? 0 : resource.hookPhase === undefined ? 2 : 1;
  return [...resources].sort((a, b) => rank(a) - rank(b)).slice(0, MAX_RESULTS);
}

/** What is known of each object and hook after some more of them were dealt with. */
export function resourcesAfter(
  before: Resources,
  results: readonly ObjectResult[],
): ApplicationOperationResource[] {
  const after = new Map(before.map((resource) => [resourceKey(resource), resource]));
  for (const { ref, status, message, syncPhase, hookPhase } of results) {
    if (status === "Waiting") continue;
    const resource: ApplicationOperationResource = {
      ...resourceRef(ref),
      status,
      message: clip(message),
      ...(syncPhase === undefined ? {} : { syncPhase }),
      ...(hookPhase === undefined ? {} : { hookPhase }),
    };
    after.set(resourceKey(resource), resource);
  }
  return [...after.values()];
}

const resourceKey = ({
  group = "",
  kind,
  namespace = "",
  name,
  syncPhase = "",
}: Resource): string => [group, kind, namespace, name, syncPhase].join("/");

/**
 * How a sync ended that is not gone on with, because its operator was killed, a newer commit came
 * or something holds syncs up; undefined when there is none.
 */
export function interruptedState(
  { status }: Application,
  isInSync: boolean,
  now: string,
  because = "interrupted",
): ApplicationOperationState | undefined {
  const state = status?.operationState;
  if (state?.phase !== "Running") return undefined;
  const message = isInSync ? "applied, as a look after an interruption found" : clip(because);
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
  facts: { resources: Resources; isDryRun: boolean; outlook: string },
  failed: Resources,
): string {
  const { resources, isDryRun, outlook } = facts;
  if (failed.length === 0)
    return isDryRun
      ? `dry run: ${resources.length} objects would change`
      : `applied ${resources.length} objects`;
  const reasons = failed.map((it) => `${nameOf(it)}: ${it.message ?? ""}`).join("; ");
  const dry = isDryRun ? "dry run: " : "";
  return `${dry}${failed.length} of ${resources.length} objects failed${outlook}: ${reasons}`;
}

function nameOf(resource: Resource): string {
  const [ref] = refsOf([resource]);
  const hook = resource.syncPhase === undefined ? "" : `${resource.syncPhase} hook `;
  return ref === undefined ? "" : `${hook}${formatRef(ref)}`;
}

const isFailed = ({ status }: Resource): boolean => status === "SyncFailed";

function initiator({ operation }: Application): { initiatedBy?: string } {
  const username = operation?.initiatedBy?.username;
  return username === undefined ? {} : { initiatedBy: username };
}
