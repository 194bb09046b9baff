/** Has drivers take and delete what VolumeSnapshotContents stand for: kubernetes-csi's csi-snapshotter. */
import { createEventRecorder } from "../../../client/event-recorder.ts";
import { withFieldManager } from "../../../client/field-manager.ts";
import { done, type Result, requeueAfter } from "../../../client/reconciler.ts";
import { formatTime } from "../../../client/timestamps.ts";
import { WorkQueue } from "../../../client/work-queue.ts";
import { deepEqual } from "../../../kube/equality.ts";
import { volumeSnapshots } from "../../../kube/kinds/volumesnapshot.ts";
import { volumeSnapshotClasses } from "../../../kube/kinds/volumesnapshotclass.ts";
import {
  type VolumeSnapshotContent,
  type VolumeSnapshotContentStatus,
  volumeSnapshotContents,
} from "../../../kube/kinds/volumesnapshotcontent.ts";
import { keyOf } from "../../../kube/object.ts";
import { isStatus } from "../../../kube/status-error.ts";
import type { ControllerContext } from "../../controllers/controller-context.ts";
import type { DriverController } from "../driver-context.ts";
import { readSecrets } from "../driver-secrets.ts";
import { hasFinalizer, withFinalizer, withoutFinalizer } from "../finalizers.ts";
import { ClassParameterError, readClassParameters } from "../provisioning/class-parameters.ts";
import type { Snapshot, VolumeDriver } from "../volume-driver.ts";
import { VolumeDriverError } from "../volume-driver-error.ts";
import type { VolumeDrivers } from "../volume-drivers.ts";
import {
  CONTENT_PROTECTION,
  contentName,
  DELETION_SECRET_NAME,
  DELETION_SECRET_NAMESPACE,
  snapshotName,
} from "./snapshot-names.ts";

const NAME = "csi-snapshotter";
const WORKERS = 8;
const BACKOFF = { initialMs: 1_000, maxMs: 300_000 };
/** How often a driver that is not done is asked. */
const NOT_READY_RECHECK_MS = 5_000;
const NANOS_PER_MS = 1_000_000;

export function createSnapshotTaker(
  context: ControllerContext & { readonly drivers: VolumeDrivers },
): DriverController {
  const { informers, clock, logger, signal, drivers } = context;
  const client = withFieldManager(context.client, NAME);
  const snapshots = informers.of(volumeSnapshots);
  const contents = informers.of(volumeSnapshotContents);
  const classes = informers.of(volumeSnapshotClasses);
  const events = createEventRecorder({ client, component: NAME, clock, logger, signal });
  const queue = new WorkQueue({ clock, backoff: BACKOFF });

  const subscriptions = [
    contents.onChange(({ object }) => queue.add(keyOf(object))),
    // One that is being deleted lets its content go.
    snapshots.onChange(({ object }) =>
      queue.add(object.status?.boundVolumeSnapshotContentName ?? contentName(object)),
    ),
    drivers.onChange((name) => {
      for (const content of contents.list())
        if (content.spec.driver === name) queue.add(keyOf(content));
    }),
  ];

  async function reconcile(name: string, stopping: AbortSignal): Promise<Result> {
    const content = contents.get(name);
    if (content === undefined) return done;
    const driver = drivers.find(content.spec.driver);
    if (content.metadata.deletionTimestamp !== undefined)
      return await deleteContent(content, driver, stopping);
    if (!hasFinalizer(content, CONTENT_PROTECTION)) {
      await client.update(volumeSnapshotContents, withFinalizer(content, CONTENT_PROTECTION));
      return done;
    }
    // Comes back when the driver does.
    if (driver?.controller === undefined || content.status?.readyToUse === true) return done;
    try {
      const snapshot = await takeSnapshot(content, driver, stopping);
      await writeContentStatus(content, contentStatus(snapshot));
      return snapshot.readyToUse ? done : requeueAfter(NOT_READY_RECHECK_MS);
    } catch (error) {
      if (!(error instanceof VolumeDriverError || error instanceof ClassParameterError))
        throw error;
      const described = error instanceof VolumeDriverError ? error.described : error.message;
      const message = `Failed to check and update snapshot content: failed to take snapshot of the volume ${content.spec.source.volumeHandle ?? content.spec.source.snapshotHandle ?? ""}: "${described}"`;
      events.record(content, "Warning", "SnapshotCreationFailed", message);
      const time = formatTime(clock.now());
      const isSame = content.status?.error?.message === message;
      if (!isSame)
        await writeContentStatus(content, {
          ...content.status,
          readyToUse: false,
          error: { message, time },
        });
      throw error;
    }
  }

  async function takeSnapshot(
    content: VolumeSnapshotContent,
    driver: VolumeDriver,
    stopping: AbortSignal,
  ): Promise<Snapshot> {
    const { controller, abilities } = driver;
    const { source, volumeSnapshotRef, volumeSnapshotClassName } = content.spec;
    if (controller === undefined || !abilities.controller.has("snapshot"))
      throw new VolumeDriverError("Unimplemented", `driver ${driver.name} has no snapshots`);
    const secrets = await readSecrets(client, deletionSecret(content));
    if (source.snapshotHandle !== undefined) {
      const { snapshotHandle: snapshotId } = source;
      if (!abilities.controller.has("listSnapshots"))
        // Without a way to ask, the handle is taken at its word, as upstream does.
        return {
          snapshotId,
          sourceVolumeId: "",
          sizeBytes: 0,
          createdAtMs: clock.now(),
          readyToUse: true,
        };
      const found = await controller.findSnapshot({ snapshotId, ...secrets }, { signal: stopping });
      if (found !== undefined) return found;
      throw new VolumeDriverError("NotFound", `the driver has no snapshot ${snapshotId}`);
    }
    const parameters = classes.get(volumeSnapshotClassName ?? "")?.parameters ?? {};
    const { namespace = "", name = "", uid = "" } = volumeSnapshotRef;
    const { forDriver } = readClassParameters(parameters, {
      "volumesnapshot.name": name,
      "volumesnapshot.namespace": namespace,
      "volumesnapshotcontent.name": content.metadata.name,
    });
    return await controller.createSnapshot(
      {
        name: snapshotName(uid),
        sourceVolumeId: source.volumeHandle ?? "",
        parameters: forDriver,
        ...secrets,
      },
      { signal: stopping },
    );
  }

  async function deleteContent(
    content: VolumeSnapshotContent,
    driver: VolumeDriver | undefined,
    stopping: AbortSignal,
  ): Promise<Result> {
    if (!hasFinalizer(content, CONTENT_PROTECTION)) return done;
    const { namespace = "", name = "", uid = "" } = content.spec.volumeSnapshotRef;
    const owner = snapshots.get(`${namespace}/${name}`);
    const isBound = owner !== undefined && owner.metadata.uid === uid && uid !== "";
    if (isBound && owner.metadata.deletionTimestamp === undefined) return done;
    const snapshotId = content.status?.snapshotHandle ?? content.spec.source.snapshotHandle;
    const asked = content.spec.source.volumeHandle !== undefined;
    if (content.spec.deletionPolicy === "Delete" && (snapshotId !== undefined || asked)) {
      if (driver?.controller === undefined) return done;
      try {
        const secrets = await readSecrets(client, deletionSecret(content));
        // A snapshot that was asked for and whose handle was lost is asked for again to learn it.
        const id = snapshotId ?? (await takeSnapshot(content, driver, stopping)).snapshotId;
        const request = { snapshotId: id, ...secrets };
        await driver.controller.deleteSnapshot(request, { signal: stopping });
      } catch (error) {
        if (!(error instanceof VolumeDriverError)) throw error;
        const isGone = snapshotId === undefined && error.isFinal;
        if (!isGone) {
          events.record(
            content,
            "Warning",
            "SnapshotDeleteError",
            `Failed to delete snapshot: ${error.described}`,
          );
          throw error;
        }
      }
    }
    try {
      await client.update(volumeSnapshotContents, withoutFinalizer(content, CONTENT_PROTECTION));
    } catch (error) {
      if (!isStatus(error, "NotFound")) throw error;
    }
    return done;
  }

  async function writeContentStatus(
    content: VolumeSnapshotContent,
    status: VolumeSnapshotContentStatus,
  ): Promise<void> {
    if (deepEqual(content.status, status)) return;
    const next = { ...content, status };
    await client.update(volumeSnapshotContents, next, { subresource: "status" });
  }

  return {
    name: NAME,
    queue,
    workers: WORKERS,
    reconcile,
    unsubscribe: () => {
      for (const unsubscribe of subscriptions) unsubscribe();
    },
  };
}

function contentStatus(snapshot: Snapshot): VolumeSnapshotContentStatus {
  return {
    snapshotHandle: snapshot.snapshotId,
    creationTime: snapshot.createdAtMs * NANOS_PER_MS,
    restoreSize: snapshot.sizeBytes,
    readyToUse: snapshot.readyToUse,
  };
}

function deletionSecret({ metadata }: VolumeSnapshotContent) {
  const name = metadata.annotations?.[DELETION_SECRET_NAME];
  const namespace = metadata.annotations?.[DELETION_SECRET_NAMESPACE];
  return name === undefined || namespace === undefined ? undefined : { name, namespace };
}
