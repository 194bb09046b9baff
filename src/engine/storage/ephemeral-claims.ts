/** Makes the claims of pods' generic ephemeral volumes; they go with the pod, being owned by it. */
import type { Volume } from "kubernetes-types/core/v1";
import { createEventRecorder } from "../../client/event-recorder.ts";
import { withFieldManager } from "../../client/field-manager.ts";
import { done, type Result } from "../../client/reconciler.ts";
import { WorkQueue } from "../../client/work-queue.ts";
import {
  type PersistentVolumeClaim,
  persistentVolumeClaims,
} from "../../kube/kinds/persistentvolumeclaim.ts";
import { type Pod, pods as podResource } from "../../kube/kinds/pod.ts";
import { keyOf } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import type { Controller, ControllerContext } from "../controllers/controller-context.ts";
import { isNamespaceTerminating } from "../controllers/namespace-terminating.ts";
import { claimNameOf, isOver } from "./pod-claims.ts";

const NAME = "ephemeral-volume-controller";
const WORKERS = 8;

export function createEphemeralClaims(context: ControllerContext): Controller {
  const { informers, clock, logger, signal } = context;
  const client = withFieldManager(context.client, NAME);
  const pods = informers.of(podResource);
  const claims = informers.of(persistentVolumeClaims);
  const events = createEventRecorder({ client, component: NAME, clock, logger, signal });
  const queue = new WorkQueue({ clock });
  pods.onChange(({ type, object }) => {
    if (type !== "DELETED" && ephemeralVolumes(object).length > 0) queue.add(keyOf(object));
  });
  claims.onChange(({ type, object }) => {
    if (type !== "DELETED") return;
    const owner = object.metadata.ownerReferences?.find(({ kind }) => kind === "Pod");
    if (owner !== undefined) queue.add(`${object.metadata.namespace ?? ""}/${owner.name}`);
  });

  async function reconcile(key: string): Promise<Result> {
    const pod = pods.get(key);
    if (pod === undefined || pod.metadata.deletionTimestamp !== undefined || isOver(pod))
      return done;
    for (const volume of ephemeralVolumes(pod)) {
      try {
        await ensure(pod, volume);
      } catch (error) {
        if (isNamespaceTerminating(error)) return done;
        const message = error instanceof Error ? error.message : String(error);
        events.record(
          pod,
          "Warning",
          "FailedBinding",
          `ephemeral volume ${volume.name}: ${message}`,
        );
        throw error;
      }
    }
    return done;
  }

  async function ensure(pod: Pod, volume: Volume): Promise<void> {
    const wanted = claimOf(pod, volume);
    const found = claims.get(keyOf(wanted));
    if (found !== undefined) {
      requireOwn(pod, found);
      return;
    }
    try {
      await client.create(persistentVolumeClaims, wanted);
    } catch (error) {
      if (!isStatus(error, "AlreadyExists")) throw error;
      const { namespace = "", name } = wanted.metadata;
      requireOwn(pod, await client.get(persistentVolumeClaims, { namespace, name }));
    }
  }

  return { name: NAME, queue, workers: WORKERS, reconcile };
}

function ephemeralVolumes({ spec }: Pod): readonly Volume[] {
  return (spec?.volumes ?? []).filter(({ ephemeral }) => ephemeral?.volumeClaimTemplate);
}

function requireOwn(pod: Pod, { metadata }: PersistentVolumeClaim): void {
  if (metadata.ownerReferences?.some(({ uid }) => uid === pod.metadata.uid) === true) return;
  throw new Error(
    `PVC ${metadata.namespace ?? ""}/${metadata.name} was not created for pod ${pod.metadata.name} (pod is not owner): rename the volume or delete that claim`,
  );
}

function claimOf(pod: Pod, volume: Volume): PersistentVolumeClaim {
  const { metadata = {}, spec = {} } = volume.ephemeral?.volumeClaimTemplate ?? {};
  const { namespace, name, uid = "" } = pod.metadata;
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: {
      name: claimNameOf(pod, volume) ?? "",
      ...(namespace === undefined ? {} : { namespace }),
      ...(metadata.labels === undefined ? {} : { labels: metadata.labels }),
      ...(metadata.annotations === undefined ? {} : { annotations: metadata.annotations }),
      ownerReferences: [
        { apiVersion: "v1", kind: "Pod", name, uid, controller: true, blockOwnerDeletion: true },
      ],
    },
    spec,
  };
}
