/** The end of an Application: what it manages goes first, where its finalizer asks for that. */
import type { Client } from "../client/client.ts";
import type { Clock } from "../client/clock.ts";
import type { Application } from "../kube/kinds/application.ts";
import { keyOf } from "../kube/object.ts";
import { StatusError } from "../kube/status-error.ts";
import { applyPlan } from "./apply/apply-plan.ts";
import { sha256 } from "./plan/desired.ts";
import { compareForApply } from "./plan/kind-order.ts";
import { formatRef, refOf } from "./plan/object-ref.ts";
import type { PlanEntry } from "./plan/plan.ts";
import type { LiveObjects } from "./plan/planner.ts";
import { applicationOptions, objectOptions } from "./plan/sync-options.ts";
import { trackingLabel } from "./plan/tracking.ts";
import { refsOf } from "./report/resource-ref.ts";

/** As in Argo CD: with one of these, deleting the Application deletes its objects first. */
const CASCADE_FINALIZERS = [
  "resources-finalizer.gantry.dev",
  "resources-finalizer.argocd.argoproj.io",
  "resources-finalizer.argocd.argoproj.io/background",
  "resources-finalizer.argocd.argoproj.io/foreground",
];

export function cascades({ metadata }: Application): boolean {
  return (metadata.finalizers ?? []).some((name) => CASCADE_FINALIZERS.includes(name));
}
export function otherFinalizers({ metadata }: Application): string[] {
  return (metadata.finalizers ?? []).filter((name) => !CASCADE_FINALIZERS.includes(name));
}

/**
 * Asks for the deletion of everything that the Application manages, last kinds first.
 * @returns how many objects are still there
 * @throws StatusError when one cannot be deleted
 */
export async function deleteManagedObjects(
  application: Application,
  deps: {
    readonly client: Client;
    readonly clock: Clock;
    readonly live: LiveObjects;
  },
  signal: AbortSignal,
): Promise<number> {
  const { client, clock, live } = deps;
  const options = applicationOptions(application.spec.syncPolicy?.syncOptions);
  const label = trackingLabel(keyOf(application), sha256);
  const owned = await live.owned(label, refsOf(application.status?.resources), signal);
  const leaving = owned.filter((object) => objectOptions(object, options).delete === true);
  const entries = leaving
    .filter((object) => object.metadata.deletionTimestamp === undefined)
    .map(
      (object): PlanEntry => ({ ref: refOf(object), action: "prune", changes: [], live: object }),
    )
    .sort((a, b) => compareForApply(b.ref, a.ref));
  const results = await applyPlan({ entries }, { client, clock, options, signal });
  const failed = results.find((result) => result.status === "SyncFailed");
  if (failed !== undefined)
    throw StatusError.of("InternalError", `${formatRef(failed.ref)}: ${failed.message}`);
  return leaving.length;
}
