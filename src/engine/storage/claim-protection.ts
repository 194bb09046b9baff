/** Keeps a deleted claim until no pod uses it (`kubernetes.io/pvc-protection`). */
import { withFieldManager } from "../../client/field-manager.ts";
import { done, type Result } from "../../client/reconciler.ts";
import { WorkQueue } from "../../client/work-queue.ts";
import { CLAIM_PROTECTION } from "../../kube/kinds/storage/protection.ts";
import {
  type PersistentVolumeClaim,
  persistentVolumeClaims,
} from "../../kube/kinds/persistentvolumeclaim.ts";
import { type Pod, pods as podResource } from "../../kube/kinds/pod.ts";
import { keyOf } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import type { Controller, ControllerContext } from "../controllers/controller-context.ts";
import { hasFinalizer, withFinalizer, withoutFinalizer } from "./finalizers.ts";
import { claimKeysOf, claimNameOf, isOver, PODS_BY_CLAIM } from "./pod-claims.ts";

const NAME = "pvc-protection-controller";
const WORKERS = 8;

export function createClaimProtection(context: ControllerContext): Controller {
  const { informers, clock } = context;
  const client = withFieldManager(context.client, NAME);
  const claims = informers.of(persistentVolumeClaims);
  const pods = informers.of(podResource);
  const queue = new WorkQueue({ clock });
  pods.addIndex(PODS_BY_CLAIM, claimKeysOf);

  claims.onChange(({ object }) => {
    if (isForUs(object)) queue.add(keyOf(object));
  });
  pods.onChange(({ type, object }) => {
    if (type !== "DELETED" && !isOver(object)) return;
    for (const key of claimKeysOf(object)) {
      const claim = claims.get(key);
      if (claim !== undefined && isForUs(claim)) queue.add(key);
    }
  });

  async function reconcile(key: string): Promise<Result> {
    const claim = claims.get(key);
    if (claim === undefined || !isForUs(claim)) return done;
    if (claim.metadata.deletionTimestamp === undefined) {
      await client.update(persistentVolumeClaims, withFinalizer(claim, CLAIM_PROTECTION));
      return done;
    }
    if (pods.byIndex(PODS_BY_CLAIM, key).some((pod) => uses(pod, claim))) return done;
    // The cache may lack a pod that was just started: what is let go here is deleted.
    const { namespace = "" } = claim.metadata;
    const { items } = await client.list(podResource, { namespace });
    if (items.some((pod) => uses(pod, claim))) return done;
    try {
      await client.update(persistentVolumeClaims, withoutFinalizer(claim, CLAIM_PROTECTION));
    } catch (error) {
      if (!isStatus(error, "NotFound")) throw error;
    }
    return done;
  }

  return { name: NAME, queue, workers: WORKERS, reconcile };
}

function isForUs(claim: PersistentVolumeClaim): boolean {
  const isDeleted = claim.metadata.deletionTimestamp !== undefined;
  return isDeleted === hasFinalizer(claim, CLAIM_PROTECTION);
}

/** Pods without a node hold nothing: none starts with a claim that is being deleted. */
function uses(pod: Pod, claim: PersistentVolumeClaim): boolean {
  if ((pod.spec?.nodeName ?? "") === "") return false;
  return (pod.spec?.volumes ?? []).some((volume) => {
    if (claimNameOf(pod, volume) !== claim.metadata.name) return false;
    if (volume.ephemeral === undefined) return true;
    const isOwn = claim.metadata.ownerReferences?.some(({ uid }) => uid === pod.metadata.uid);
    return isOwn === true && !isOver(pod);
  });
}
