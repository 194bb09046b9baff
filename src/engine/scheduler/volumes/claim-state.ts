/** Where a claim stands on its way to a volume, as far as scheduling is concerned. Pure. */
import type { PersistentVolumeClaim } from "../../../kube/kinds/persistentvolumeclaim.ts";
import { storageClassNameOf } from "../../../kube/kinds/storage/class-name.ts";
import type { StorageClass } from "../../../kube/kinds/storageclass.ts";
import type { VolumeCatalog } from "./volume-catalog.ts";

export const SELECTED_NODE = "volume.kubernetes.io/selected-node";
const BIND_COMPLETED = "pv.kubernetes.io/bind-completed";

export type ClaimState =
  | { readonly kind: "bound"; readonly volumeName: string }
  /** Bound once a node is chosen (`WaitForFirstConsumer`). */
  | {
      readonly kind: "delayed";
      readonly key: string;
      readonly claim: PersistentVolumeClaim;
      readonly storageClass: StorageClass;
    }
  /** Nothing that the scheduler does would get the pod its volume. */
  | { readonly kind: "stuck"; readonly message: string };

export function claimState(key: string, catalog: VolumeCatalog): ClaimState {
  const claim = catalog.claim(key);
  const name = key.slice(key.indexOf("/") + 1);
  const stuck = (message: string): ClaimState => ({ kind: "stuck", message });
  if (claim === undefined) return stuck(`persistentvolumeclaim "${name}" not found`);
  if (claim.metadata.deletionTimestamp !== undefined)
    return stuck(`persistentvolumeclaim "${name}" is being deleted`);
  const volumeName = claim.spec?.volumeName ?? "";
  if (claim.status?.phase === "Lost")
    return stuck(
      `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${volumeName}"`,
    );
  if (isBound(claim)) return { kind: "bound", volumeName };
  const className = storageClassNameOf(claim) ?? "";
  const storageClass = className === "" ? undefined : catalog.storageClass(className);
  if (className !== "" && storageClass === undefined)
    return stuck(`storageclass.storage.k8s.io "${className}" not found`);
  const isDelayed = storageClass?.volumeBindingMode === "WaitForFirstConsumer" && volumeName === "";
  return isDelayed && storageClass !== undefined
    ? { kind: "delayed", key, claim, storageClass }
    : stuck("pod has unbound immediate PersistentVolumeClaims");
}

/** The volume is its own for good. */
export function isBound({ metadata, spec, status }: PersistentVolumeClaim): boolean {
  if ((spec?.volumeName ?? "") === "") return false;
  return metadata.annotations?.[BIND_COMPLETED] !== undefined || status?.phase === "Bound";
}
