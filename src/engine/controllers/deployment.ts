/**
 * Replaces the pods of a Deployment when its template changes, by ReplicaSets. What to do is planned
 * in `deployment/plan.ts`; here it is carried out.
 */
import { createEventRecorder } from "../../client/event-recorder.ts";
import { withFieldManager } from "../../client/field-manager.ts";
import { done, type Result, requeueAfter } from "../../client/reconciler.ts";
import { WorkQueue } from "../../client/work-queue.ts";
import { deepEqual } from "../../kube/equality.ts";
import { type Deployment, deployments } from "../../kube/kinds/deployment.ts";
import { pods as podResource } from "../../kube/kinds/pod.ts";
import { type ReplicaSet, replicaSets } from "../../kube/kinds/replicaset.ts";
import { type KubeObject, keyOf, type ObjectKey } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import type { Controller, ControllerContext } from "./controller-context.ts";
import { withCreateFailure } from "./deployment/conditions.ts";
import type { DeploymentStatus } from "./deployment/deployment-status.ts";
import { hasTemplateOf } from "./deployment/newest-set.ts";
import { planDeployment, type SetUpdate } from "./deployment/plan.ts";
import { REVISION } from "./deployment/replica-annotations.ts";
import { sizeOf } from "./deployment/replica-set-state.ts";
import { isNamespaceTerminating } from "./namespace-terminating.ts";
import { claim, planClaim } from "./ownership/claim.ts";
import { addOwnerIndexes, controlledBy, orphansIn } from "./ownership/owner-indexes.ts";
import { controllerOf, isControlledBy } from "./ownership/owner-reference.ts";
import { claimSelector, selects } from "./ownership/owner-selector.ts";
import { isTerminal } from "./replicaset/pod-state.ts";

const NAME = "deployment-controller";
/** Writes that wait together share one commit to disk, so more than upstream's 5. */
const WORKERS = 20;

export function createDeploymentController(context: ControllerContext): Controller {
  const { informers, clock, logger, signal } = context;
  const client = withFieldManager(context.client, NAME);
  const all = informers.of(deployments);
  const sets = informers.of(replicaSets);
  const pods = informers.of(podResource);
  const events = createEventRecorder({ client, component: NAME, clock, logger, signal });
  const queue = new WorkQueue({ clock });
  addOwnerIndexes(sets);
  addOwnerIndexes(pods);

  all.onChange(({ object }) => queue.add(keyOf(object)));
  sets.onChange(({ object, previous }) => {
    for (const set of previous === undefined ? [object] : [object, previous])
      for (const owner of ownersOf(set)) queue.add(keyOf(owner));
  });
  // Recreate waits for old pods to go; nothing else here depends on single pods.
  pods.onChange(({ type, object }) => {
    if (type !== "DELETED" && !isTerminal(object)) return;
    const { metadata } = object;
    const set = sets.get(`${metadata.namespace ?? ""}/${controllerOf(object)?.name ?? ""}`);
    for (const owner of set === undefined ? [] : ownersOf(set))
      if (owner.spec?.strategy?.type === "Recreate") queue.add(keyOf(owner));
  });

  function ownersOf(set: ReplicaSet): readonly Deployment[] {
    const { namespace = "", labels } = set.metadata;
    const controller = controllerOf(set);
    if (controller === undefined)
      return all.list(namespace).filter((owner) => selects(owner.spec?.selector, labels));
    const owner = all.get(`${namespace}/${controller.name}`);
    return owner !== undefined && owner.metadata.uid === controller.uid ? [owner] : [];
  }

  async function reconcile(key: string): Promise<Result> {
    const deployment = all.get(key);
    if (deployment === undefined) return done;
    const candidates = [
      ...controlledBy(sets, deployment),
      ...orphansIn(sets, deployment.metadata.namespace),
    ];
    const planned = planClaim(deployment, claimSelector(deployment.spec?.selector), candidates);
    const action = { client, resource: replicaSets, ownerResource: deployments, owner: deployment };
    const owned = await claim(action, planned);
    const nowMs = clock.now();
    const plan = planDeployment({ deployment, sets: owned, hasRunningPods, nowMs });
    if (deployment.metadata.deletionTimestamp === undefined) {
      if (plan.create !== undefined) await createSet(deployment, plan.create);
      for (const update of plan.update) await updateSet(deployment, update);
      for (const set of plan.remove) await removeSet(set);
    }
    const revised = await writeRevision(deployment, plan.revision);
    await writeStatus(revised, plan.status);
    return plan.lookAgainInMs === undefined ? done : requeueAfter(plan.lookAgainInMs);
  }

  function hasRunningPods(set: ReplicaSet): boolean {
    return controlledBy(pods, set).some((pod) => !isTerminal(pod));
  }

  async function createSet(deployment: Deployment, set: ReplicaSet): Promise<void> {
    try {
      await client.create(replicaSets, set);
    } catch (error) {
      if (isStatus(error, "AlreadyExists")) await settleCollision(deployment, set);
      else await reportCreateFailure(deployment, error);
      return;
    }
    recordScaling(deployment, set, 0, sizeOf(set));
  }

  /** The cache was behind, or another template has the same hash: then the next try hashes differently. */
  async function settleCollision(deployment: Deployment, set: ReplicaSet): Promise<void> {
    const existing = await client.get(replicaSets, locate(set));
    if (isControlledBy(existing, deployment) && hasTemplateOf(existing, deployment)) return;
    const { status = {} } = deployment;
    await writeStatus(deployment, { ...status, collisionCount: (status.collisionCount ?? 0) + 1 });
    throw new Error(
      `the name ${set.metadata.name} is taken by another ReplicaSet: trying again under another`,
    );
  }

  async function reportCreateFailure(deployment: Deployment, error: unknown): Promise<void> {
    if (isNamespaceTerminating(error)) return;
    const message = error instanceof Error ? error.message : String(error);
    const { status = {} } = deployment;
    const conditions = [...withCreateFailure(status.conditions ?? [], message, clock.now())];
    await writeStatus(deployment, { ...status, conditions });
    events.record(deployment, "Warning", "ReplicaSetCreateError", message);
    throw error;
  }

  async function updateSet(deployment: Deployment, { from, to }: SetUpdate): Promise<void> {
    await client.update(replicaSets, to);
    if (sizeOf(from) !== sizeOf(to)) recordScaling(deployment, to, sizeOf(from), sizeOf(to));
  }

  function recordScaling(deployment: Deployment, set: ReplicaSet, from: number, to: number): void {
    if (from === to) return;
    const way = to > from ? "up" : "down";
    const message = `Scaled ${way} replica set ${set.metadata.name} from ${from} to ${to}`;
    events.record(deployment, "Normal", "ScalingReplicaSet", message);
  }

  async function removeSet(set: ReplicaSet): Promise<void> {
    const { uid } = set.metadata;
    try {
      await client.delete(replicaSets, locate(set), {
        preconditions: uid === undefined ? {} : { uid },
      });
    } catch (error) {
      if (!isStatus(error, "NotFound")) throw error;
    }
  }

  /** The Deployment as it is then. Its annotations are not part of status, so this is a write of its own. */
  async function writeRevision(deployment: Deployment, revision?: number): Promise<Deployment> {
    const { annotations, resourceVersion = "" } = deployment.metadata;
    if (revision === undefined || annotations?.[REVISION] === String(revision)) return deployment;
    const metadata = { resourceVersion, annotations: { [REVISION]: String(revision) } };
    return await client.patch(deployments, locate(deployment), {
      type: "merge",
      body: { metadata },
    });
  }

  async function writeStatus(deployment: Deployment, status: DeploymentStatus): Promise<void> {
    if (deepEqual(deployment.status, status)) return;
    await client.update(deployments, { ...deployment, status }, { subresource: "status" });
  }

  return { name: NAME, queue, workers: WORKERS, reconcile };
}

function locate({ metadata: { namespace, name } }: KubeObject): ObjectKey {
  return namespace === undefined ? { name } : { namespace, name };
}
