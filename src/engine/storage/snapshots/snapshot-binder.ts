/**
 * Binds VolumeSnapshots and their contents to each other, and tells of a snapshot what is known of its
 * content: kubernetes-csi's snapshot-controller. `snapshot-taker.ts` has drivers do the work.
 */
import { createEventRecorder } from "../../../client/event-recorder.ts";
import { withFieldManager } from "../../../client/field-manager.ts";
import { done, type Result } from "../../../client/reconciler.ts";
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
  volumeSnapshotContents,
} from "../../../kube/kinds/volumesnapshotcontent.ts";
import { keyOf } from "../../../kube/object.ts";
import { isStatus } from "../../../kube/status-error.ts";
import type { ControllerContext } from "../../controllers/controller-context.ts";
import { withAnnotations } from "../binding/bound-objects.ts";
import type { DriverController } from "../driver-context.ts";
import { hasFinalizer, withFinalizer, withoutFinalizer } from "../finalizers.ts";
import { ClassParameterError } from "../provisioning/class-parameters.ts";
import { newContent, SnapshotError } from "./new-content.ts";
import {
  BEING_DELETED,
  BOUND_PROTECTION,
  CLAIM_SOURCE_PROTECTION,
  contentName,
  SOURCE_PROTECTION,
} from "./snapshot-names.ts";
import { statusFromContent, withError } from "./snapshot-status.ts";

const NAME = "snapshot-controller";
const WORKERS = 8;
const BACKOFF = { initialMs: 1_000, maxMs: 300_000 };
const BY_SOURCE_CLAIM = "snapshots/source-claim";

export function createSnapshotBinder(context: ControllerContext): DriverController {
  const { informers, clock, logger, signal } = context;
  const client = withFieldManager(context.client, NAME);
  const snapshots = informers.of(volumeSnapshots);
  const contents = informers.of(volumeSnapshotContents);
  const classes = informers.of(volumeSnapshotClasses);
  const claims = informers.of(persistentVolumeClaims);
  const volumes = informers.of(persistentVolumes);
  const events = createEventRecorder({ client, component: NAME, clock, logger, signal });
  const queue = new WorkQueue({ clock, backoff: BACKOFF });
  snapshots.addIndex(BY_SOURCE_CLAIM, ({ metadata, spec }) => [
    `${metadata.namespace ?? ""}/${spec.source.persistentVolumeClaimName ?? ""}`,
  ]);

  const wakePending = (): void => {
    for (const snapshot of snapshots.list())
      if (snapshot.status?.readyToUse !== true) queue.add(keyOf(snapshot));
  };
  const subscriptions = [
    snapshots.onChange(({ object }) => {
      queue.add(keyOf(object));
    }),
    contents.onChange(({ object }) => {
      const { namespace = "", name = "" } = object.spec.volumeSnapshotRef;
      queue.add(`${namespace}/${name}`);
    }),
    classes.onChange(wakePending),
    claims.onChange(({ object }) => {
      for (const snapshot of snapshots.byIndex(BY_SOURCE_CLAIM, keyOf(object)))
        if (snapshot.status?.readyToUse !== true) queue.add(keyOf(snapshot));
      const source = object.spec?.dataSource;
      // A claim that has its volume lets its source go.
      if (source?.apiGroup === SNAPSHOT_GROUP)
        queue.add(`${object.metadata.namespace ?? ""}/${source.name}`);
    }),
  ];

  async function reconcile(key: string): Promise<Result> {
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
