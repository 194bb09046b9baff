/** Grows the volumes of one driver as their claims ask: what kubernetes-csi's external-resizer does. */
import { createEventRecorder } from "../../../client/event-recorder.ts";
import { withFieldManager } from "../../../client/field-manager.ts";
import { done, type Result } from "../../../client/reconciler.ts";
import { formatTime } from "../../../client/timestamps.ts";
import { WorkQueue } from "../../../client/work-queue.ts";
import { type PersistentVolume, persistentVolumes } from "../../../kube/kinds/persistentvolume.ts";
import {
  type PersistentVolumeClaim,
  persistentVolumeClaims,
} from "../../../kube/kinds/persistentvolumeclaim.ts";
import { pods as podResource } from "../../../kube/kinds/pod.ts";
import { keyOf } from "../../../kube/object.ts";
import { compareQuantities, parseQuantity } from "../../../kube/quantity.ts";
import { storageOf } from "../binding/volume-match.ts";
import { bytesOf, formatBytes } from "../byte-size.ts";
import type { DriverContext, DriverController } from "../driver-context.ts";
import { readSecrets } from "../driver-secrets.ts";
import { type DriverVolume, volumeOf } from "../driver-volume.ts";
import { claimKeysOf, isOver, PODS_BY_CLAIM } from "../pod-claims.ts";
import type { ControllerService } from "../volume-driver.ts";
import { type DriverCode, VolumeDriverError } from "../volume-driver-error.ts";
import {
  awaitingNode,
  growing,
  grown,
  infeasible,
  resizeStateOf,
  wantsGrowth,
} from "./claim-growth.ts";

const WORKERS = 4;
/** As the external-resizer's. */
const BACKOFF = { initialMs: 1_000, maxMs: 300_000 };
/** Asking again cannot help until the claim asks for something else. */
const INFEASIBLE: ReadonlySet<DriverCode> = new Set<DriverCode>([
  "InvalidArgument",
  "OutOfRange",
  "NotFound",
  "Unimplemented",
]);

export function createResizer(
  context: DriverContext & { readonly controller: ControllerService },
): DriverController {
  const { informers, clock, logger, signal, driver, controller } = context;
  const client = withFieldManager(context.client, "external-resizer");
  const claims = informers.of(persistentVolumeClaims);
  const volumes = informers.of(persistentVolumes);
  const pods = informers.of(podResource);
  const component = `external-resizer ${driver.name}`;
  const events = createEventRecorder({ client, component, clock, logger, signal });
  const queue = new WorkQueue({ clock, backoff: BACKOFF });
  pods.addIndex(PODS_BY_CLAIM, claimKeysOf);

  const subscriptions = [
    claims.onChange(({ type, object }) => {
      if (type !== "DELETED" && isOurs(object)) queue.add(keyOf(object));
    }),
    pods.onChange(({ type, object }) => {
      if (driver.abilities.expansion !== "offline") return;
      if (type !== "DELETED" && !isOver(object)) return;
      for (const key of claimKeysOf(object)) if (isOurs(claims.get(key))) queue.add(key);
    }),
  ];

  function isOurs(claim: PersistentVolumeClaim | undefined): claim is PersistentVolumeClaim {
    if (claim === undefined || !wantsGrowth(claim)) return false;
    const volume = volumes.get(claim.spec?.volumeName ?? "");
    return volume === undefined || volumeOf(volume)?.driver === driver.name;
  }

  async function reconcile(key: string, stopping: AbortSignal): Promise<Result> {
    const claim = claims.get(key);
    if (!isOurs(claim)) return done;
    const volume = volumes.get(claim.spec?.volumeName ?? "");
    const known = volume && volumeOf(volume);
    if (volume === undefined || known?.driver !== driver.name) return done;
    const size = claim.spec?.resources?.requests?.["storage"] ?? "0";
    const state = resizeStateOf(claim);
    const isSameSize = claim.status?.allocatedResources?.["storage"] === size;
    if (isSameSize && (state === "NodeResizePending" || state === "NodeResizeInProgress"))
      return done;
    if (isSameSize && state === "ControllerResizeInfeasible") return done;
    if (driver.abilities.expansion === "offline" && isInUse(key)) {
      const message = `CSI resizer ${driver.name} can only expand a volume that no pod uses: delete the pods of claim ${claim.metadata.name}`;
      events.record(claim, "Warning", "VolumeResizeFailed", message);
      return done;
    }
    await grow(claim, volume, known, size, stopping);
    return done;
  }

  function isInUse(key: string): boolean {
    return pods
      .byIndex(PODS_BY_CLAIM, key)
      .some((pod) => (pod.spec?.nodeName ?? "") !== "" && !isOver(pod));
  }

  async function grow(
    claim: PersistentVolumeClaim,
    volume: PersistentVolume,
    known: DriverVolume,
    size: string,
    stopping: AbortSignal,
  ): Promise<void> {
    const { name } = volume.metadata;
    const started = await writeStatus(claim, growing(claim.status ?? {}, size, now()));
    events.record(claim, "Normal", "Resizing", `External resizer is resizing volume ${name}`);
    try {
      const { capacityBytes, needsNode } = await expand(known, size, stopping);
      const isExact = capacityBytes === bytesOf(parseQuantity(size));
      const has = isExact ? size : formatBytes(capacityBytes);
      await growVolume(volume, has);
      if (needsNode) {
        await writeStatus(started, awaitingNode(started.status ?? {}, size, now()));
        const told = "Require file system resize of volume on node";
        events.record(claim, "Normal", "FileSystemResizeRequired", told);
        return;
      }
      await writeStatus(started, grown(started.status ?? {}, has));
      events.record(claim, "Normal", "VolumeResizeSuccessful", "Resize volume succeeded");
    } catch (error) {
      if (!(error instanceof VolumeDriverError)) throw error;
      const told = `resize volume "${name}" by resizer "${driver.name}" failed: ${error.described}`;
      events.record(claim, "Warning", "VolumeResizeFailed", told);
      if (!INFEASIBLE.has(error.code)) throw error;
      await writeStatus(started, infeasible(started.status ?? {}, size));
    }
  }

  async function expand(known: DriverVolume, size: string, stopping: AbortSignal) {
    const requiredBytes = bytesOf(parseQuantity(size));
    const request = {
      volumeId: known.volumeId,
      size: { requiredBytes },
      use: known.use,
      ...(await readSecrets(client, known.secretRefs.controllerExpand)),
    };
    if (!driver.abilities.controller.has("expand")) {
      // Drivers that only grow on the node have the size once the node has done its part.
      return { capacityBytes: requiredBytes, needsNode: driver.abilities.node.has("expand") };
    }
    const expansion = await controller.expandVolume(request, { signal: stopping });
    if (expansion.capacityBytes >= requiredBytes) return expansion;
    throw new VolumeDriverError(
      "OutOfRange",
      `the driver grew the volume to ${expansion.capacityBytes} bytes, less than the ${requiredBytes} that were asked for`,
    );
  }

  async function growVolume(volume: PersistentVolume, storage: string): Promise<void> {
    const has = storageOf(volume.spec?.capacity);
    if (compareQuantities(has, parseQuantity(storage)) >= 0) return;
    await client.update(persistentVolumes, {
      ...volume,
      spec: { ...volume.spec, capacity: { ...volume.spec?.capacity, storage } },
    });
  }

  async function writeStatus(
    claim: PersistentVolumeClaim,
    status: NonNullable<PersistentVolumeClaim["status"]>,
  ): Promise<PersistentVolumeClaim> {
    const next = { ...claim, status };
    return await client.update(persistentVolumeClaims, next, { subresource: "status" });
  }

  const now = (): string => formatTime(clock.now());

  return {
    name: `${driver.name} resizer`,
    queue,
    workers: WORKERS,
    reconcile,
    unsubscribe: () => {
      for (const unsubscribe of subscriptions) unsubscribe();
    },
  };
}
