/** Which volume a claim gets: the smallest that satisfies it (`FindMatchingVolume` upstream). Pure. */
import type { Node } from "../../../kube/kinds/node.ts";
import type { PersistentVolume } from "../../../kube/kinds/persistentvolume.ts";
import type { PersistentVolumeClaim } from "../../../kube/kinds/persistentvolumeclaim.ts";
import { storageClassNameOf } from "../../../kube/kinds/storage/class-name.ts";
import { matchesLabels, SelectorError, selectorOf } from "../../../kube/label-selector.ts";
import { compareQuantities, parseQuantity, type Quantity } from "../../../kube/quantity.ts";
import { isReachable } from "./volume-reach.ts";

/** Storage that a claim asks for, or a volume has. */
export function storageOf(amounts: Readonly<Record<string, string>> | undefined): Quantity {
  return parseQuantity(amounts?.["storage"] ?? "0");
}

/** Whether the volume names the claim, by name and, where it says one, by uid. */
export function isClaimedBy(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const reference = volume.spec?.claimRef;
  if (reference === undefined) return false;
  const { namespace, name, uid } = claim.metadata;
  if (reference.name !== name || reference.namespace !== namespace) return false;
  return (reference.uid ?? "") === "" || reference.uid === uid;
}

/** Why a claim that names this volume cannot have it; undefined when it can. */
export function mismatch(
  volume: PersistentVolume,
  claim: PersistentVolumeClaim,
): string | undefined {
  const [has, wants] = [volume.spec, claim.spec];
  if (compareQuantities(storageOf(has?.capacity), storageOf(wants?.resources?.requests)) < 0)
    return "requested PV is too small";
  if ((storageClassNameOf(volume) ?? "") !== (storageClassNameOf(claim) ?? ""))
    return "storageClassName does not match";
  if (!sameMode(volume, claim)) return "incompatible volumeMode";
  return hasModes(volume, claim) ? undefined : "incompatible accessMode";
}

export function sameMode(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  return (volume.spec?.volumeMode ?? "Filesystem") === (claim.spec?.volumeMode ?? "Filesystem");
}

function hasModes(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const modes = new Set(volume.spec?.accessModes ?? []);
  return (claim.spec?.accessModes ?? []).every((mode) => modes.has(mode));
}

/**
 * The volume for a claim among `volumes`: one that names the claim, else the smallest that is
 * available and fits. `node` narrows the choice to what that node can reach.
 */
export function bestVolume(
  claim: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[],
  node?: Node,
): PersistentVolume | undefined {
  const { selector } = claim.spec ?? {};
  const wanted = storageOf(claim.spec?.resources?.requests);
  const className = storageClassNameOf(claim) ?? "";
  let best: PersistentVolume | undefined;
  let bestSize: Quantity | undefined;
  for (const volume of volumes) {
    const size = storageOf(volume.spec?.capacity);
    if (compareQuantities(size, wanted) < 0 || !sameMode(volume, claim)) continue;
    if (volume.metadata.deletionTimestamp !== undefined || !hasModes(volume, claim)) continue;
    if (isClaimedBy(volume, claim)) return volume;
    if (volume.spec?.claimRef !== undefined || volume.status?.phase !== "Available") continue;
    if ((storageClassNameOf(volume) ?? "") !== className) continue;
    if (selector !== undefined && !selects(selector, volume)) continue;
    if (node !== undefined && !isReachable(volume, node)) continue;
    if (bestSize !== undefined && compareQuantities(size, bestSize) >= 0) continue;
    [best, bestSize] = [volume, size];
  }
  return best;
}

function selects(
  selector: NonNullable<NonNullable<PersistentVolumeClaim["spec"]>["selector"]>,
  { metadata }: PersistentVolume,
): boolean {
  try {
    return matchesLabels(selectorOf(selector), metadata.labels);
  } catch (error) {
    if (error instanceof SelectorError) return false;
    throw error;
  }
}
