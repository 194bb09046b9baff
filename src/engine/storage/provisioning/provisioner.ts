/**
 * Makes volumes for claims of one driver and deletes those that nobody claims any more: what
 * kubernetes-csi's external-provisioner does. The driver's calls are idempotent, and the
 * PersistentVolume's name follows from the claim: whatever is interrupted is simply done again.
 */
import { createEventRecorder } from "../../../client/event-recorder.ts";
import { withFieldManager } from "../../../client/field-manager.ts";
import { done, type Result } from "../../../client/reconciler.ts";
import { WorkQueue } from "../../../client/work-queue.ts";
import { nodes as nodeResource } from "../../../kube/kinds/node.ts";
import { type PersistentVolume, persistentVolumes } from "../../../kube/kinds/persistentvolume.ts";
import {
  type PersistentVolumeClaim,
  persistentVolumeClaims,
} from "../../../kube/kinds/persistentvolumeclaim.ts";
import { storageClassNameOf } from "../../../kube/kinds/storage/class-name.ts";
import { type StorageClass, storageClasses } from "../../../kube/kinds/storageclass.ts";
import { keyOf } from "../../../kube/object.ts";
import { isStatus } from "../../../kube/status-error.ts";
import { SELECTED_NODE, STORAGE_PROVISIONER } from "../binding/binding-annotations.ts";
import { storageOf } from "../binding/volume-match.ts";
import { bytesOf } from "../byte-size.ts";
import type { DriverContext, DriverController } from "../driver-context.ts";
import { readSecrets } from "../driver-secrets.ts";
import { PROVISIONED_BY, volumeOf } from "../driver-volume.ts";
import { hasFinalizer, withFinalizer, withoutFinalizer } from "../finalizers.ts";
import type { ControllerService, Topology } from "../volume-driver.ts";
import { VolumeDriverError } from "../volume-driver-error.ts";
import { ClassParameterError, readClassParameters } from "./class-parameters.ts";
import { dataSourceOf, ForeignSourceError } from "./data-source.ts";
import {
  deletionSecret,
  PROVISIONER_FINALIZER,
  persistentVolumeOf,
  volumeName,
} from "./provisioned-volume.ts";
import { isAllowed, topologiesOf, topologyOfNode } from "./topology.ts";

/** Calls on their way to one driver, which may be slow or hang: a driver holds up only its own. */
const WORKERS = 10;
/** As the external-provisioner's: drivers are not asked again at once. */
const BACKOFF = { initialMs: 1_000, maxMs: 300_000 };
const CLAIM = "claim:";
const VOLUME = "volume:";
/** Writers of one object at the same time are few. */
const MAX_CONFLICTS = 5;

export function createProvisioner(
  context: DriverContext & {
    readonly controller: ControllerService;
    /** Told of every volume once a PersistentVolume stands for it. */
    readonly onProvisioned?: (volumeId: string) => Promise<void>;
  },
): DriverController {
  const { informers, clock, logger, signal, driver, controller } = context;
  const client = withFieldManager(context.client, "external-provisioner");
  const claims = informers.of(persistentVolumeClaims);
  const volumes = informers.of(persistentVolumes);
  const classes = informers.of(storageClasses);
  const nodes = informers.of(nodeResource);
  const events = createEventRecorder({ client, component: driver.name, clock, logger, signal });
  const queue = new WorkQueue({ clock, backoff: BACKOFF });

  const subscriptions = [
    claims.onChange(({ type, object }) => {
      if (type !== "DELETED" && wantsVolume(object)) queue.add(CLAIM + keyOf(object));
    }),
    volumes.onChange(({ type, object }) => {
      if (type !== "DELETED" && isOurs(object)) queue.add(VOLUME + keyOf(object));
    }),
  ];

  function wantsVolume({ metadata, spec }: PersistentVolumeClaim): boolean {
    if (metadata.annotations?.[STORAGE_PROVISIONER] !== driver.name) return false;
    return (spec?.volumeName ?? "") === "" && metadata.deletionTimestamp === undefined;
  }
  function isOurs({ metadata }: PersistentVolume): boolean {
    return metadata.annotations?.[PROVISIONED_BY] === driver.name;
  }

  async function reconcile(id: string, stopping: AbortSignal): Promise<Result> {
    const key = id.slice(id.indexOf(":") + 1);
    if (id.startsWith(CLAIM)) await reconcileClaim(key, stopping);
    else await reconcileVolume(key, stopping);
    return done;
  }

  async function reconcileClaim(key: string, stopping: AbortSignal): Promise<void> {
    const claim = claims.get(key);
    if (claim === undefined || !wantsVolume(claim)) return;
    if (volumes.get(volumeName(claim)) !== undefined) return;
    const className = storageClassNameOf(claim) ?? "";
    const storageClass = classes.get(className);
    if (storageClass?.provisioner !== driver.name) return;
    const selected = claim.metadata.annotations?.[SELECTED_NODE];
    const isDelayed = storageClass.volumeBindingMode === "WaitForFirstConsumer";
    if (isDelayed && selected === undefined) return;
    const { namespace = "", name } = claim.metadata;
    const what = `External provisioner is provisioning volume for claim "${namespace}/${name}"`;
    events.record(claim, "Normal", "Provisioning", what);
    try {
      const made = await provision(claim, storageClass, isDelayed ? selected : undefined, stopping);
      const told = `Successfully provisioned volume ${made.metadata.name}`;
      events.record(claim, "Normal", "ProvisioningSucceeded", told);
    } catch (error) {
      if (error instanceof ForeignSourceError) return;
      if (!isExpected(error)) throw error;
      const said = `failed to provision volume with StorageClass "${className}": ${describe(error)}`;
      events.record(claim, "Warning", "ProvisioningFailed", said);
      if (isDelayed && mustMove(error)) await unselectNode(claim);
      throw error;
    }
  }

  async function provision(
    claim: PersistentVolumeClaim,
    storageClass: StorageClass,
    nodeName: string | undefined,
    stopping: AbortSignal,
  ): Promise<PersistentVolume> {
    const name = volumeName(claim);
    const { namespace = "" } = claim.metadata;
    const parameters = readClassParameters(storageClass.parameters ?? {}, {
      "pv.name": name,
      "pvc.name": claim.metadata.name,
      "pvc.namespace": namespace,
    });
    const requiredBytes = bytesOf(storageOf(claim.spec?.resources?.requests));
    const source = await dataSourceOf(client, driver, claim);
    const accessibleFrom = placesFor(storageClass, nodeName);
    const volume = await controller.createVolume(
      {
        name,
        size: { requiredBytes },
        use: {
          accessModes: claim.spec?.accessModes ?? [],
          volumeMode: claim.spec?.volumeMode === "Block" ? "Block" : "Filesystem",
          ...(parameters.fsType === undefined ? {} : { fsType: parameters.fsType }),
          ...(storageClass.mountOptions === undefined
            ? {}
            : { mountOptions: storageClass.mountOptions }),
        },
        parameters: parameters.forDriver,
        ...(await readSecrets(client, parameters.secrets.provisioner)),
        ...(source === undefined ? {} : { source }),
        ...(accessibleFrom === undefined ? {} : { accessibleFrom }),
      },
      { signal: stopping },
    );
    if (volume.capacityBytes !== 0 && volume.capacityBytes < requiredBytes) {
      // A driver that gives less than it was asked for is not given the claim.
      await controller.deleteVolume({ volumeId: volume.volumeId }, { signal: stopping });
      throw new VolumeDriverError(
        "OutOfRange",
        `created volume capacity ${volume.capacityBytes} less than requested capacity ${requiredBytes}`,
      );
    }
    const made = { driver: driver.name, claim, storageClass, parameters, volume };
    const persistent = persistentVolumeOf({ ...made, requestedBytes: requiredBytes });
    const written = await createPersistent(persistent);
    await context.onProvisioned?.(volume.volumeId);
    return written;
  }

  async function createPersistent(volume: PersistentVolume): Promise<PersistentVolume> {
    try {
      return await client.create(persistentVolumes, volume);
    } catch (error) {
      // Made before, by this or an earlier run: its name follows from the claim's uid.
      if (!isStatus(error, "AlreadyExists")) throw error;
      return await client.get(persistentVolumes, { name: volume.metadata.name });
    }
  }

  /** Undefined when the driver does not tell places apart. */
  function placesFor(
    { allowedTopologies = [] }: StorageClass,
    nodeName: string | undefined,
  ): readonly Topology[] | undefined {
    if (!driver.abilities.topology) return undefined;
    const allowed = topologiesOf(allowedTopologies);
    if (nodeName === undefined) return allowed.length === 0 ? undefined : allowed;
    const node = nodes.get(nodeName);
    if (node === undefined)
      throw new VolumeDriverError("ResourceExhausted", `node ${nodeName} is gone`);
    if (!isAllowed(node, allowed))
      throw new VolumeDriverError(
        "ResourceExhausted",
        `node ${nodeName} is not in the allowed topologies of the class`,
      );
    const place = topologyOfNode(node, context.topologyKeys);
    if (place === undefined)
      throw new VolumeDriverError(
        "ResourceExhausted",
        `node ${nodeName} lacks one of the labels ${context.topologyKeys.join(", ")}`,
      );
    return [place];
  }

  /** The scheduler chooses again, and learns by that. */
  async function unselectNode(claim: PersistentVolumeClaim): Promise<void> {
    const { [SELECTED_NODE]: _, ...annotations } = claim.metadata.annotations ?? {};
    try {
      await client.update(persistentVolumeClaims, {
        ...claim,
        metadata: { ...claim.metadata, annotations },
      });
    } catch (error) {
      if (!isStatus(error, "Conflict", "NotFound")) throw error;
    }
  }

  async function reconcileVolume(name: string, stopping: AbortSignal): Promise<void> {
    const volume = volumes.get(name);
    if (volume === undefined || !isOurs(volume)) return;
    const isDeleted = volume.metadata.deletionTimestamp !== undefined;
    const policy = volume.spec?.persistentVolumeReclaimPolicy;
    const isHeld = hasFinalizer(volume, PROVISIONER_FINALIZER);
    // Our part is done: others still hold the object.
    if (isDeleted && !isHeld) return;
    if (policy !== "Delete") {
      if (isHeld) await client.update(persistentVolumes, release(volume));
      return;
    }
    const isDue =
      volume.status?.phase === "Released" || (isDeleted && volume.status?.phase !== "Bound");
    if (!isDue) {
      if (!isHeld && !isDeleted)
        await client.update(persistentVolumes, withFinalizer(volume, PROVISIONER_FINALIZER));
      return;
    }
    // What is deleted here is gone for good, so a cache that is behind has no say in it.
    const live = await liveVolume(name);
    if (live?.metadata.resourceVersion === volume.metadata.resourceVersion)
      await deleteVolume(volume, stopping);
  }

  async function liveVolume(name: string): Promise<PersistentVolume | undefined> {
    try {
      return await client.get(persistentVolumes, { name });
    } catch (error) {
      if (isStatus(error, "NotFound")) return undefined;
      throw error;
    }
  }

  async function deleteVolume(volume: PersistentVolume, stopping: AbortSignal): Promise<void> {
    const known = volumeOf(volume);
    const { name } = volume.metadata;
    try {
      if (known?.driver !== driver.name)
        throw new VolumeDriverError("InvalidArgument", `volume ${name} is not of this driver`);
      const secrets = await readSecrets(client, deletionSecret(volume));
      const request = { volumeId: known.volumeId, context: known.context, ...secrets };
      await controller.deleteVolume(request, { signal: stopping });
    } catch (error) {
      if (isExpected(error))
        events.record(volume, "Warning", "VolumeFailedDelete", describe(error));
      throw error;
    }
    try {
      if (volume.metadata.deletionTimestamp === undefined) {
        const preconditions = volume.metadata.uid === undefined ? {} : { uid: volume.metadata.uid };
        await client.delete(persistentVolumes, { name }, { preconditions });
      }
      await letGo(volume);
    } catch (error) {
      if (!isStatus(error, "NotFound")) throw error;
    }
  }

  /** Its protection is taken off at the same time: a conflict is no reason to delete once more. */
  async function letGo({ metadata: { name, uid } }: PersistentVolume): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const left = await client.get(persistentVolumes, { name });
      if (left.metadata.uid !== uid || !hasFinalizer(left, PROVISIONER_FINALIZER)) return;
      try {
        await client.update(persistentVolumes, release(left));
        return;
      } catch (error) {
        if (!isStatus(error, "Conflict") || attempt >= MAX_CONFLICTS) throw error;
      }
    }
  }

  return {
    name: `${driver.name} provisioner`,
    queue,
    workers: WORKERS,
    reconcile,
    unsubscribe: () => {
      for (const unsubscribe of subscriptions) unsubscribe();
    },
  };
}

const release = (volume: PersistentVolume): PersistentVolume =>
  withoutFinalizer(volume, PROVISIONER_FINALIZER);

function isExpected(error: unknown): error is VolumeDriverError | ClassParameterError {
  return error instanceof VolumeDriverError || error instanceof ClassParameterError;
}

function describe(error: VolumeDriverError | ClassParameterError): string {
  return error instanceof VolumeDriverError ? error.described : error.message;
}

/** There is no room where the pod was to be: another node may have some. */
function mustMove(error: unknown): boolean {
  return error instanceof VolumeDriverError && error.code === "ResourceExhausted";
}
