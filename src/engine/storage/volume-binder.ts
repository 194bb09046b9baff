/**
 * Binds claims and volumes to each other, both ways, and keeps their phases. Level-triggered: every
 * reconcile looks at the whole of one claim or volume, decides in `binding/*-plan.ts`, and acts here.
 */
import { createEventRecorder } from "../../client/event-recorder.ts";
import { withFieldManager } from "../../client/field-manager.ts";
import { OwnWrites } from "../../client/own-writes.ts";
import { done, type Result, requeueAfter } from "../../client/reconciler.ts";
import { formatTime } from "../../client/timestamps.ts";
import { WorkQueue } from "../../client/work-queue.ts";
import { deepEqual } from "../../kube/equality.ts";
import { nodes as nodeResource } from "../../kube/kinds/node.ts";
import { type PersistentVolume, persistentVolumes } from "../../kube/kinds/persistentvolume.ts";
import {
  type PersistentVolumeClaim,
  persistentVolumeClaims,
} from "../../kube/kinds/persistentvolumeclaim.ts";
import { pods as podResource } from "../../kube/kinds/pod.ts";
import { storageClassNameOf } from "../../kube/kinds/storage/class-name.ts";
import { storageClasses } from "../../kube/kinds/storageclass.ts";
import { keyOf } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import type { Controller, ControllerContext } from "../controllers/controller-context.ts";
import { SELECTED_NODE } from "./binding/binding-annotations.ts";
import { withBinding, withClaim, withoutClaim, withProvisioner } from "./binding/bound-objects.ts";
import { type ClaimPlan, planClaim } from "./binding/claim-plan.ts";
import { defaultClass } from "./binding/default-class.ts";
import { planVolume } from "./binding/volume-plan.ts";
import { claimKeysOf, PODS_BY_CLAIM } from "./pod-claims.ts";

const NAME = "persistentvolume-controller";
/** Writes that wait together share one commit to disk. */
const WORKERS = 16;
/** The cache's next event brings the key back earlier; this is for the case that none comes. */
const STALE_RECHECK_MS = 1_000;
const CLAIM = "claim:";
const VOLUME = "volume:";
/** Claims without a volume, by class; those without a class under "". */
const WAITING_BY_CLASS = "storage/waiting-by-class";
/** Claims by the volume that they name, bound or not. */
const BY_VOLUME = "storage/by-volume";
/** Volumes that claims can choose, by class. */
const FREE_BY_CLASS = "storage/free-by-class";
/** Volumes that name a claim, by its key. */
const BY_CLAIM = "storage/by-claim";

export function createVolumeBinder(context: ControllerContext): Controller {
  const { informers, clock, logger, signal } = context;
  const client = withFieldManager(context.client, NAME);
  const claims = informers.of(persistentVolumeClaims);
  const volumes = informers.of(persistentVolumes);
  const classes = informers.of(storageClasses);
  const nodes = informers.of(nodeResource);
  const pods = informers.of(podResource);
  const events = createEventRecorder({ client, component: NAME, clock, logger, signal });
  const queue = new WorkQueue({ clock });
  /** Of a claim's volumes and of the claim itself: two caches, which move on their own. */
  const volumeWrites = new OwnWrites(clock);
  const claimWrites = new OwnWrites(clock);

  claims.addIndex(WAITING_BY_CLASS, (claim) =>
    isWaiting(claim) ? [storageClassNameOf(claim) ?? ""] : [],
  );
  claims.addIndex(BY_VOLUME, ({ spec }) =>
    (spec?.volumeName ?? "") === "" ? [] : [spec?.volumeName ?? ""],
  );
  volumes.addIndex(FREE_BY_CLASS, (volume) =>
    volume.spec?.claimRef === undefined ? [storageClassNameOf(volume) ?? ""] : [],
  );
  volumes.addIndex(BY_CLAIM, (volume) => {
    const reference = volume.spec?.claimRef;
    return reference === undefined ? [] : [`${reference.namespace ?? ""}/${reference.name ?? ""}`];
  });
  pods.addIndex(PODS_BY_CLAIM, claimKeysOf);

  claims.onChange(({ object, previous }) => {
    queue.add(CLAIM + keyOf(object));
    for (const claim of [object, previous]) {
      const name = claim?.spec?.volumeName ?? "";
      if (name !== "") queue.add(VOLUME + name);
    }
    for (const volume of volumes.byIndex(BY_CLAIM, keyOf(object)))
      queue.add(VOLUME + keyOf(volume));
  });
  volumes.onChange(({ object, previous }) => {
    queue.add(VOLUME + keyOf(object));
    for (const volume of [object, previous]) {
      const { namespace = "", name } = volume?.spec?.claimRef ?? {};
      if (name !== undefined) queue.add(`${CLAIM}${namespace}/${name}`);
    }
    for (const claim of claims.byIndex(BY_VOLUME, keyOf(object))) queue.add(CLAIM + keyOf(claim));
    if (object.spec?.claimRef === undefined && object.status?.phase === "Available")
      wakeClaims(storageClassNameOf(object) ?? "");
  });
  classes.onChange(({ object }) => {
    wakeClaims(object.metadata.name);
    wakeClaims("");
  });
  pods.onChange(({ type, object, previous }) => {
    // Only to word what a claim waits for.
    if (type === "ADDED" && previous === undefined && object.spec?.nodeName === undefined)
      for (const key of claimKeysOf(object)) {
        const claim = claims.get(key);
        if (claim !== undefined && isWaiting(claim)) queue.add(CLAIM + key);
      }
  });

  function wakeClaims(className: string): void {
    for (const claim of claims.byIndex(WAITING_BY_CLASS, className))
      queue.add(CLAIM + keyOf(claim));
  }

  async function reconcile(id: string): Promise<Result> {
    return id.startsWith(CLAIM)
      ? await reconcileClaim(id.slice(CLAIM.length))
      : await reconcileVolume(id.slice(VOLUME.length));
  }

  async function reconcileClaim(key: string): Promise<Result> {
    const claim = claims.get(key);
    if (claim === undefined) {
      volumeWrites.forget(key);
      claimWrites.forget(key);
      return done;
    }
    if (volumeWrites.isBehind(key, volumes.revision) || claimWrites.isBehind(key, claims.revision))
      return requeueAfter(STALE_RECHECK_MS);
    await actOnClaim(claim, planClaim(viewOf(claim, key)));
    return done;
  }

  function viewOf(claim: PersistentVolumeClaim, key: string) {
    const className = storageClassNameOf(claim) ?? "";
    const selected = claim.metadata.annotations?.[SELECTED_NODE];
    const waiting = pods
      .byIndex(PODS_BY_CLAIM, key)
      .find(({ spec }) => spec?.nodeName === undefined);
    return {
      claim,
      candidates: [...volumes.byIndex(BY_CLAIM, key), ...volumes.byIndex(FREE_BY_CLASS, className)],
      named: volumes.get(claim.spec?.volumeName ?? ""),
      storageClass: classes.get(className),
      defaultClass: defaultClass(classes.list()),
      selectedNode: selected === undefined ? undefined : nodes.get(selected),
      waitingPod: waiting?.metadata.name,
    };
  }

  async function actOnClaim(claim: PersistentVolumeClaim, plan: ClaimPlan): Promise<void> {
    if (plan.action === "bind") {
      await bind(claim, plan.volume);
      return;
    }
    if ("told" in plan && plan.told !== undefined && !isToldAlready(claim, plan))
      events.record(claim, plan.told.type, plan.told.reason, plan.told.message);
    if (plan.action === "lose") await writeClaimStatus(claim, { ...claim.status, phase: "Lost" });
    if (plan.action === "assignClass")
      await updateClaim({ ...claim, spec: { ...claim.spec, storageClassName: plan.className } });
    if (plan.action === "provision") await updateClaim(withProvisioner(claim, plan.provisioner));
  }

  /** Which of the four writes are missing follows from the objects, so a crash between them is mended. */
  async function bind(claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<void> {
    const key = keyOf(claim);
    let held = volume;
    const claimed = withClaim(volume, claim);
    if (claimed !== volume) {
      held = await client.update(persistentVolumes, claimed);
      volumeWrites.note(key, held);
    }
    held = await writeVolumeStatus(held, { phase: "Bound" });
    volumeWrites.note(key, held);
    const bound = await updateClaim(withBinding(claim, volume));
    const { status } = bound;
    const wasBound = status?.phase === "Bound";
    await writeClaimStatus(bound, {
      ...status,
      phase: "Bound",
      accessModes: [...(volume.spec?.accessModes ?? [])],
      // Growth is told by whoever did it: the volume has its new size before its file system has.
      capacity: wasBound ? (status.capacity ?? {}) : { ...volume.spec?.capacity },
    });
  }

  async function reconcileVolume(name: string): Promise<Result> {
    const volume = volumes.get(name);
    if (volume === undefined) return done;
    const { namespace = "", name: claimName = "" } = volume.spec?.claimRef ?? {};
    const key = `${namespace}/${claimName}`;
    if (volumeWrites.isBehind(key, volumes.revision) || claimWrites.isBehind(key, claims.revision))
      return requeueAfter(STALE_RECHECK_MS);
    const plan = planVolume(volume, await claimOf(volume));
    if (plan.action === "unbind") {
      await client.update(persistentVolumes, withoutClaim(volume, plan.keepName));
      return done;
    }
    if (plan.action === "claim") {
      if (plan.told !== undefined)
        events.record(volume, plan.told.type, plan.told.reason, plan.told.message);
      queue.add(CLAIM + key);
      return done;
    }
    const { phase, message, told } = plan;
    if (told !== undefined && volume.status?.phase !== phase)
      events.record(volume, told.type, told.reason, told.message);
    await writeVolumeStatus(volume, { phase, ...(message === undefined ? {} : { message }) });
    return done;
  }

  /** A cache that is behind must never make a volume look released: its data may be deleted then. */
  async function claimOf(volume: PersistentVolume): Promise<PersistentVolumeClaim | undefined> {
    const { namespace = "", name = "", uid = "" } = volume.spec?.claimRef ?? {};
    if (name === "" || uid === "") return undefined;
    const cached = claims.get(`${namespace}/${name}`);
    if (cached?.metadata.uid === uid || volume.status?.phase === "Released") return cached;
    try {
      return await client.get(persistentVolumeClaims, { namespace, name });
    } catch (error) {
      if (isStatus(error, "NotFound")) return undefined;
      throw error;
    }
  }

  async function updateClaim(claim: PersistentVolumeClaim): Promise<PersistentVolumeClaim> {
    const cached = claims.get(keyOf(claim));
    if (cached === claim || deepEqual(cached, claim)) return claim;
    const written = await client.update(persistentVolumeClaims, claim);
    claimWrites.note(keyOf(claim), written);
    return written;
  }

  async function writeClaimStatus(
    claim: PersistentVolumeClaim,
    status: NonNullable<PersistentVolumeClaim["status"]>,
  ): Promise<void> {
    if (deepEqual(claim.status, status)) return;
    const next = { ...claim, status };
    const written = await client.update(persistentVolumeClaims, next, { subresource: "status" });
    claimWrites.note(keyOf(claim), written);
  }

  async function writeVolumeStatus(
    volume: PersistentVolume,
    status: { readonly phase: string; readonly message?: string },
  ): Promise<PersistentVolume> {
    const { phase, message = "" } = volume.status ?? {};
    if (phase === status.phase && message === (status.message ?? "")) return volume;
    const lastPhaseTransitionTime =
      phase === status.phase
        ? (volume.status?.lastPhaseTransitionTime ?? formatTime(clock.now()))
        : formatTime(clock.now());
    const next = { ...volume, status: { ...status, lastPhaseTransitionTime } };
    return await client.update(persistentVolumes, next, { subresource: "status" });
  }

  return { name: NAME, queue, workers: WORKERS, reconcile };
}

function isWaiting({ metadata, spec, status }: PersistentVolumeClaim): boolean {
  if (metadata.deletionTimestamp !== undefined || status?.phase === "Bound") return false;
  return (spec?.volumeName ?? "") === "";
}

/** A claim that is lost, or whose provisioner was asked, is told of once. */
function isToldAlready(claim: PersistentVolumeClaim, plan: ClaimPlan): boolean {
  if (plan.action === "lose") return claim.status?.phase === "Lost";
  return plan.action === "provision" && withProvisioner(claim, plan.provisioner) === claim;
}
