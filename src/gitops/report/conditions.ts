/** The conditions of an Application that a look finds, whatever they were before. Pure. */
import type {
  Application,
  ApplicationOperationState,
  ApplicationRollback,
} from "../../kube/kinds/application.ts";
import type { ObjectResult } from "../apply/apply-plan.ts";
import { type Gates, gateConditions } from "../gates/gates.ts";
import { describeSuspension } from "../gates/suspension.ts";
import type { Unusable } from "../plan/desired.ts";
import { formatRef } from "../plan/object-ref.ts";
import { isInSync, type Plan } from "../plan/plan.ts";
import type { Attempts, Subject } from "../sync-decision.ts";
import { unconfirmedDeletions } from "./unconfirmed-deletions.ts";
import type { StatedCondition } from "./application-status.ts";

export interface ConditionFacts {
  readonly gates: Gates;
  readonly target: { readonly rollback?: ApplicationRollback | undefined };
  readonly memory: { readonly attempts: Attempts | undefined };
  readonly application: Application;
  readonly subject: Pick<Subject, "revision">;
  readonly plan: Plan;
  readonly unusable: readonly Unusable[];
  readonly manifests: { readonly warnings: readonly string[] };
}

/** `results`: of the sync that carried the plan out; absent when none did. */
export function conditionsOf(
  facts: ConditionFacts,
  results: readonly ObjectResult[] | undefined,
): StatedCondition[] {
  const { application, plan, unusable, manifests, gates, target, memory } = facts;
  const suspension = describeSuspension(application);
  const disputed = memory.attempts?.disputed;
  const found = [
    unusable.length === 0 ? undefined : unusableObjects(unusable),
    manifests.warnings.length === 0 ? undefined : manifestWarning(manifests.warnings),
    suspension === undefined ? undefined : suspended(suspension),
    target.rollback === undefined ? undefined : rolledBack(target.rollback),
    disputed === undefined ? undefined : fieldDispute(disputed),
    unconfirmedDeletions(plan),
    ...gateConditions(gates, application, isInSync(plan)),
    results === undefined ? lastSyncError(facts) : syncError(results),
  ];
  return found.filter((condition) => condition !== undefined);
}

function suspended(suspension: string): StatedCondition {
  const message = `${suspension}: nothing is synced until \`gantry resume\``;
  return { type: "Suspended", reason: "Suspended", message };
}

function rolledBack(rollback: ApplicationRollback): StatedCondition {
  const { revision, insteadOf, reason, automatic, since } = rollback;
  const why = reason === undefined ? "" : `: ${reason}`;
  const when = since === undefined ? "" : ` since ${since}`;
  return {
    type: "RolledBack",
    reason: automatic === true ? "AutomaticRollback" : "RequestedRollback",
    message: `held at ${revision}${when} instead of ${insteadOf}, until there is a newer commit${why}`,
  };
}

/** Two who each want a field their way, and nobody to decide. */
function fieldDispute(disputed: string): StatedCondition {
  return {
    type: "FieldDispute",
    reason: "ChangedAgainAndAgain",
    message: `somebody keeps changing what Git says: ${disputed}. It is healed less and less often; let one of the two have the field: take it out of Git, or name it in spec.ignoreDifferences`,
  };
}

function unusableObjects(unusable: readonly Unusable[]): StatedCondition {
  const message = unusable
    .map(({ origin, ref, reason }) => `${origin.file}:${origin.line}: ${formatRef(ref)} ${reason}`)
    .join("; ");
  return { type: "InvalidManifests", reason: "UnusableObjects", message };
}

function manifestWarning(warnings: readonly string[]): StatedCondition {
  return { type: "ManifestWarning", reason: "Warnings", message: warnings.join("\n") };
}

function syncError(results: readonly ObjectResult[]): StatedCondition | undefined {
  const failed = results.filter((result) => result.status === "SyncFailed");
  if (failed.length === 0) return undefined;
  const message = failed.map((result) => `${formatRef(result.ref)}: ${result.message}`).join("; ");
  return { type: "SyncError", reason: "SyncFailed", message };
}

/**
 * The last sync failed, and nothing has been tried since: its error stays until its objects are as
 * Git says; that of a hook, which no comparison shows, until another revision is there to be synced.
 */
function lastSyncError({
  application,
  plan,
  subject,
}: ConditionFacts): StatedCondition | undefined {
  const { conditions, operationState } = application.status ?? {};
  const before = conditions?.find((condition) => condition.type === "SyncError");
  if (before === undefined) return undefined;
  if (isInSync(plan) && !isOfHook(operationState, subject.revision)) return undefined;
  return { type: before.type, reason: before.reason, message: before.message };
}

function isOfHook(state: ApplicationOperationState | undefined, revision: string): boolean {
  const { resources = [], revision: synced } = state?.syncResult ?? {};
  return (
    state?.phase === "Failed" &&
    synced === revision &&
    resources.some(({ hookPhase }) => hookPhase === "Failed")
  );
}
