/** Volumes and claims as binding leaves them. Pure; each function returns its argument when nothing changes. */
import type { PersistentVolume } from "../../../kube/kinds/persistentvolume.ts";
import type { PersistentVolumeClaim } from "../../../kube/kinds/persistentvolumeclaim.ts";
import type { KubeObject } from "../../../kube/object.ts";
import {
  BETA_STORAGE_PROVISIONER,
  BIND_COMPLETED,
  BOUND_BY_CONTROLLER,
  STORAGE_PROVISIONER,
  YES,
} from "./binding-annotations.ts";
import { isClaimedBy } from "./volume-match.ts";

/** The volume with the claim in it, by uid. */
export function withClaim(
  volume: PersistentVolume,
  claim: PersistentVolumeClaim,
): PersistentVolume {
  const { namespace = "", name, uid = "", resourceVersion } = claim.metadata;
  const isChosen = isClaimedBy(volume, claim);
  if (isChosen && volume.spec?.claimRef?.uid === uid) return volume;
  return {
    ...withAnnotations(volume, isChosen ? {} : { [BOUND_BY_CONTROLLER]: YES }),
    spec: {
      ...volume.spec,
      claimRef: {
        apiVersion: "v1",
        kind: "PersistentVolumeClaim",
        namespace,
        name,
        uid,
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      },
    },
  };
}

/** The volume free again, or reserved by name as whoever made it had it. */
export function withoutClaim(volume: PersistentVolume, keepName: boolean): PersistentVolume {
  const { claimRef, ...spec } = volume.spec ?? {};
  const { [BOUND_BY_CONTROLLER]: _, ...annotations } = volume.metadata.annotations ?? {};
  const { uid: __, resourceVersion: ___, ...reservation } = claimRef ?? {};
  return {
    ...volume,
    metadata: { ...volume.metadata, annotations },
    spec: keepName ? { ...spec, claimRef: reservation } : spec,
  };
}

/** The claim with the volume in it. */
export function withBinding(
  claim: PersistentVolumeClaim,
  volume: PersistentVolume,
): PersistentVolumeClaim {
  const { name } = volume.metadata;
  const isChosen = (claim.spec?.volumeName ?? "") !== "";
  const annotated = withAnnotations(claim, {
    [BIND_COMPLETED]: YES,
    ...(isChosen ? {} : { [BOUND_BY_CONTROLLER]: YES }),
  });
  return claim.spec?.volumeName === name
    ? annotated
    : { ...annotated, spec: { ...claim.spec, volumeName: name } };
}

/** The claim with the name of who is to make its volume. */
export function withProvisioner(
  claim: PersistentVolumeClaim,
  provisioner: string,
): PersistentVolumeClaim {
  return withAnnotations(claim, {
    [BETA_STORAGE_PROVISIONER]: provisioner,
    [STORAGE_PROVISIONER]: provisioner,
  });
}

export function withAnnotations<T extends KubeObject>(
  object: T,
  added: Readonly<Record<string, string>>,
): T {
  const annotations = object.metadata.annotations ?? {};
  if (Object.entries(added).every(([key, value]) => annotations[key] === value)) return object;
  return {
    ...object,
    metadata: { ...object.metadata, annotations: { ...annotations, ...added } },
  };
}
