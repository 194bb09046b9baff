/** One look at an Application: everything that a decision is made from. Changes nothing. */
import { keyOf } from "../kube/object.ts";
import type { GateKeeper } from "./gates/gate-keeper.ts";
import type { Gates } from "./gates/gates.ts";
import type { Judge, LiveHealth } from "./health/live-health.ts";
import { type Derived, sha256, toDesired } from "./plan/desired.ts";
import { destinationNamespace } from "./plan/destination-namespace.ts";
import type { Plan } from "./plan/plan.ts";
import { syncOptionsOf } from "./plan/sync-options.ts";
import { trackingLabel } from "./plan/tracking.ts";
import { type Found, type PlanDeps, planApplication } from "./plan-application.ts";
import { specHash } from "./spec-hash.ts";
import type { Subject } from "./sync-decision.ts";
import { observed } from "./report/stage-metrics.ts";

export interface Look extends Derived, Found {
  readonly plan: Plan;
  readonly subject: Subject;
  readonly gates: Gates;
  /** How live objects are judged: with the rules of users, and by their pods. */
  readonly judge: Judge;
}

export interface LookDeps extends PlanDeps {
  readonly gates: GateKeeper;
  readonly health: Pick<LiveHealth, "judgeOf">;
}

/** @throws StatusError when the API server cannot be asked */
export async function lookAt(found: Found, deps: LookDeps): Promise<Look> {
  const { application, manifests } = found;
  const subject = {
    content: manifests.id,
    specHash: specHash(application),
    revision: manifests.commit.id,
  };
  const derived = await derive(found, subject, deps);
  noteClaim(found, derived, deps);
  const plan = await observed(deps.observer, "plan", () =>
    planApplication({ ...found, ...derived }, deps),
  );
  const isNewest =
    found.target.rollback === undefined && application.operation?.sync?.revision === undefined;
  const gates = await deps.gates.gatesOf(application, isNewest, found.signal);
  const judge = await deps.health.judgeOf(application);
  return { ...found, ...derived, plan, subject, gates, judge };
}

async function derive(
  { application, memory, manifests }: Found,
  subject: Subject,
  { client }: LookDeps,
): Promise<Derived> {
  const options = syncOptionsOf(application);
  const from = `${subject.content}/${subject.specHash}/${JSON.stringify(options)}`;
  // Unusable manifests may become usable when a CustomResourceDefinition appears.
  if (memory.derived?.from === from && memory.derived.unusable.length === 0) return memory.derived;
  const { destination, ignoreDifferences } = application.spec;
  const { desired, hooks, unusable } = await toDesired(manifests.manifests, {
    client,
    applicationKey: keyOf(application),
    namespace: destination.namespace ?? "default",
    options,
    ignoreDifferences,
  });
  const namespace = destinationNamespace(application, desired);
  const all = namespace === undefined ? desired : [namespace, ...desired];
  memory.derived = { from, desired: all, hooks, unusable };
  return memory.derived;
}

/** Others may want to know what this Application wants: see {@link Claims}. */
function noteClaim({ application, memory }: Found, { desired }: Derived, deps: LookDeps): void {
  const newest = memory.newest?.manifests;
  if (newest !== undefined && memory.newestRevision !== newest.commit.id) {
    memory.newestRevision = newest.commit.id;
    memory.newestSinceMs = deps.clock.now();
  }
  const isIncomplete = newest !== undefined && newest.errors.length > 0;
  deps.claims.state(trackingLabel(keyOf(application), sha256), { desired, isIncomplete });
}
