/**
 * Attaches the volumes of one driver to the nodes whose pods use them, and detaches them once no pod
 * there is left: what upstream's attach-detach controller and kubernetes-csi's external-attacher do.
 */
import { createEventRecorder } from "../../../client/event-recorder.ts";
import { withFieldManager } from "../../../client/field-manager.ts";
import { done, type Result } from "../../../client/reconciler.ts";
import { formatTime } from "../../../client/timestamps.ts";
import { WorkQueue } from "../../../client/work-queue.ts";
import { csiDrivers } from "../../../kube/kinds/csidriver.ts";
import { csiNodes } from "../../../kube/kinds/csinode.ts";
import { type PersistentVolume, persistentVolumes } from "../../../kube/kinds/persistentvolume.ts";
import { persistentVolumeClaims } from "../../../kube/kinds/persistentvolumeclaim.ts";
import { type Pod, pods as podResource } from "../../../kube/kinds/pod.ts";
import { type VolumeAttachment, volumeAttachments } from "../../../kube/kinds/volumeattachment.ts";
import { isStatus } from "../../../kube/status-error.ts";
import type { DriverContext, DriverController } from "../driver-context.ts";
import { readSecrets } from "../driver-secrets.ts";
import { volumeOf } from "../driver-volume.ts";
import { hasFinalizer, withoutFinalizer } from "../finalizers.ts";
import { claimKeysOf, PODS_BY_CLAIM } from "../pod-claims.ts";
import type { ControllerService } from "../volume-driver.ts";
import { VolumeDriverError } from "../volume-driver-error.ts";
import { attachmentFinalizer, attachmentOf, isForOneNode } from "./attachment-plan.ts";

const WORKERS = 10;
/** As the external-attacher's. */
const BACKOFF = { initialMs: 1_000, maxMs: 300_000 };
/** Between the names of a node and of a volume: in neither. */
const SEPARATOR = "/";
const BY_VOLUME = "attachments/volume";

export function createAttacher(
  context: DriverContext & { readonly controller: ControllerService },
): DriverController {
  const { informers, clock, logger, signal, driver, controller } = context;
  const client = withFieldManager(context.client, "external-attacher");
  const pods = informers.of(podResource);
  const claims = informers.of(persistentVolumeClaims);
  const volumes = informers.of(persistentVolumes);
  const attachments = informers.of(volumeAttachments);
  const declared = informers.of(csiDrivers);
  const onNodes = informers.of(csiNodes);
  const component = "attachdetach-controller";
  const events = createEventRecorder({ client, component, clock, logger, signal });
  const queue = new WorkQueue({ clock, backoff: BACKOFF });
  const finalizer = attachmentFinalizer(driver.name);
  pods.addIndex(PODS_BY_CLAIM, claimKeysOf);
  attachments.addIndex(BY_VOLUME, ({ spec }) => [spec.source.persistentVolumeName ?? ""]);

  const wake = (pod: Pod): void => {
    const { nodeName = "" } = pod.spec ?? {};
    if (nodeName === "") return;
    for (const key of claimKeysOf(pod)) {
      const name = claims.get(key)?.spec?.volumeName ?? "";
      if (name !== "" && isOurs(volumes.get(name))) queue.add(nodeName + SEPARATOR + name);
    }
  };
  const wakeVolume = (name: string): void => {
    const { namespace = "", name: claim = "" } = volumes.get(name)?.spec?.claimRef ?? {};
    for (const pod of pods.byIndex(PODS_BY_CLAIM, `${namespace}/${claim}`)) wake(pod);
  };
  const subscriptions = [
    pods.onChange(({ object }) => wake(object)),
    volumes.onChange(({ object }) => {
      if (isOurs(object)) wakeVolume(object.metadata.name);
    }),
    claims.onChange(({ object }) => wakeVolume(object.spec?.volumeName ?? "")),
    attachments.onChange(({ object: { spec } }) => {
      const name = spec.source.persistentVolumeName ?? "";
      if (spec.attacher !== driver.name) return;
      queue.add(spec.nodeName + SEPARATOR + name);
      wakeVolume(name);
    }),
    onNodes.onChange(({ object }) => {
      for (const attachment of attachments.list())
        if (attachment.spec.attacher === driver.name)
          queue.add(
            object.metadata.name + SEPARATOR + (attachment.spec.source.persistentVolumeName ?? ""),
          );
    }),
  ];

  function isOurs(volume: PersistentVolume | undefined): volume is PersistentVolume {
    return volume?.spec?.csi?.driver === driver.name;
  }

  async function reconcile(key: string, stopping: AbortSignal): Promise<Result> {
    const at = key.indexOf(SEPARATOR);
    const [nodeName, name] = [key.slice(0, at), key.slice(at + SEPARATOR.length)];
    const all = attachments
      .byIndex(BY_VOLUME, name)
      .filter(({ spec }) => spec.attacher === driver.name);
    const here = all.find(({ spec }) => spec.nodeName === nodeName);
    if (here?.metadata.deletionTimestamp !== undefined) await detach(here, stopping);
    else if (here === undefined) await create(nodeName, name, all);
    else if (usersOf(nodeName, name).length === 0 && here.metadata.name === nameOf(here))
      await client.delete(volumeAttachments, { name: here.metadata.name });
    else if (here.status?.attached !== true) await attach(here, stopping);
    return done;
  }

  /** Pods of the node that use the volume. They go once the node has taken it back from them. */
  function usersOf(nodeName: string, volumeName: string): readonly Pod[] {
    const { namespace = "", name = "" } = volumes.get(volumeName)?.spec?.claimRef ?? {};
    return pods
      .byIndex(PODS_BY_CLAIM, `${namespace}/${name}`)
      .filter(({ spec }) => spec?.nodeName === nodeName);
  }

  function nameOf({ spec }: VolumeAttachment): string | undefined {
    const volume = volumes.get(spec.source.persistentVolumeName ?? "");
    return volume && attachmentOf(volume, spec.nodeName).metadata.name;
  }

  async function create(
    nodeName: string,
    name: string,
    others: readonly VolumeAttachment[],
  ): Promise<void> {
    const volume = volumes.get(name);
    const [user] = usersOf(nodeName, name);
    if (user === undefined || !isOurs(volume)) return;
    if (declared.get(driver.name)?.spec.attachRequired === false) return;
    const [other] = others;
    if (other !== undefined && isForOneNode(volume)) {
      const message = `Multi-Attach error for volume "${name}" Volume is already exclusively attached to one node (${other.spec.nodeName}) and can't be attached to another`;
      events.record(user, "Warning", "FailedAttachVolume", message);
      return;
    }
    try {
      await client.create(volumeAttachments, attachmentOf(volume, nodeName));
    } catch (error) {
      if (!isStatus(error, "AlreadyExists")) throw error;
    }
  }

  async function attach(attachment: VolumeAttachment, stopping: AbortSignal): Promise<void> {
    const { nodeName, source } = attachment.spec;
    const volume = volumes.get(source.persistentVolumeName ?? "");
    const known = volume && volumeOf(volume);
    // Comes back when the node has the driver.
    const nodeId = nodeIdOf(nodeName);
    if (volume === undefined || known === undefined || nodeId === undefined) return;
    try {
      const metadata = await controller.publishVolume(
        {
          volumeId: known.volumeId,
          nodeId,
          use: known.use,
          readOnly: known.readOnly,
          context: known.context,
          ...(await readSecrets(client, known.secretRefs.controllerPublish)),
        },
        { signal: stopping },
      );
      await writeStatus(attachment, { attached: true, attachmentMetadata: { ...metadata } });
      for (const pod of usersOf(nodeName, volume.metadata.name)) {
        const message = `AttachVolume.Attach succeeded for volume "${volume.metadata.name}"`;
        events.record(pod, "Normal", "SuccessfulAttachVolume", message);
      }
    } catch (error) {
      if (!(error instanceof VolumeDriverError)) throw error;
      const time = formatTime(clock.now());
      const attachError = { message: error.described, time };
      await writeStatus(attachment, { attached: false, attachError });
      throw error;
    }
  }

  async function detach(attachment: VolumeAttachment, stopping: AbortSignal): Promise<void> {
    if (!hasFinalizer(attachment, finalizer)) return;
    const { nodeName, source } = attachment.spec;
    const volume = volumes.get(source.persistentVolumeName ?? "");
    const known = volume && volumeOf(volume);
    const nodeId = nodeIdOf(nodeName);
    try {
      // Without the node or the volume there is nothing left that could be detached.
      if (known !== undefined && nodeId !== undefined)
        await controller.unpublishVolume(
          {
            volumeId: known.volumeId,
            nodeId,
            ...(await readSecrets(client, known.secretRefs.controllerPublish)),
          },
          { signal: stopping },
        );
    } catch (error) {
      if (!(error instanceof VolumeDriverError)) throw error;
      const detachError = { message: error.described, time: formatTime(clock.now()) };
      const attached = attachment.status?.attached ?? true;
      await writeStatus(attachment, { ...attachment.status, attached, detachError });
      throw error;
    }
    try {
      await client.update(volumeAttachments, withoutFinalizer(attachment, finalizer));
    } catch (error) {
      if (!isStatus(error, "NotFound")) throw error;
    }
  }

  function nodeIdOf(nodeName: string): string | undefined {
    return onNodes.get(nodeName)?.spec.drivers.find(({ name }) => name === driver.name)?.nodeID;
  }

  async function writeStatus(
    attachment: VolumeAttachment,
    status: NonNullable<VolumeAttachment["status"]>,
  ): Promise<void> {
    const next = { ...attachment, status };
    await client.update(volumeAttachments, next, { subresource: "status" });
  }

  return {
    name: `${driver.name} attacher`,
    queue,
    workers: WORKERS,
    reconcile,
    unsubscribe: () => {
      for (const unsubscribe of subscriptions) unsubscribe();
    },
  };
}
