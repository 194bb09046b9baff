/** What a volume's binding needs next (`syncVolume` of upstream's controller). Pure. */
import type { PersistentVolume } from "../../../kube/kinds/persistentvolume.ts";
import type { PersistentVolumeClaim } from "../../../kube/kinds/persistentvolumeclaim.ts";
import { PROVISIONED_BY } from "../driver-volume.ts";
import { BOUND_BY_CONTROLLER } from "./binding-annotations.ts";
import type { Told } from "./claim-plan.ts";
import { sameMode } from "./volume-match.ts";

export type VolumePlan =
  | {
      readonly action: "phase";
      readonly phase: "Available" | "Bound" | "Released" | "Failed";
      readonly message?: string;
      readonly told?: Told;
    }
  /** Takes the claim's name, or only its uid, off the volume. */
  | { readonly action: "unbind"; readonly keepName: boolean }
  /** The claim's turn: it completes the binding. */
  | { readonly action: "claim"; readonly told?: Told };

/** @param claim what `spec.claimRef` names, if it is there */
export function planVolume(
  volume: PersistentVolume,
  claim: PersistentVolumeClaim | undefined,
): VolumePlan {
  const reference = volume.spec?.claimRef;
  if (reference === undefined || (reference.uid ?? "") === "")
    return { action: "phase", phase: "Available" };
  // A claim of the same name that came later is a different one.
  if (claim === undefined || claim.metadata.uid !== reference.uid) return reclaim(volume);
  const bound = claim.spec?.volumeName ?? "";
  if (bound === volume.metadata.name) return { action: "phase", phase: "Bound" };
  if (bound === "") {
    if (sameMode(volume, claim)) return { action: "claim" };
    const { name } = volume.metadata;
    const message = `Cannot bind PersistentVolume "${name}" to requested PersistentVolumeClaim "${claim.metadata.name}" due to incompatible volumeMode.`;
    return { action: "claim", told: { type: "Warning", reason: "VolumeMismatch", message } };
  }
  // The claim went elsewhere. What was made for it is of no use to anybody else.
  const annotations = volume.metadata.annotations ?? {};
  const wasMadeForIt = annotations[PROVISIONED_BY] !== undefined;
  if (wasMadeForIt && volume.spec?.persistentVolumeReclaimPolicy === "Delete")
    return reclaim(volume);
  return { action: "unbind", keepName: annotations[BOUND_BY_CONTROLLER] === undefined };
}

/** `Released` volumes of provisioners with policy Delete are deleted by those. */
function reclaim({ metadata, spec, status }: PersistentVolume): VolumePlan {
  const policy = spec?.persistentVolumeReclaimPolicy ?? "Retain";
  if (policy === "Retain" || metadata.deletionTimestamp !== undefined)
    return { action: "phase", phase: status?.phase === "Failed" ? "Failed" : "Released" };
  if (policy === "Delete" && metadata.annotations?.[PROVISIONED_BY] !== undefined)
    return { action: "phase", phase: status?.phase === "Failed" ? "Failed" : "Released" };
  if (policy === "Recycle")
    return failed(
      "VolumeFailedRecycle",
      "No recycler plugin found for the volume! Use reclaim policy Retain or Delete.",
    );
  const message = `error getting deleter volume plugin for volume "${metadata.name}": no deletable volume plugin matched`;
  return failed("VolumeFailedDelete", message);
}

function failed(reason: string, message: string): VolumePlan {
  return { action: "phase", phase: "Failed", message, told: { type: "Warning", reason, message } };
}
