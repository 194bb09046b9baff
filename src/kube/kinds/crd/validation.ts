/** Rules for CustomResourceDefinitions (k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation). */
import type {
  CustomResourceDefinitionNames,
  CustomResourceDefinitionSpec,
} from "kubernetes-types/apiextensions/v1";
import type { FieldError } from "../../field-error.ts";
import { dns1035Label, dns1123Subdomain } from "../../names.ts";
import { immutable, invalid, isBlank, named, required, requiredName } from "../field-problems.ts";
import type { CustomResourceDefinition } from "./crd-object.ts";
import { validateVersion } from "./version-validation.ts";

/** Groups that belong to the Kubernetes project: using them needs its approval, told by an annotation. */
const PROTECTED_GROUP = /(^|\.)(k8s|kubernetes)\.io$/;
const APPROVAL_ANNOTATION = "api-approved.kubernetes.io";

export function validateDefinition({ metadata, spec }: CustomResourceDefinition): FieldError[] {
  const { group, names, conversion } = spec;
  const errors = [
    ...requiredName("spec.group", group, dns1123Subdomain),
    ...validateNames(names ?? {}, "spec.names"),
    ...validateVersions(spec),
  ];
  if (!isBlank(group) && !group.includes(".")) {
    errors.push(invalid("spec.group", group, "should be a domain with at least one dot"));
  }
  if (metadata.name !== `${names?.plural}.${group}`) {
    const detail = `must be spec.names.plural+"."+spec.group (${names?.plural}.${group})`;
    errors.push(invalid("metadata.name", metadata.name, detail));
  }
  if (PROTECTED_GROUP.test(group ?? "") && isBlank(metadata.annotations?.[APPROVAL_ANNOTATION])) {
    const detail = `groups below k8s.io and kubernetes.io need this annotation with a link to the approval, or "unapproved"`;
    errors.push(required(`metadata.annotations[${APPROVAL_ANNOTATION}]`, detail));
  }
  if (spec.preserveUnknownFields === true) {
    const detail =
      "must be false; use x-kubernetes-preserve-unknown-fields in the schema where fields are open";
    errors.push(invalid("spec.preserveUnknownFields", true, detail));
  }
  if (conversion?.strategy === "Webhook" && conversion.webhook === undefined) {
    const detail = "is required when `strategy` is Webhook";
    errors.push(required("spec.conversion.webhook", detail));
  }
  return errors;
}

function validateNames(names: Partial<CustomResourceDefinitionNames>, field: string): FieldError[] {
  const asLabel = (value: string): string[] => dns1035Label(value.toLowerCase());
  const { singular, kind, listKind } = names;
  const errors = [
    ...requiredName(`${field}.plural`, names.plural, dns1035Label),
    ...(isBlank(singular) ? [] : named(`${field}.singular`, singular, dns1035Label)),
    ...requiredName(`${field}.kind`, kind, asLabel),
    ...(isBlank(listKind) ? [] : named(`${field}.listKind`, listKind, asLabel)),
  ];
  for (const list of ["shortNames", "categories"] as const) {
    for (const [index, name] of (names[list] ?? []).entries()) {
      errors.push(...named(`${field}.${list}[${index}]`, name, dns1035Label));
    }
  }
  if (!isBlank(listKind) && listKind === kind) {
    errors.push(invalid(`${field}.listKind`, listKind, "kind and listKind may not be the same"));
  }
  return errors;
}

function validateVersions({ versions }: CustomResourceDefinitionSpec): FieldError[] {
  if (versions.length === 0) return [required("spec.versions")];
  const errors = versions.flatMap((version, index) =>
    validateVersion(version, `spec.versions[${index}]`),
  );
  if (new Set(versions.map(({ name }) => name)).size < versions.length) {
    const names = versions.map(({ name }) => name);
    errors.push(invalid("spec.versions", names, "must contain unique version names"));
  }
  const stored = versions.filter(({ storage }) => storage);
  if (stored.length !== 1) {
    const detail = "must have exactly one version marked as storage version";
    errors.push(
      invalid(
        "spec.versions",
        stored.map(({ name }) => name),
        detail,
      ),
    );
  }
  return errors;
}

/** Objects are already served under these names, and some may be stored in these versions. */
export function validateDefinitionUpdate(
  next: CustomResourceDefinition,
  previous: CustomResourceDefinition,
): FieldError[] {
  const [now, before] = [next.spec, previous.spec];
  return [
    ...immutable("spec.group", now.group, before.group),
    ...immutable("spec.scope", now.scope, before.scope),
    ...immutable("spec.names.plural", now.names.plural, before.names.plural),
    ...immutable("spec.names.kind", now.names.kind, before.names.kind),
    ...validateStoredVersions(next),
  ];
}

export function validateStoredVersions({ spec, status }: CustomResourceDefinition): FieldError[] {
  const known = new Set(spec.versions.map(({ name }) => name));
  return (status?.storedVersions ?? []).flatMap((name, index) =>
    known.has(name)
      ? []
      : [invalid(`status.storedVersions[${index}]`, name, "must appear in spec.versions")],
  );
}
