/**
 * Rules for `metadata` that hold for every kind
 * (k8s.io/apimachinery/pkg/api/validation/objectmeta.go).
 */
import type { OwnerReference } from "kubernetes-types/meta/v1";
import type { FieldError } from "../field-error.ts";
import type { Kind } from "../kind.ts";
import { dns1123Label, labelValue, maskTrailingDash, qualifiedName } from "../names.ts";
import { type KubeObject, parseApiVersion } from "../object.ts";
import {
  forbidden,
  immutable,
  invalid,
  isBlank,
  named,
  nonNegative,
  required,
  requiredText,
  tooLong,
} from "./field-problems.ts";

/** Keys and values of all annotations together: 256 KiB, as upstream. */
export const ANNOTATIONS_MAX_BYTES = 256 * 1024;
/** Finalizers without a domain that the API server itself handles. */
const STANDARD_FINALIZERS = ["orphan", "foregroundDeletion", "kubernetes"];

/** Checks `metadata` of an object that is about to be created or updated. */
export function validateMetadata(
  object: KubeObject,
  kind: Pick<Kind, "namespaced" | "strategy">,
): FieldError[] {
  const { metadata } = object;
  return [
    ...validateObjectName(object, kind),
    ...validateNamespace(metadata.namespace, kind.namespaced),
    ...nonNegative("metadata.generation", metadata.generation),
    ...validateOwnerReferences(metadata.ownerReferences ?? []),
    ...validateAnnotations(metadata.annotations, "metadata.annotations"),
    ...validateLabels(metadata.labels, "metadata.labels"),
    ...validateFinalizers(metadata.finalizers ?? [], isCustom(object)),
  ];
}

/** What an update may not change in `metadata`. */
export function validateMetadataUpdate(next: KubeObject, previous: KubeObject): FieldError[] {
  const errors: FieldError[] = [];
  const [now, before] = [next.metadata, previous.metadata];
  const fixed = [
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
  ] as const;
  for (const field of fixed) {
    errors.push(...immutable(`metadata.${field}`, now[field], before[field]));
  }
  if ((now.generation ?? 0) < (before.generation ?? 0)) {
    errors.push(invalid("metadata.generation", now.generation, "must not be decremented"));
  }
  if (before.deletionTimestamp !== undefined) {
    const added = (now.finalizers ?? []).filter((name) => !before.finalizers?.includes(name));
    if (added.length > 0) {
      const detail = `no new finalizers can be added if the object is being deleted, found new finalizers ${JSON.stringify(added)}`;
      errors.push(forbidden("metadata.finalizers", detail));
    }
  }
  return errors;
}

function validateObjectName(object: KubeObject, kind: Pick<Kind, "strategy">): FieldError[] {
  const { name, generateName } = object.metadata;
  const errors: FieldError[] = [];
  if (!isBlank(generateName)) {
    const rule = (prefix: string) => kind.strategy.validateName(maskTrailingDash(prefix));
    errors.push(...named("metadata.generateName", generateName, rule));
  }
  if (isBlank(name)) {
    if (isBlank(generateName)) {
      errors.push(required("metadata.name", "name or generateName is required"));
    }
    return errors;
  }
  return [...errors, ...named("metadata.name", name, (value) => kind.strategy.validateName(value))];
}

function validateNamespace(namespace: string | undefined, namespaced: boolean): FieldError[] {
  const field = "metadata.namespace";
  if (!namespaced) {
    return isBlank(namespace) ? [] : [forbidden(field, "not allowed on this type")];
  }
  return isBlank(namespace) ? [required(field)] : named(field, namespace, dns1123Label);
}

/** Label keys and values; `field` is the path of the map, e.g. `spec.template.metadata.labels`. */
export function validateLabels(
  labels: Readonly<Record<string, string>> | undefined,
  field: string,
): FieldError[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => [
    ...named(field, key, qualifiedName),
    ...named(`${field}[${key}]`, value, labelValue),
  ]);
}

/** Annotation keys (case does not matter) and the size of all of them together. */
export function validateAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
  field: string,
): FieldError[] {
  const errors: FieldError[] = [];
  let sizeBytes = 0;
  for (const [key, value] of Object.entries(annotations ?? {})) {
    errors.push(...named(field, key, (name) => qualifiedName(name.toLowerCase())));
    sizeBytes += utf8Length(key) + utf8Length(value);
  }
  if (sizeBytes > ANNOTATIONS_MAX_BYTES) errors.push(tooLong(field, ANNOTATIONS_MAX_BYTES));
  return errors;
}

/** Of a group that is not Kubernetes' own: upstream accepts finalizers without a domain there. */
function isCustom({ apiVersion }: KubeObject): boolean {
  const { group } = parseApiVersion(apiVersion);
  return group.includes(".") && !group.endsWith(".k8s.io");
}

function validateFinalizers(finalizers: readonly string[], isLenient: boolean): FieldError[] {
  const field = "metadata.finalizers";
  const errors: FieldError[] = [];
  for (const [index, finalizer] of finalizers.entries()) {
    const path = `${field}[${index}]`;
    const problems = named(path, finalizer, qualifiedName);
    errors.push(...problems);
    if (problems.length > 0 || isLenient || finalizer.includes("/")) continue;
    if (!STANDARD_FINALIZERS.includes(finalizer)) {
      const detail =
        "is neither a standard finalizer nor a name with a domain, as in 'example.com/name'";
      errors.push(invalid(path, finalizer, detail));
    }
  }
  if (finalizers.includes("orphan") && finalizers.includes("foregroundDeletion")) {
    const detail = "orphan and foregroundDeletion exclude each other";
    errors.push(invalid(field, finalizers, detail));
  }
  return errors;
}

function validateOwnerReferences(owners: readonly OwnerReference[]): FieldError[] {
  const field = "metadata.ownerReferences";
  const errors = owners.flatMap((owner, index) => {
    const path = `${field}[${index}]`;
    return [
      ...validateOwnerVersion(owner, path),
      ...requiredText(`${path}.kind`, owner.kind),
      ...requiredText(`${path}.name`, owner.name),
      ...requiredText(`${path}.uid`, owner.uid),
    ];
  });
  const controllers = owners.filter((owner) => owner.controller === true);
  if (controllers.length > 1) {
    const names = controllers.map((owner) => `${owner.kind}/${owner.name}`).join(", ");
    const detail = `only one owner can have controller set to true, found ${names}`;
    errors.push(invalid(field, undefined, detail));
  }
  return errors;
}

function validateOwnerVersion(owner: OwnerReference, path: string): FieldError[] {
  if (isBlank(owner.apiVersion)) return [required(`${path}.apiVersion`)];
  if (parseApiVersion(owner.apiVersion).version === "") {
    return [invalid(`${path}.apiVersion`, owner.apiVersion, "version must not be empty")];
  }
  return owner.apiVersion === "v1" && owner.kind === "Event"
    ? [invalid(path, `${owner.apiVersion}/${owner.kind}`, "an Event cannot own other objects")]
    : [];
}

/** Bytes of a text in UTF-8, without encoding it. */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x80) bytes += 1;
    else if (code < 0x800) bytes += 2;
    else if (code >= 0xd800 && code < 0xdc00 && index + 1 < text.length) {
      bytes += 4;
      index++;
    } else bytes += 3;
  }
  return bytes;
}
