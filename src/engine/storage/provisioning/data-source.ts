/** What a new volume is to be filled with, in the driver's terms. */
import type { Client } from "../../../client/client.ts";
import { persistentVolumes } from "../../../kube/kinds/persistentvolume.ts";
import {
  type PersistentVolumeClaim,
  persistentVolumeClaims,
} from "../../../kube/kinds/persistentvolumeclaim.ts";
import { SNAPSHOT_GROUP } from "../../../kube/kinds/storage/data-source.ts";
import { volumeSnapshots } from "../../../kube/kinds/volumesnapshot.ts";
import { volumeSnapshotContents } from "../../../kube/kinds/volumesnapshotcontent.ts";
import type { Resource } from "../../../kube/kind.ts";
import type { KubeObject, ObjectKey } from "../../../kube/object.ts";
import { compareQuantities, parseQuantity } from "../../../kube/quantity.ts";
import { isStatus } from "../../../kube/status-error.ts";
import { storageOf } from "../binding/volume-match.ts";
import { volumeOf } from "../driver-volume.ts";
import type { VolumeDriver, VolumeSource } from "../volume-driver.ts";
import { VolumeDriverError } from "../volume-driver-error.ts";

/** Somebody else fills volumes from such a source: provisioners leave the claim alone. */
export class ForeignSourceError extends Error {
  override readonly name = "ForeignSourceError";
}

/**
 * Undefined for a claim that starts empty.
 * @throws VolumeDriverError when the source cannot be used (yet), ForeignSourceError
 */
export async function dataSourceOf(
  client: Client,
  driver: VolumeDriver,
  claim: PersistentVolumeClaim,
): Promise<VolumeSource | undefined> {
  const source = claim.spec?.dataSourceRef ?? claim.spec?.dataSource;
  if (source === undefined) return undefined;
  const { namespace = "" } = claim.metadata;
  if ("namespace" in source && source.namespace !== undefined && source.namespace !== namespace)
    throw refused("data sources of another namespace are not supported: copy it to this one first");
  const { apiGroup = "", kind, name } = source;
  if (apiGroup === SNAPSHOT_GROUP && kind === "VolumeSnapshot")
    return await fromSnapshot(client, driver, claim, { namespace, name });
  if (apiGroup === "" && kind === "PersistentVolumeClaim")
    return await fromClaim(client, driver, claim, { namespace, name });
  throw new ForeignSourceError(`a ${kind} of group ${apiGroup} is filled in by its own populator`);
}

async function fromSnapshot(
  client: Client,
  driver: VolumeDriver,
  claim: PersistentVolumeClaim,
  key: ObjectKey,
): Promise<VolumeSource> {
  if (!driver.abilities.controller.has("snapshot"))
    throw refused(`driver ${driver.name} has no snapshots`);
  const { metadata, status } = await existing(client, volumeSnapshots, key);
  if (metadata.deletionTimestamp !== undefined)
    throw refused(`snapshot ${key.name} is currently being deleted`);
  const contentName = status?.boundVolumeSnapshotContentName;
  if (status?.readyToUse !== true || contentName === undefined)
    throw refused(`snapshot ${key.name} is not Ready`);
  const content = await existing(client, volumeSnapshotContents, { name: contentName });
  if (content.spec.volumeSnapshotRef.uid !== metadata.uid)
    throw refused(`snapshot ${key.name} is not bound to its content ${contentName}`);
  if (content.spec.driver !== driver.name)
    throw refused(`snapshot ${key.name} is of driver ${content.spec.driver}, not ${driver.name}`);
  if (status.restoreSize !== undefined)
    requireSize(claim, parseQuantity(status.restoreSize), `snapshot ${key.name}`);
  const snapshotId = content.status?.snapshotHandle ?? content.spec.source.snapshotHandle;
  if (snapshotId === undefined) throw refused(`snapshot handle of ${contentName} is not available`);
  return { snapshotId };
}

async function fromClaim(
  client: Client,
  driver: VolumeDriver,
  claim: PersistentVolumeClaim,
  key: ObjectKey,
): Promise<VolumeSource> {
  if (!driver.abilities.controller.has("clone"))
    throw refused(`driver ${driver.name} cannot clone volumes`);
  const source = await existing(client, persistentVolumeClaims, key);
  if (source.metadata.deletionTimestamp !== undefined)
    throw refused(`the claim ${key.name} is being deleted`);
  if (source.status?.phase !== "Bound") throw refused(`the claim ${key.name} is not bound`);
  if ((source.spec?.volumeMode ?? "Filesystem") !== (claim.spec?.volumeMode ?? "Filesystem"))
    throw refused(`the claim ${key.name} has another volumeMode`);
  const volume = await existing(client, persistentVolumes, { name: source.spec?.volumeName ?? "" });
  const known = volumeOf(volume);
  if (known?.driver !== driver.name)
    throw refused(`the volume of ${key.name} is not of driver ${driver.name}`);
  requireSize(claim, storageOf(volume.spec?.capacity), `claim ${key.name}`);
  return { volumeId: known.volumeId };
}

function requireSize(
  claim: PersistentVolumeClaim,
  least: ReturnType<typeof parseQuantity>,
  what: string,
): void {
  const wanted = storageOf(claim.spec?.resources?.requests);
  if (compareQuantities(wanted, least) < 0)
    throw refused(`requested volume size is less than the size of the source ${what}`);
}

async function existing<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  key: ObjectKey,
): Promise<T> {
  try {
    return await client.get(resource, key);
  } catch (error) {
    if (!isStatus(error, "NotFound")) throw error;
    throw refused(`error getting ${resource.kind} ${key.name} from api server: it does not exist`);
  }
}

const refused = (message: string): VolumeDriverError =>
  new VolumeDriverError("FailedPrecondition", message);
