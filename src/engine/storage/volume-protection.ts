/** Keeps a deleted volume until it is not bound any more (`kubernetes.io/pv-protection`). */
import { withFieldManager } from "../../client/field-manager.ts";
import { done, type Result } from "../../client/reconciler.ts";
import { WorkQueue } from "../../client/work-queue.ts";
import { type PersistentVolume, persistentVolumes } from "../../kube/kinds/persistentvolume.ts";
import { VOLUME_PROTECTION } from "../../kube/kinds/storage/protection.ts";
import { keyOf } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import type { Controller, ControllerContext } from "../controllers/controller-context.ts";
import { hasFinalizer, withFinalizer, withoutFinalizer } from "./finalizers.ts";

const NAME = "pv-protection-controller";
const WORKERS = 4;

export function createVolumeProtection(context: ControllerContext): Controller {
  const { informers, clock } = context;
  const client = withFieldManager(context.client, NAME);
  const volumes = informers.of(persistentVolumes);
  const queue = new WorkQueue({ clock });
  volumes.onChange(({ object }) => {
    if (isForUs(object)) queue.add(keyOf(object));
  });

  async function reconcile(key: string): Promise<Result> {
    const volume = volumes.get(key);
    if (volume === undefined || !isForUs(volume)) return done;
    const isDeleted = volume.metadata.deletionTimestamp !== undefined;
    const next = isDeleted
      ? withoutFinalizer(volume, VOLUME_PROTECTION)
      : withFinalizer(volume, VOLUME_PROTECTION);
    try {
      await client.update(persistentVolumes, next);
    } catch (error) {
      if (!isStatus(error, "NotFound")) throw error;
    }
    return done;
  }

  return { name: NAME, queue, workers: WORKERS, reconcile };
}

function isForUs(volume: PersistentVolume): boolean {
  const isHeld = hasFinalizer(volume, VOLUME_PROTECTION);
  if (volume.metadata.deletionTimestamp === undefined) return !isHeld;
  return isHeld && volume.status?.phase !== "Bound";
}
