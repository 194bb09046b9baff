/**
 * Who takes the claims of a StatefulSet's pods along when they go: owner references, as
 * `spec.persistentVolumeClaimRetentionPolicy` says (KEP-1847). Pure.
 */
import type { OwnerReference } from "kubernetes-types/meta/v1";
import type { PersistentVolumeClaim } from "../../../kube/kinds/persistentvolumeclaim.ts";
import { type Pod, pods } from "../../../kube/kinds/pod.ts";
import { type StatefulSet, statefulSets } from "../../../kube/kinds/statefulset.ts";
import { controllerOf, controllerReference } from "../ownership/owner-reference.ts";
import { ordinalOf, ordinalRange } from "./pod-identity.ts";

/** The claim with the owners that the policy asks for; itself when it has them, or is another's. */
export function withRetention(
  set: StatefulSet,
  pod: Pod,
  claim: PersistentVolumeClaim,
): PersistentVolumeClaim {
  const controller = controllerOf(claim);
  const isOther =
    controller !== undefined &&
    controller.uid !== set.metadata.uid &&
    controller.uid !== pod.metadata.uid;
  if (isOther) return claim;
  const { whenDeleted, whenScaled } = policyOf(set);
  const isScaledDown = !isInRange(set, pod);
  const ownedByPod = whenScaled === "Delete" && isScaledDown;
  const ownedBySet = whenDeleted === "Delete" && !ownedByPod;
  const owners = claim.metadata.ownerReferences ?? [];
  const others = owners.filter(({ uid }) => uid !== set.metadata.uid && uid !== pod.metadata.uid);
  const wanted: OwnerReference[] = [
    ...others,
    ...(ownedBySet ? [controllerReference(statefulSets, set)] : []),
    ...(ownedByPod ? [controllerReference(pods, pod)] : []),
  ];
  const isSame =
    wanted.length === owners.length &&
    wanted.every(({ uid }) => owners.some((owner) => owner.uid === uid && owner.controller));
  return isSame ? claim : { ...claim, metadata: { ...claim.metadata, ownerReferences: wanted } };
}

/** The owners of a claim that is made together with its pod. */
export function ownersOfNewClaim(set: StatefulSet): OwnerReference[] {
  return policyOf(set).whenDeleted === "Delete" ? [controllerReference(statefulSets, set)] : [];
}

/** Whether the claim goes with an earlier pod of the same name: it is not the new pod's any more. */
export function goesWithEarlierPod(claim: PersistentVolumeClaim, podName: string): boolean {
  return (claim.metadata.ownerReferences ?? []).some(
    ({ kind, name }) => kind === pods.kind && name === podName,
  );
}

function policyOf({ spec }: StatefulSet) {
  const { whenDeleted = "Retain", whenScaled = "Retain" } =
    spec?.persistentVolumeClaimRetentionPolicy ?? {};
  return { whenDeleted, whenScaled };
}

function isInRange(set: StatefulSet, pod: Pod): boolean {
  const ordinal = ordinalOf(set, pod);
  const { first, end } = ordinalRange(set);
  return ordinal !== undefined && ordinal >= first && ordinal < end;
}
