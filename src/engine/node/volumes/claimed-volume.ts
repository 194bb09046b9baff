/** Which PersistentVolume a volume of a pod stands for, and whether the pod may have it now. Pure. */
import type { Volume } from "kubernetes-types/core/v1";
import type { PersistentVolume } from "../../../kube/kinds/persistentvolume.ts";
import type { PersistentVolumeClaim } from "../../../kube/kinds/persistentvolumeclaim.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import { MissingReferenceError } from "../env/missing-reference.ts";
import { allContainersOf, uidOf } from "../pod-model.ts";
import { VolumeError } from "./volume-error.ts";

export interface ClaimLookup {
  readonly claim: (name: string) => PersistentVolumeClaim | undefined;
  readonly volume: (name: string) => PersistentVolume | undefined;
}
export interface ClaimedVolume {
  readonly claim: PersistentVolumeClaim;
  readonly volume: PersistentVolume;
  readonly readOnly: boolean;
}

/** Name of the claim that a volume uses; undefined for volumes without one. */
export function claimNameOf(pod: Pod, volume: Volume): string | undefined {
  if (volume.persistentVolumeClaim !== undefined) return volume.persistentVolumeClaim.claimName;
  return volume.ephemeral === undefined ? undefined : `${pod.metadata.name}-${volume.name}`;
}

/** Throws `MissingReferenceError` until the claim is bound, `VolumeError` where it never fits. */
export function claimedVolume(pod: Pod, volume: Volume, lookup: ClaimLookup): ClaimedVolume {
  const name = claimNameOf(pod, volume) ?? "";
  const claim = lookup.claim(name);
  if (claim === undefined)
    throw new MissingReferenceError(`persistentvolumeclaim "${name}" not found`);
  if (volume.ephemeral !== undefined && !isOwnedBy(claim, pod))
    throw new VolumeError(
      `PVC "${name}" was not created for pod: rename or delete the claim, whose name the ephemeral volume needs`,
    );
  if (claim.metadata.deletionTimestamp !== undefined && (claim.spec?.volumeName ?? "") === "")
    throw new MissingReferenceError(`persistentvolumeclaim "${name}" is being deleted`);
  const volumeName = claim.spec?.volumeName ?? "";
  if (claim.status?.phase === "Lost")
    throw new VolumeError(`PVC "${name}" lost its volume ${JSON.stringify(volumeName)}`);
  if (volumeName === "" || claim.status?.phase !== "Bound")
    throw new MissingReferenceError(`PVC "${name}" is not bound`);
  const found = lookup.volume(volumeName);
  if (found === undefined)
    throw new MissingReferenceError(`persistentvolume "${volumeName}" not found`);
  if (found.spec?.claimRef?.uid !== claim.metadata.uid)
    throw new MissingReferenceError(`PV "${volumeName}" is not bound to PVC "${name}"`);
  checkMode(pod, volume, claim);
  return {
    claim,
    volume: found,
    readOnly: volume.persistentVolumeClaim?.readOnly ?? false,
  };
}

const isOwnedBy = ({ metadata }: PersistentVolumeClaim, pod: Pod): boolean =>
  metadata.ownerReferences?.some(
    ({ uid, controller }) => uid === uidOf(pod) && controller === true,
  ) ?? false;

/** Directories are mounted, devices are not. */
function checkMode(pod: Pod, { name }: Volume, claim: PersistentVolumeClaim): void {
  const isBlock = claim.spec?.volumeMode === "Block";
  const containers = allContainersOf(pod);
  const isMounted = containers.some(({ volumeMounts = [] }) =>
    volumeMounts.some((mount) => mount.name === name),
  );
  const isDevice = containers.some(({ volumeDevices = [] }) =>
    volumeDevices.some((device) => device.name === name),
  );
  if (isBlock && isMounted)
    throw new VolumeError(`volume ${name} has volumeMode Block, but is specified in volumeMounts`);
  if (!isBlock && isDevice)
    throw new VolumeError(
      `volume ${name} has volumeMode Filesystem, but is specified in volumeDevices`,
    );
}
