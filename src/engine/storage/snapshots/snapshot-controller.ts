/**
 * VolumeSnapshots and their contents: binds the two, has drivers take and delete snapshots, and tells
 * both how it stands. What kubernetes-csi's snapshot-controller and csi-snapshotter do together.
 */
import { createEventRecorder } from "../../../client/event-recorder.ts";
import { withFieldManager } from "../../../client/field-manager.ts";
import { done, type Result, requeueAfter } from "../../../client/reconciler.ts";
import { formatTime } from "../../../client/timestamps.ts";
import { WorkQueue } from "../../../client/work-queue.ts";
import { deepEqual } from "../../../kube/equality.ts";
import { persistentVolumes } from "../../../kube/kinds/persistentvolume.ts";
import {
  type PersistentVolumeClaim,
  persistentVolumeClaims,
} from "../../../kube/kinds/persistentvolumeclaim.ts";
import { SNAPSHOT_GROUP } from "../../../kube/kinds/storage/data-source.ts";
import {
  type VolumeSnapshot,
  type VolumeSnapshotStatus,
  volumeSnapshots,
} from "../../../kube/kinds/volumesnapshot.ts";
import { volumeSnapshotClasses } from "../../../kube/kinds/volumesnapshotclass.ts";
import {
  type VolumeSnapshotContent,
  type VolumeSnapshotContentStatus,
  volumeSnapshotContents,
} from "../../../kube/kinds/volumesnapshotcontent.ts";
import { keyOf } from "../../../kube/object.ts";
import { isStatus } from "../../../kube/status-error.ts";
import type { ControllerContext } from "../../controllers/controller-context.ts";
import { withAnnotations } from "../binding/bound-objects.ts";
import type { DriverController } from "../driver-context.ts";
import { readSecrets } from "../driver-secrets.ts";
import { hasFinalizer, withFinalizer, withoutFinalizer } from "../finalizers.ts";
import { ClassParameterError, readClassParameters } from "../provisioning/class-parameters.ts";
import type { Snapshot, VolumeDriver } from "../volume-driver.ts";
import { VolumeDriverError } from "../volume-driver-error.ts";
import type { VolumeDrivers } from "../volume-drivers.ts";
import { newContent, SnapshotError } from "./new-content.ts";
import {
  BEING_DELETED,
  BOUND_PROTECTION,
  CLAIM_SOURCE_PROTECTION,
  CONTENT_PROTECTION,
  contentName,
  DELETION_SECRET_NAME,
  DELETION_SECRET_NAMESPACE,
  SOURCE_PROTECTION,
  snapshotName,
} from "./snapshot-names.ts";
import { statusFromContent, withError } from "./snapshot-status.ts";

const WORKERS = 8;
const BACKOFF = { initialMs: 1_000, maxMs: 300_000 };
/** How often a driver that is not done is asked. */
const NOT_READY_RECHECK_MS = 5_000;
const SNAPSHOT = "snapshot:";
const CONTENT = "content:";
const BY_SOURCE_CLAIM = "snapshots/source-claim";
const NANOS_PER_MS = 1_000_000;

export function createSnapshotController(
  context: ControllerContext & { readonly drivers: VolumeDrivers },
): DriverController {
  const { informers, clock, logger, signal, drivers } = context;
  const client = withFieldManager(context.client, "snapshot-controller");
  const snapshots = informers.of(volumeSnapshots);
  const contents = informers.of(volumeSnapshotContents);
  const classes = informers.of(volumeSnapshotClasses);
  const claims = informers.of(persistentVolumeClaims);
  const volumes = informers.of(persistentVolumes);
  const component = "snapshot-controller";
  const events = createEventRecorder({ client, component, clock, logger, signal });
  const queue = new WorkQueue({ clock, backoff: BACKOFF });
  snapshots.addIndex(BY_SOURCE_CLAIM, ({ metadata, spec }) => [
    `${metadata.namespace ?? ""}/${spec.source.persistentVolumeClaimName ?? ""}`,
  ]);

  const wakePending = (): void => {
    for (const snapshot of snapshots.list())
      if (snapshot.status?.readyToUse !== true) queue.add(SNAPSHOT + keyOf(snapshot));
  };
  const subscriptions = [
    snapshots.onChange(({ object }) => {
      queue.add(SNAPSHOT + keyOf(object));
      const bound = object.status?.boundVolumeSnapshotContentName;
      if (bound !== undefined) queue.add(CONTENT + bound);
    }),
    contents.onChange(({ object }) => {
      queue.add(CONTENT + keyOf(object));
      const { namespace = "", name = "" } = object.spec.volumeSnapshotRef;
      queue.add(`${SNAPSHOT}${namespace}/${name}`);
    }),
    classes.onChange(wakePending),
    claims.onChange(({ object }) => {
      for (const snapshot of snapshots.byIndex(BY_SOURCE_CLAIM, keyOf(object)))
        if (snapshot.status?.readyToUse !== true) queue.add(SNAPSHOT + keyOf(snapshot));
      const source = object.spec?.dataSource;
      // A claim that has its volume lets its source go.
      if (source?.apiGroup === SNAPSHOT_GROUP)
        queue.add(`${SNAPSHOT}${object.metadata.namespace ?? ""}/${source.name}`);
    }),
    drivers.onChange((name) => {
      for (const content of contents.list())
        if (content.spec.driver === name) queue.add(CONTENT + keyOf(content));
    }),
  ];

  async function reconcile(id: string, stopping: AbortSignal): Promise<Result> {
    const key = id.slice(id.indexOf(":") + 1);
    return id.startsWith(SNAPSHOT)
      ? await reconcileSnapshot(key)
      : await reconcileContent(key, stopping);
  }

  async function reconcileSnapshot(key: string): Promise<Result> {
    const snapshot = snapshots.get(key);
    if (snapshot === undefined) return done;
    if (snapshot.metadata.deletionTimestamp !== undefined) return await letGo(snapshot);
    if (!hasFinalizer(snapshot, BOUND_PROTECTION) || !hasFinalizer(snapshot, SOURCE_PROTECTION)) {
      const held = withFinalizer(withFinalizer(snapshot, SOURCE_PROTECTION), BOUND_PROTECTION);
      await client.update(volumeSnapshots, held);
      return done;
    }
    try {
      const content = await contentFor(snapshot);
      if (content === undefined) return done;
      const status = statusFromContent(snapshot, content);
      tellProgress(snapshot, status);
      await writeSnapshotStatus(snapshot, status);
      await settleSourceClaim(snapshot, status.readyToUse === true || status.error !== undefined);
    } catch (error) {
      if (!(error instanceof SnapshotError || error instanceof ClassParameterError)) throw error;
      const reason = error instanceof SnapshotError ? error.reason : "SnapshotCreationFailed";
      if (snapshot.status?.error?.message !== error.message)
        events.record(snapshot, "Warning", reason, error.message);
      await writeSnapshotStatus(snapshot, withError(snapshot.status, error.message, clock.now()));
    }
    return done;
  }

  /** The content of a snapshot, bound to it; undefined while it is being made. */
  async function contentFor(snapshot: VolumeSnapshot): Promise<VolumeSnapshotContent | undefined> {
    const given = snapshot.spec.source.volumeSnapshotContentName;
    if (given !== undefined) return await bindGiven(snapshot, given);
    const bound = contents.get(contentName(snapshot));
    if (bound !== undefined) return bound;
    if (snapshot.status?.readyToUse === true)
      throw new SnapshotError("SnapshotContentMissing", "VolumeSnapshotContent is missing");
    const { content, className } = newContent(snapshot, { claims, volumes, classes });
    if (snapshot.spec.volumeSnapshotClassName === undefined) {
      const spec = { ...snapshot.spec, volumeSnapshotClassName: className };
      await client.update(volumeSnapshots, { ...snapshot, spec });
      return undefined;
    }
    await holdSourceClaim(snapshot);
    try {
      await client.create(volumeSnapshotContents, content);
    } catch (error) {
      if (!isStatus(error, "AlreadyExists")) throw error;
    }
    const told = `Waiting for a snapshot ${keyOf(snapshot)} to be created by the CSI driver.`;
    events.record(snapshot, "Normal", "CreatingSnapshot", told);
    return undefined;
  }

  /** A content that somebody made for a snapshot that exists: it must be meant for this object. */
  async function bindGiven(
    snapshot: VolumeSnapshot,
    name: string,
  ): Promise<VolumeSnapshotContent | undefined> {
    const content = contents.get(name);
    if (content === undefined)
      throw new SnapshotError("SnapshotContentMissing", `VolumeSnapshotContent ${name} is missing`);
    const { volumeSnapshotRef: reference, source } = content.spec;
    const { namespace, name: own, uid = "" } = snapshot.metadata;
    const isMeant = reference.namespace === namespace && reference.name === own;
    const isTaken = (reference.uid ?? "") !== "" && reference.uid !== uid;
    if (!isMeant || isTaken || source.snapshotHandle === undefined)
      throw new SnapshotError(
        "SnapshotContentMisbound",
        `VolumeSnapshotContent [${name}] is bound to a different snapshot`,
      );
    if (reference.uid === uid) return content;
    const spec = { ...content.spec, volumeSnapshotRef: { ...reference, uid } };
    await client.update(volumeSnapshotContents, { ...content, spec });
    return undefined;
  }

  function tellProgress(snapshot: VolumeSnapshot, next: VolumeSnapshotStatus): void {
    const { status } = snapshot;
    const what = `Snapshot ${keyOf(snapshot)}`;
    if (status?.creationTime === undefined && next.creationTime !== undefined)
      events.record(
        snapshot,
        "Normal",
        "SnapshotCreated",
        `${what} was successfully created by the CSI driver.`,
      );
    if (status?.readyToUse !== true && next.readyToUse === true)
      events.record(snapshot, "Normal", "SnapshotReady", `${what} is ready to use.`);
    const message = next.error?.message;
    if (message !== undefined && status?.error?.message !== message)
      events.record(snapshot, "Warning", "SnapshotCreationFailed", message);
  }

  async function writeSnapshotStatus(
    snapshot: VolumeSnapshot,
    status: VolumeSnapshotStatus,
  ): Promise<void> {
    if (deepEqual(snapshot.status, status)) return;
    await client.update(volumeSnapshots, { ...snapshot, status }, { subresource: "status" });
  }

  async function holdSourceClaim({ metadata, spec }: VolumeSnapshot): Promise<void> {
    const name = spec.source.persistentVolumeClaimName ?? "";
    const claim = claims.get(`${metadata.namespace ?? ""}/${name}`);
    if (claim !== undefined && !hasFinalizer(claim, CLAIM_SOURCE_PROTECTION))
      await client.update(persistentVolumeClaims, withFinalizer(claim, CLAIM_SOURCE_PROTECTION));
  }

  /** Lets the claim go once no snapshot of it is on its way. */
  async function settleSourceClaim(snapshot: VolumeSnapshot, isSettled: boolean): Promise<void> {
    const name = snapshot.spec.source.persistentVolumeClaimName;
    if (name === undefined || !isSettled) return;
    const key = `${snapshot.metadata.namespace ?? ""}/${name}`;
    const claim = claims.get(key);
    if (claim === undefined || !hasFinalizer(claim, CLAIM_SOURCE_PROTECTION)) return;
    const others = snapshots
      .byIndex(BY_SOURCE_CLAIM, key)
      .filter(({ metadata, status }) => metadata.uid !== snapshot.metadata.uid && !isOver(status));
    if (others.length > 0) return;
    await client.update(persistentVolumeClaims, withoutFinalizer(claim, CLAIM_SOURCE_PROTECTION));
  }

  async function letGo(snapshot: VolumeSnapshot): Promise<Result> {
    if (isSourceOf(snapshot, claims.list(snapshot.metadata.namespace))) {
      const told = "Snapshot is being used to restore a PVC";
      events.record(snapshot, "Warning", "SnapshotDeletePending", told);
      return done;
    }
    const name = snapshot.status?.boundVolumeSnapshotContentName ?? contentName(snapshot);
    const content = contents.get(name);
    if (content !== undefined && content.spec.volumeSnapshotRef.uid === snapshot.metadata.uid) {
      const marked = withAnnotations(content, { [BEING_DELETED]: "yes" });
      if (marked !== content) await client.update(volumeSnapshotContents, marked);
      if (content.spec.deletionPolicy === "Delete") {
        if (content.metadata.deletionTimestamp === undefined)
          await client.delete(volumeSnapshotContents, { name });
        // Comes back when the content is gone.
        return done;
      }
    }
    await settleSourceClaim(snapshot, true);
    const held = withoutFinalizer(withoutFinalizer(snapshot, BOUND_PROTECTION), SOURCE_PROTECTION);
    if (held.metadata.finalizers?.length !== snapshot.metadata.finalizers?.length)
      await client.update(volumeSnapshots, held);
    return done;
  }

  async function reconcileContent(name: string, stopping: AbortSignal): Promise<Result> {
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
    if (owner !== undefined) queue.add(SNAPSHOT + keyOf(owner));
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
    name: component,
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

function isOver(status: VolumeSnapshotStatus | undefined): boolean {
  return status?.readyToUse === true || status?.error !== undefined;
}

/** Whether a claim is still being filled from the snapshot. */
function isSourceOf(
  { metadata }: VolumeSnapshot,
  claims: readonly PersistentVolumeClaim[],
): boolean {
  return claims.some(({ spec, status }) => {
    const source = spec?.dataSource;
    const isFromIt = source?.apiGroup === SNAPSHOT_GROUP && source.name === metadata.name;
    return isFromIt && status?.phase === "Pending" && (spec?.volumeName ?? "") === "";
  });
}
