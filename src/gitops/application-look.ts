/** One look at an Application: everything that a decision is made from. Changes nothing. */
import type { Client } from "../client/client.ts";
import type { Application } from "../kube/kinds/application.ts";
import { keyOf } from "../kube/object.ts";
import type { ApplicationManifests } from "./application-manifests.ts";
import type { ApplicationMemory } from "./application-memory.ts";
import type { Target } from "./application-target.ts";
import type { GateKeeper } from "./gates/gate-keeper.ts";
import type { Gates } from "./gates/gates.ts";
import { type Derived, sha256, toDesired } from "./plan/desired.ts";
import { type Plan, pruneForbidden } from "./plan/plan.ts";
import { type LiveObjects, makePlan } from "./plan/planner.ts";
import { syncOptionsOf } from "./plan/sync-options.ts";
import { trackingLabel } from "./plan/tracking.ts";
import { refsOf } from "./report/resource-ref.ts";
import { specHash } from "./spec-hash.ts";
import type { Subject } from "./sync-decision.ts";

export interface Look extends Derived {
  readonly application: Application;
  readonly memory: ApplicationMemory;
  readonly target: Target;
  readonly manifests: ApplicationManifests;
  readonly plan: Plan;
  readonly subject: Subject;
  readonly gates: Gates;
  readonly signal: AbortSignal;
}

export interface LookDeps {
  readonly client: Client;
  readonly live: LiveObjects;
  readonly gates: GateKeeper;
}

type Found = Pick<Look, "application" | "memory" | "target" | "manifests" | "signal">;

/** @throws StatusError when the API server cannot be asked */
export async function lookAt(found: Found, deps: LookDeps): Promise<Look> {
  const { application, manifests } = found;
  const subject = {
    content: manifests.id,
    specHash: specHash(application),
    revision: manifests.commit.id,
  };
  const derived = await derive(found, subject, deps);
  const plan = await planOf({ ...found, ...derived }, deps);
  const isNewest =
    found.target.rollback === undefined && application.operation?.sync?.revision === undefined;
  const gates = await deps.gates.gatesOf(application, isNewest, found.signal);
  return { ...found, ...derived, plan, subject, gates };
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
  const derived = await toDesired(manifests.manifests, {
    client,
    applicationKey: keyOf(application),
    namespace: destination.namespace ?? "default",
    options,
    ignoreDifferences,
  });
  memory.derived = { from, ...derived };
  return derived;
}

function planOf(look: Found & Derived, { client, live }: LookDeps): Promise<Plan> {
  const { application, target, desired } = look;
  const { automated } = application.spec.syncPolicy ?? {};
  return makePlan({
    client,
    live,
    owner: trackingLabel(keyOf(application), sha256),
    desired,
    inventory: refsOf(application.status?.resources),
    prune: {
      options: syncOptionsOf(application),
      forbidden: pruneForbidden({
        enabled: application.operation?.sync?.prune ?? automated?.prune ?? false,
        rendered: look.unusable.length === 0 && target.trouble === undefined,
        complete: target.manifests?.complete !== false,
        empty: desired.length === 0,
        allowEmpty: automated?.allowEmpty ?? false,
      }),
    },
    verified: look.memory.verified,
    signal: look.signal,
  });
}
