/** Rules for references into ConfigMaps, Secrets and the pod itself, used by env and volumes. */
import type {
  KeyToPath,
  ObjectFieldSelector,
  ResourceFieldSelector,
} from "kubernetes-types/core/v1";
import type { FieldError } from "../../field-error.ts";
import { configKey, qualifiedName } from "../../names.ts";
import { compareQuantities, parseQuantity } from "../../quantity.ts";
import {
  invalid,
  isBlank,
  named,
  notSupported,
  required,
  requiredName,
  requiredText,
} from "../field-problems.ts";
import { tryQuantity } from "./resources.ts";

const MAX_FILE_MODE = 0o777;
const RESOURCES = ["cpu", "memory", "ephemeral-storage"].flatMap((resource) => [
  `limits.${resource}`,
  `requests.${resource}`,
]);
const CPU_DIVISORS = ["1m", "1"];
const BYTE_DIVISORS = [
  "1",
  "1k",
  "1M",
  "1G",
  "1T",
  "1P",
  "1E",
  "1Ki",
  "1Mi",
  "1Gi",
  "1Ti",
  "1Pi",
  "1Ei",
];

/** A relative path that stays below its root. */
export function validateRelativePath(field: string, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (path.startsWith("/")) errors.push(invalid(field, path, "must be a relative path"));
  return [...errors, ...validateNoBacksteps(field, path)];
}

export function validateNoBacksteps(field: string, path: string): FieldError[] {
  return path.split("/").includes("..") ? [invalid(field, path, "must not contain '..'")] : [];
}

/** A file's path in a volume, where names starting with `..` belong to the atomic writer. */
export function validateFilePath(field: string, path: string | undefined): FieldError[] {
  if (isBlank(path)) return [required(field)];
  const errors = validateRelativePath(field, path);
  if (path.startsWith("..") && !path.split("/").includes("..")) {
    errors.push(invalid(field, path, "must not start with '..'"));
  }
  return errors;
}

export function validateFileMode(field: string, mode: number | undefined): FieldError[] {
  return mode !== undefined && (mode < 0 || mode > MAX_FILE_MODE)
    ? [invalid(field, mode, "must be a number between 0 and 0777 (octal), both inclusive")]
    : [];
}

export function validateKeyToPaths(field: string, items: readonly KeyToPath[]): FieldError[] {
  return items.flatMap((item, index) => {
    const path = `${field}[${index}]`;
    return [
      ...requiredText(`${path}.key`, item.key),
      ...validateFilePath(`${path}.path`, item.path),
      ...validateFileMode(`${path}.mode`, item.mode),
    ];
  });
}

/** One key of a ConfigMap or Secret. */
export function validateKeyRef(
  field: string,
  ref: { readonly name?: string; readonly key?: string },
): FieldError[] {
  return [
    ...requiredText(`${field}.name`, ref.name),
    ...requiredName(`${field}.key`, ref.key, configKey),
  ];
}

/** A field of the pod; `supported` lists the plain paths that may be read here. */
export function validateFieldRef(
  field: string,
  ref: ObjectFieldSelector,
  supported: readonly string[],
  allowsSubscript: boolean,
): FieldError[] {
  const path = `${field}.fieldPath`;
  if (isBlank(ref.fieldPath)) return [required(path)];
  const subscript = /^(metadata\.(?:labels|annotations))\['(.*)'\]$/.exec(ref.fieldPath);
  if (subscript !== null && allowsSubscript) {
    return named(path, subscript[2] ?? "", (key) =>
      qualifiedName(subscript[1] === "metadata.annotations" ? key.toLowerCase() : key),
    );
  }
  return supported.includes(ref.fieldPath) ? [] : [notSupported(path, ref.fieldPath, supported)];
}

/** An amount of a container's resources. */
export function validateResourceFieldRef(
  field: string,
  ref: ResourceFieldSelector,
  needsContainer: boolean,
): FieldError[] {
  if (needsContainer && isBlank(ref.containerName)) return [required(`${field}.containerName`)];
  if (isBlank(ref.resource)) return [required(`${field}.resource`)];
  const isHugePages = /^(limits|requests)\.hugepages-/.test(ref.resource);
  if (!RESOURCES.includes(ref.resource) && !isHugePages) {
    return [notSupported(`${field}.resource`, ref.resource, RESOURCES)];
  }
  const divisor = tryQuantity(ref.divisor ?? "0");
  if (divisor === undefined) {
    return [invalid(`${field}.divisor`, ref.divisor, "must be a quantity such as 1m or 1Mi")];
  }
  const allowed = ref.resource.endsWith(".cpu") ? CPU_DIVISORS : BYTE_DIVISORS;
  const isAllowed =
    divisor.nanos === 0n ||
    allowed.some((text) => compareQuantities(parseQuantity(text), divisor) === 0);
  return isAllowed
    ? []
    : [invalid(`${field}.divisor`, ref.divisor, `only ${allowed.join(", ")} are supported`)];
}
