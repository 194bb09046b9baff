/** Rules of a PersistentVolume (`ValidatePersistentVolume` in pkg/apis/core/validation upstream). */
import type { CSIPersistentVolumeSource, SecretReference } from "kubernetes-types/core/v1";
import type { PersistentVolume as UpstreamPersistentVolume } from "kubernetes-types/core/v1";
import { deepEqual } from "../../equality.ts";
import type { FieldError } from "../../field-error.ts";
import { dns1123Subdomain } from "../../names.ts";
import type { Live } from "../../object.ts";
import {
  forbidden,
  immutable,
  invalid,
  isBlank,
  named,
  notSupported,
  required,
  requiredName,
  requiredText,
} from "../field-problems.ts";
import { validateNoBacksteps } from "../pod-spec/key-selection.ts";
import { validateNodeTerm } from "../pod-spec/scheduling.ts";
import { validateAccessModes } from "./access-modes.ts";
import { validatePositiveAmount } from "./positive-amount.ts";

type PersistentVolume = Live<UpstreamPersistentVolume>;
type Spec = NonNullable<PersistentVolume["spec"]>;

/** Fields of the spec that say where the data is: exactly one is set. */
const SOURCES = [
  "awsElasticBlockStore",
  "azureDisk",
  "azureFile",
  "cephfs",
  "cinder",
  "csi",
  "fc",
  "flexVolume",
  "flocker",
  "gcePersistentDisk",
  "glusterfs",
  "hostPath",
  "iscsi",
  "local",
  "nfs",
  "photonPersistentDisk",
  "portworxVolume",
  "quobyte",
  "rbd",
  "scaleIO",
  "storageos",
  "vsphereVolume",
] as const satisfies readonly (keyof Spec)[];

const SECRET_REFS = [
  "controllerPublishSecretRef",
  "controllerExpandSecretRef",
  "nodePublishSecretRef",
  "nodeStageSecretRef",
  "nodeExpandSecretRef",
] as const satisfies readonly (keyof CSIPersistentVolumeSource)[];

export function validateVolume({ spec }: PersistentVolume): FieldError[] {
  if (spec === undefined) return [required("spec")];
  const { storageClassName } = spec;
  return [
    ...validateAccessModes("spec.accessModes", spec.accessModes),
    ...validateCapacity(spec.capacity ?? {}),
    ...validateSource(spec),
    ...(isBlank(storageClassName)
      ? []
      : named("spec.storageClassName", storageClassName, dns1123Subdomain)),
    ...validateNodeAffinity(spec),
  ];
}

function validateCapacity(capacity: Readonly<Record<string, string>>): FieldError[] {
  const names = Object.keys(capacity);
  if (names.length === 0) return [required("spec.capacity")];
  if (names.length > 1 || names[0] !== "storage")
    return [notSupported("spec.capacity", names.join(","), ["storage"])];
  return validatePositiveAmount("spec.capacity[storage]", capacity["storage"] ?? "0");
}

function validateSource(spec: Spec): FieldError[] {
  const [first, ...others] = SOURCES.filter((name) => spec[name] !== undefined);
  if (first === undefined) return [required("spec", "must specify a volume type")];
  const errors = others.map((name) =>
    forbidden(`spec.${name}`, "may not specify more than 1 volume type"),
  );
  const { hostPath, local, csi, nfs } = spec;
  if (hostPath !== undefined) {
    const path = hostPath.path ?? "";
    errors.push(...requiredText("spec.hostPath.path", path));
    errors.push(...validateNoBacksteps("spec.hostPath.path", path));
    if (/^\/*\.?$/.test(path) && spec.persistentVolumeReclaimPolicy === "Recycle")
      errors.push(
        forbidden(
          "spec.persistentVolumeReclaimPolicy",
          "may not be 'recycle' for a hostPath mount of '/'",
        ),
      );
  }
  if (local !== undefined) {
    errors.push(...requiredText("spec.local.path", local.path));
    errors.push(...validateNoBacksteps("spec.local.path", local.path ?? ""));
    if (spec.nodeAffinity?.required === undefined)
      errors.push(required("spec.nodeAffinity", "Local volume requires node affinity"));
  }
  if (nfs !== undefined) {
    errors.push(...requiredText("spec.nfs.server", nfs.server));
    errors.push(...requiredText("spec.nfs.path", nfs.path));
    if (!isBlank(nfs.path) && !nfs.path.startsWith("/"))
      errors.push(invalid("spec.nfs.path", nfs.path, "must be an absolute path"));
  }
  return csi === undefined ? errors : [...errors, ...validateCsi(csi)];
}

function validateCsi(csi: CSIPersistentVolumeSource): FieldError[] {
  return [
    ...requiredName("spec.csi.driver", csi.driver, dns1123Subdomain),
    ...requiredText("spec.csi.volumeHandle", csi.volumeHandle),
    ...SECRET_REFS.flatMap((name) => validateSecretRef(csi[name], `spec.csi.${name}`)),
  ];
}

function validateSecretRef(reference: SecretReference | undefined, field: string): FieldError[] {
  if (reference === undefined) return [];
  return [
    ...requiredText(`${field}.name`, reference.name),
    ...requiredText(`${field}.namespace`, reference.namespace),
  ];
}

function validateNodeAffinity({ nodeAffinity }: Spec): FieldError[] {
  if (nodeAffinity === undefined) return [];
  const field = "spec.nodeAffinity.required";
  const { required: needed } = nodeAffinity;
  if (needed === undefined) return [required(field, "must specify required node constraints")];
  const terms = needed.nodeSelectorTerms ?? [];
  if (terms.length === 0)
    return [required(`${field}.nodeSelectorTerms`, "must have at least one node selector term")];
  return terms.flatMap((term, index) =>
    validateNodeTerm(term, `${field}.nodeSelectorTerms[${index}]`),
  );
}

/** Where the data is never changes, nor who can reach it once that is said. */
export function validateVolumeUpdate(
  next: PersistentVolume,
  previous: PersistentVolume,
): FieldError[] {
  const errors: FieldError[] = [];
  if (!deepEqual(sourceOf(next, previous), sourceOf(previous, previous)))
    errors.push(
      forbidden(
        "spec.persistentvolumesource",
        "spec.persistentvolumesource is immutable after creation",
      ),
    );
  errors.push(...immutable("spec.volumeMode", next.spec?.volumeMode, previous.spec?.volumeMode));
  if (previous.spec?.nodeAffinity !== undefined)
    errors.push(
      ...immutable("spec.nodeAffinity", next.spec?.nodeAffinity, previous.spec.nodeAffinity),
    );
  return errors;
}

/** A secret for expansion may be added to volumes that were made before there was one. */
function sourceOf({ spec }: PersistentVolume, previous: PersistentVolume): unknown {
  const mayAdd = previous.spec?.csi?.controllerExpandSecretRef === undefined;
  return SOURCES.map((name) => {
    const source = spec?.[name];
    if (name !== "csi" || spec?.csi === undefined || !mayAdd) return source ?? null;
    const { controllerExpandSecretRef: _, ...rest } = spec.csi;
    return rest;
  });
}
