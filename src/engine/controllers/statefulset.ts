/**
 * Keeps the pods of a StatefulSet, each with a name of its own. Level-triggered: every reconcile
 * looks at all pods and revisions, decides in `statefulset/statefulset-plan.ts`, and acts here.
 */
import { createEventRecorder } from "../../client/event-recorder.ts";
import { withFieldManager } from "../../client/field-manager.ts";
import { OwnWrites } from "../../client/own-writes.ts";
import { done, type Result, requeueAfter } from "../../client/reconciler.ts";
import { WorkQueue } from "../../client/work-queue.ts";
import { deepEqual } from "../../kube/equality.ts";
import {
  type ControllerRevision,
  controllerRevisions,
} from "../../kube/kinds/controllerrevision.ts";
import { persistentVolumeClaims } from "../../kube/kinds/persistentvolumeclaim.ts";
import { type Pod, pods as podResource } from "../../kube/kinds/pod.ts";
import { type StatefulSet, statefulSets } from "../../kube/kinds/statefulset.ts";
import { keyOf, parseKey } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import type { Controller, ControllerContext } from "./controller-context.ts";
import { templateOf } from "./controller-revision/revision-data.ts";
import { planRevision, surplusRevisions } from "./controller-revision/revision-plan.ts";
import { RevisionCollisionError, removeRevisions, writeRevision } from "./controller-revision.ts";
import { isNamespaceTerminating } from "./namespace-terminating.ts";
import { claim, planClaim } from "./ownership/claim.ts";
import { addOwnerIndexes, controlledBy, orphansIn } from "./ownership/owner-indexes.ts";
import { controllerOf } from "./ownership/owner-reference.ts";
import { claimSelector, selects } from "./ownership/owner-selector.ts";
import { isActive } from "./replicaset/pod-state.ts";
import { slowStart } from "./replicaset/slow-start.ts";
import { withRetention } from "./statefulset/claim-retention.ts";
import { createClaims, VolumeClaimError } from "./statefulset/create-claims.ts";
import { identityLabels, ordinalOf, revisionOf } from "./statefulset/pod-identity.ts";
import { claimNamesOf, claimsOf, isClaimName, podOfSet } from "./statefulset/pod-of-set.ts";
import {
  type NewPod,
  planStatefulSet,
  type StatefulSetPlan,
} from "./statefulset/statefulset-plan.ts";
import type { StatefulSetView } from "./statefulset/statefulset-view.ts";
import { nextAvailableInMs, statefulSetStatus } from "./statefulset/statefulset-status.ts";

const NAME = "statefulset-controller";
/** Writes that wait together share one commit to disk, so more than upstream's 5. */
const WORKERS = 20;
/** The cache's next event brings the set back earlier; this is for the case that none comes. */
const STALE_RECHECK_MS = 1_000;

export function createStatefulSetController(context: ControllerContext): Controller {
  const { informers, clock, logger, signal } = context;
  const client = withFieldManager(context.client, NAME);
  const sets = informers.of(statefulSets);
  const revisions = informers.of(controllerRevisions);
  const pods = informers.of(podResource);
  const claims = informers.of(persistentVolumeClaims);
  const events = createEventRecorder({ client, component: NAME, clock, logger, signal });
  const queue = new WorkQueue({ clock });
  const ownWrites = new OwnWrites(clock);
  /** Of revisions, whose cache moves on its own. */
  const ownRevisions = new OwnWrites(clock);
  addOwnerIndexes(revisions);
  addOwnerIndexes(pods);

  sets.onChange(({ object }) => queue.add(keyOf(object)));
  pods.onChange(({ object, previous }) => {
    for (const pod of previous === undefined ? [object] : [object, previous])
      for (const key of ownersOf(pod)) queue.add(key);
  });
  claims.onChange(({ type, object }) => {
    // A name is free again, or a claim that the policy has to do with is new.
    if (type === "MODIFIED") return;
    for (const set of sets.list(object.metadata.namespace ?? ""))
      if (isClaimName(set, object.metadata.name)) queue.add(keyOf(set));
  });
  revisions.onChange(({ object }) => {
    const owner = controllerOf(object);
    if (owner?.kind === "StatefulSet")
      queue.add(`${object.metadata.namespace ?? ""}/${owner.name}`);
  });

  function ownersOf(pod: Pod): readonly string[] {
    const { namespace = "", labels } = pod.metadata;
    const controller = controllerOf(pod);
    if (controller?.kind === "StatefulSet") return [`${namespace}/${controller.name}`];
    // A pod of another owner may be in the way of one of the set's names until it is gone.
    return sets
      .list(namespace)
      .filter((set) => selects(set.spec?.selector, labels) || ordinalOf(set, pod) !== undefined)
      .map(keyOf);
  }

  async function reconcile(key: string): Promise<Result> {
    const set = sets.get(key);
    if (set === undefined) {
      ownWrites.forget(key);
      ownRevisions.forget(key);
      return done;
    }
    // Asked before the caches are read: they can only get newer.
    const isBehind =
      ownWrites.isBehind(key, pods.revision) || ownRevisions.isBehind(key, revisions.revision);
    if (isBehind) return requeueAfter(STALE_RECHECK_MS);
    const owned = await claimPods(set);
    const known = await claimRevisions(set);
    if (set.metadata.deletionTimestamp !== undefined) return done;
    const planned = planRevision(statefulSets, set, known);
    const update = await settleRevision(set, planned);
    if (update === undefined) return done;
    const current =
      known.find(({ metadata }) => metadata.name === set.status?.currentRevision) ?? update;
    const view: StatefulSetView = { set, pods: owned, current, update, nowMs: clock.now() };
    await settleClaims(view);
    const failure = await act(view, planStatefulSet(view));
    const isClaimFailure = failure instanceof VolumeClaimError && failure.reason === "FailedCreate";
    const claimFailure = isClaimFailure
      ? { reason: failure.reason, message: failure.message }
      : undefined;
    const status = statefulSetStatus(view, claimFailure);
    await writeStatus(set, status);
    if (failure !== undefined) throw failure;
    const used = new Set([status.currentRevision, update.metadata.name, ...owned.map(revisionOf)]);
    await removeRevisions(
      client,
      surplusRevisions(set, planned.history, ({ metadata }) => used.has(metadata.name)),
    );
    const waitMs = nextAvailableInMs(view);
    return waitMs === undefined ? done : requeueAfter(waitMs);
  }

  async function claimPods(set: StatefulSet): Promise<readonly Pod[]> {
    const { namespace } = set.metadata;
    const candidates = [...controlledBy(pods, set), ...orphansIn(pods, namespace)];
    const mayAdopt = (pod: Pod): boolean => isActive(pod) && ordinalOf(set, pod) !== undefined;
    const planned = planClaim(set, claimSelector(set.spec?.selector), candidates, mayAdopt);
    const action = { client, resource: podResource, ownerResource: statefulSets, owner: set };
    const owned = await claim(action, planned);
    return owned.filter((pod) => ordinalOf(set, pod) !== undefined);
  }

  async function claimRevisions(set: StatefulSet): Promise<readonly ControllerRevision[]> {
    const { namespace } = set.metadata;
    const candidates = [...controlledBy(revisions, set), ...orphansIn(revisions, namespace)];
    const planned = planClaim(set, claimSelector(set.spec?.selector), candidates);
    return await claim(
      { client, resource: controllerRevisions, ownerResource: statefulSets, owner: set },
      // Their labels are those of a template of the past: they stay, whatever is selected now.
      { ...planned, owned: [...planned.owned, ...planned.release], release: [] },
    );
  }

  /** Undefined when another name is to be tried, which the status tells. */
  async function settleRevision(
    set: StatefulSet,
    planned: ReturnType<typeof planRevision<StatefulSet>>,
  ): Promise<ControllerRevision | undefined> {
    try {
      const written = await writeRevision(client, set, planned);
      if (planned.write !== undefined) ownRevisions.note(keyOf(set), written);
      return written;
    } catch (error) {
      if (isNamespaceTerminating(error)) return undefined;
      if (!(error instanceof RevisionCollisionError)) throw error;
      const { status = { replicas: 0 } } = set;
      const collisionCount = (status.collisionCount ?? 0) + 1;
      await writeStatus(set, { ...status, collisionCount });
      return undefined;
    }
  }

  /** Before any pod goes: what is to go with it has to know. */
  async function settleClaims({ set, pods: owned }: StatefulSetView): Promise<void> {
    if ((set.spec?.volumeClaimTemplates ?? []).length === 0) return;
    const { namespace = "" } = set.metadata;
    for (const pod of owned)
      for (const name of claimNamesOf(set, pod.metadata.name)) {
        const claim = claims.get(`${namespace}/${name}`);
        const next = claim && withRetention(set, pod, claim);
        if (next !== undefined && next !== claim) await client.update(persistentVolumeClaims, next);
      }
  }

  /** What kept the plan from being carried out. */
  async function act(view: StatefulSetView, plan: StatefulSetPlan): Promise<unknown> {
    const { set } = view;
    const steps = [
      ...plan.relabel.map((pod) => relabel(set, pod)),
      ...plan.remove.map((pod) => remove(set, pod)),
    ];
    const outcomes = await Promise.allSettled(steps);
    const failed = outcomes.find((outcome) => outcome.status === "rejected");
    const waiting = [...plan.create];
    const created = await slowStart(waiting.length, async () => {
      const next = waiting.shift();
      if (next !== undefined) await create(view, next);
    });
    if (created.error !== undefined && !isNamespaceTerminating(created.error)) return created.error;
    return failed?.reason;
  }

  async function create({ set }: StatefulSetView, { ordinal, revision }: NewPod): Promise<void> {
    const template = templateOf(revision) ?? set.spec?.template ?? {};
    const pod = podOfSet(set, ordinal, template, revision.metadata.name);
    const what = `create Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name}`;
    try {
      const made = await createClaims(client, pod.metadata.name, claimsOf(set, ordinal));
      for (const name of made) {
        const told = `create Claim ${name} Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name} success`;
        events.record(set, "Normal", "SuccessfulCreate", told);
      }
      ownWrites.note(keyOf(set), await client.create(podResource, pod));
      events.record(set, "Normal", "SuccessfulCreate", `${what} successful`);
    } catch (error) {
      const isWaiting = error instanceof VolumeClaimError && error.reason === "Terminating";
      if (!isWaiting && !isNamespaceTerminating(error))
        events.record(set, "Warning", "FailedCreate", `${what} failed error: ${messageOf(error)}`);
      throw error;
    }
  }

  async function remove(set: StatefulSet, pod: Pod): Promise<void> {
    const { name, uid } = pod.metadata;
    const what = `delete Pod ${name} in StatefulSet ${set.metadata.name}`;
    try {
      const preconditions = uid === undefined ? {} : { uid };
      const left = await client.delete(podResource, parseKey(keyOf(pod)), { preconditions });
      ownWrites.note(keyOf(set), left);
      events.record(set, "Normal", "SuccessfulDelete", `${what} successful`);
    } catch (error) {
      if (isStatus(error, "NotFound")) return;
      events.record(set, "Warning", "FailedDelete", `${what} failed error: ${messageOf(error)}`);
      throw error;
    }
  }

  async function relabel(set: StatefulSet, pod: Pod): Promise<void> {
    const { uid = "", resourceVersion = "", name } = pod.metadata;
    const labels = identityLabels(name, ordinalOf(set, pod) ?? 0);
    const body = { metadata: { uid, resourceVersion, labels } };
    const written = await client.patch(podResource, parseKey(keyOf(pod)), { type: "merge", body });
    ownWrites.note(keyOf(set), written);
  }

  async function writeStatus(
    set: StatefulSet,
    status: NonNullable<StatefulSet["status"]>,
  ): Promise<void> {
    if (deepEqual(set.status, status)) return;
    try {
      await client.update(statefulSets, { ...set, status }, { subresource: "status" });
    } catch (error) {
      if (!isStatus(error, "NotFound")) throw error;
    }
  }

  return { name: NAME, queue, workers: WORKERS, reconcile };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
