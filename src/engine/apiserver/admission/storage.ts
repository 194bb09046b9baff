/**
 * What the cluster adds to claims and volumes, and refuses about them: protection finalizers, the
 * default class, and growth that no driver could carry out. (Upstream's plug-ins
 * StorageObjectInUseProtection, DefaultStorageClass and PersistentVolumeClaimResize.)
 */
import type { PersistentVolumeClaim } from "../../../kube/kinds/persistentvolumeclaim.ts";
import { tryQuantity } from "../../../kube/kinds/pod-spec/resources.ts";
import { storageClassNameOf } from "../../../kube/kinds/storage/class-name.ts";
import { CLAIM_PROTECTION, VOLUME_PROTECTION } from "../../../kube/kinds/storage/protection.ts";
import type { StorageClass } from "../../../kube/kinds/storageclass.ts";
import type { KubeObject } from "../../../kube/object.ts";
import { compareQuantities } from "../../../kube/quantity.ts";
import { defaultClass } from "../../storage/binding/default-class.ts";
import { withFinalizer } from "../../storage/finalizers.ts";
import type { Store } from "../../store/store.ts";
import type { AdmissionPlugin, AdmissionRequest } from "./admission.ts";
import { forbidden } from "./forbidden.ts";

const STORAGE_CLASSES = { group: "storage.k8s.io", plural: "storageclasses" };

export function storage(store: Store): AdmissionPlugin {
  return {
    name: "Storage",
    mutate(object, request) {
      if (request.operation !== "CREATE" || request.subresource !== undefined) return object;
      if (isOf(request, "persistentvolumes")) return withFinalizer(object, VOLUME_PROTECTION);
      if (!isOf(request, "persistentvolumeclaims")) return object;
      return withFinalizer(withDefaultClass(store, object), CLAIM_PROTECTION);
    },
    validate(object, request) {
      const { operation, subresource, previous } = request;
      if (operation !== "UPDATE" || subresource !== undefined || object === undefined) return;
      if (previous === undefined || !isOf(request, "persistentvolumeclaims")) return;
      refuseGrowth(store, object, previous, request);
    },
  };
}

function isOf({ target }: AdmissionRequest, plural: string): boolean {
  const { kind } = target.kind;
  return kind.group === "" && kind.plural === plural;
}

function withDefaultClass(store: Store, claim: PersistentVolumeClaim): PersistentVolumeClaim {
  if (storageClassNameOf(claim) !== undefined) return claim;
  const classes = store.list(STORAGE_CLASSES).items.map(({ object }) => object as StorageClass);
  const found = defaultClass(classes);
  return found === undefined
    ? claim
    : { ...claim, spec: { ...claim.spec, storageClassName: found.metadata.name } };
}

function refuseGrowth(
  store: Store,
  next: PersistentVolumeClaim,
  previous: KubeObject,
  { target }: AdmissionRequest,
): void {
  const wanted = requested(next);
  const before = requested(previous);
  if (wanted === undefined || before === undefined) return;
  if (compareQuantities(wanted, before) <= 0) return;
  const refuse = (message: string) => forbidden(target.kind.kind, target.name, message);
  if (next.status?.phase !== "Bound")
    throw refuse("Only bound persistent volume claims can be expanded");
  const name = storageClassNameOf(next) ?? "";
  const stored = store.get({ ...STORAGE_CLASSES, namespace: "", name });
  const mayGrow = (stored?.object as StorageClass | undefined)?.allowVolumeExpansion === true;
  if (!mayGrow)
    throw refuse(
      "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize",
    );
}

function requested({ spec }: PersistentVolumeClaim) {
  return tryQuantity(spec?.resources?.requests?.["storage"]);
}
