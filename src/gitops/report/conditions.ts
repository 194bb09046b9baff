/** The conditions of an Application that a look finds, whatever they were before. Pure. */
import type { Application } from "../../kube/kinds/application.ts";
import type { ObjectResult } from "../apply/apply-plan.ts";
import type { Unusable } from "../plan/desired.ts";
import { formatRef } from "../plan/object-ref.ts";
import { isInSync, type Plan } from "../plan/plan.ts";
import type { StatedCondition } from "./application-status.ts";

export interface ConditionFacts {
  readonly application: Application;
  readonly plan: Plan;
  readonly unusable: readonly Unusable[];
  readonly manifests: { readonly warnings: readonly string[] };
}

/** `results`: of the sync that carried the plan out; absent when none did. */
export function conditionsOf(
  { application, plan, unusable, manifests }: ConditionFacts,
  results: readonly ObjectResult[] | undefined,
): StatedCondition[] {
  const found = [
    unusable.length === 0 ? undefined : unusableObjects(unusable),
    manifests.warnings.length === 0 ? undefined : manifestWarning(manifests.warnings),
    application.spec.suspend === true ? SUSPENDED : undefined,
    results === undefined ? lastSyncError(application, plan) : syncError(results),
  ];
  return found.filter((condition) => condition !== undefined);
}

const SUSPENDED: StatedCondition = {
  type: "Suspended",
  reason: "Suspended",
  message: "syncs are suspended",
};

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

/** The last sync failed, and nothing has been tried since: its error stays. */
function lastSyncError({ status }: Application, plan: Plan): StatedCondition | undefined {
  const before = status?.conditions?.find((condition) => condition.type === "SyncError");
  if (before === undefined || isInSync(plan)) return undefined;
  return { type: before.type, reason: before.reason, message: before.message };
}
