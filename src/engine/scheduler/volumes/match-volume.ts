/** Whether a free volume would do for a claim. Pure. */
import type { PersistentVolume } from "../../../kube/kinds/persistentvolume.ts";
import type { PersistentVolumeClaim } from "../../../kube/kinds/persistentvolumeclaim.ts";
import { matchesLabels, selectorOf } from "../../../kube/label-selector.ts";
import { compareQuantities, parseQuantity } from "../../../kube/quantity.ts";

const SIZE = "storage";

/** The smallest of the volumes that do; undefined when none does. */
export function smallestMatch(
  claim: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[],
): PersistentVolume | undefined {
  let best: PersistentVolume | undefined;
  for (const volume of volumes) {
    if (!fits(claim, volume)) continue;
    if (isReservedFor(claim, volume)) return volume;
    if (best === undefined || compareQuantities(sizeOf(volume), sizeOf(best)) < 0) best = volume;
  }
  return best;
}

function fits(claim: PersistentVolumeClaim, volume: PersistentVolume): boolean {
  const { spec = {}, metadata, status } = volume;
  if (metadata.deletionTimestamp !== undefined) return false;
  if (spec.claimRef !== undefined) {
    if (!isReservedFor(claim, volume)) return false;
  } else if ((status?.phase ?? "Available") !== "Available") return false;
  const { accessModes = [], selector, resources, volumeMode = "Filesystem" } = claim.spec ?? {};
  if (volumeMode !== (spec.volumeMode ?? "Filesystem")) return false;
  if (!accessModes.every((mode) => spec.accessModes?.includes(mode) === true)) return false;
  if (selector !== undefined && !matchesLabels(selectorOf(selector), metadata.labels)) return false;
  const wanted = parseQuantity(resources?.requests?.[SIZE] ?? "0");
  return compareQuantities(sizeOf(volume), wanted) >= 0;
}

const sizeOf = ({ spec }: PersistentVolume) => parseQuantity(spec?.capacity?.[SIZE] ?? "0");

/** Its owner set it aside for this very claim. */
function isReservedFor({ metadata }: PersistentVolumeClaim, { spec }: PersistentVolume): boolean {
  const reference = spec?.claimRef;
  return (
    reference !== undefined &&
    reference.name === metadata.name &&
    reference.namespace === metadata.namespace &&
    (reference.uid ?? metadata.uid) === metadata.uid
  );
}
