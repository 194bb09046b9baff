/** Rules for the volumes of a pod and for where containers mount them. */
import type {
  Container,
  DownwardAPIVolumeFile,
  Volume,
  VolumeProjection,
} from "kubernetes-types/core/v1";
import type { FieldError } from "../../field-error.ts";
import { dns1123Label, dns1123Subdomain } from "../../names.ts";
import {
  forbidden,
  invalid,
  isBlank,
  notFound,
  oneOf,
  required,
  requiredName,
  requiredText,
} from "../field-problems.ts";
import {
  validateFieldRef,
  validateFileMode,
  validateFilePath,
  validateKeyToPaths,
  validateNoBacksteps,
  validateRelativePath,
  validateResourceFieldRef,
} from "./key-selection.ts";
import { validateAmount } from "./resources.ts";

const DOWNWARD_FIELDS = [
  "metadata.name",
  "metadata.namespace",
  "metadata.labels",
  "metadata.annotations",
  "metadata.uid",
];
/** Token lifetimes outside these bounds are refused, as upstream: 10 min to 2^32 s. */
const MIN_TOKEN_SECONDS = 600;
const MAX_TOKEN_SECONDS = 2 ** 32;

export function validateVolumes(volumes: readonly Volume[], field: string): FieldError[] {
  return volumes.flatMap((volume, index) => validateVolume(volume, `${field}[${index}]`));
}

function validateVolume(volume: Volume, field: string): FieldError[] {
  const errors = requiredName(`${field}.name`, volume.name, dns1123Label);
  const sources = Object.entries(volume)
    .filter(([key, source]) => key !== "name" && source !== undefined && source !== null)
    .map(([key]) => key);
  if (sources.length === 0) errors.push(required(field, "must specify a volume type"));
  for (const extra of sources.slice(1)) {
    errors.push(forbidden(`${field}.${extra}`, "may not specify more than 1 volume type"));
  }
  return [
    ...errors,
    ...validateFileSources(volume, field),
    ...validateStorageSources(volume, field),
  ];
}

function validateFileSources(volume: Volume, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const { configMap, secret, downwardAPI, projected } = volume;
  if (configMap !== undefined) {
    const path = `${field}.configMap`;
    errors.push(...requiredText(`${path}.name`, configMap.name));
    errors.push(...validateFileMode(`${path}.defaultMode`, configMap.defaultMode));
    errors.push(...validateKeyToPaths(`${path}.items`, configMap.items ?? []));
  }
  if (secret !== undefined) {
    const path = `${field}.secret`;
    errors.push(...requiredText(`${path}.secretName`, secret.secretName));
    errors.push(...validateFileMode(`${path}.defaultMode`, secret.defaultMode));
    errors.push(...validateKeyToPaths(`${path}.items`, secret.items ?? []));
  }
  if (downwardAPI !== undefined) {
    const path = `${field}.downwardAPI`;
    errors.push(...validateFileMode(`${path}.defaultMode`, downwardAPI.defaultMode));
    errors.push(...validateDownwardFiles(downwardAPI.items ?? [], `${path}.items`));
  }
  if (projected !== undefined) {
    const path = `${field}.projected`;
    errors.push(...validateFileMode(`${path}.defaultMode`, projected.defaultMode));
    for (const [index, source] of (projected.sources ?? []).entries()) {
      errors.push(...validateProjection(source, `${path}.sources[${index}]`));
    }
  }
  return errors;
}

function validateStorageSources(volume: Volume, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const { emptyDir, hostPath, persistentVolumeClaim: claim, nfs, csi } = volume;
  if (emptyDir !== undefined) {
    if (emptyDir.sizeLimit !== undefined) {
      errors.push(...validateAmount(`${field}.emptyDir.sizeLimit`, emptyDir.sizeLimit));
    }
    const { medium } = emptyDir;
    if (medium !== undefined && !medium.startsWith("HugePages")) {
      errors.push(...oneOf(`${field}.emptyDir.medium`, medium, ["", "Memory", "HugePages"]));
    }
  }
  if (hostPath !== undefined) {
    const path = `${field}.hostPath`;
    errors.push(...requiredText(`${path}.path`, hostPath.path));
    errors.push(...validateNoBacksteps(`${path}.path`, hostPath.path ?? ""));
  }
  if (claim !== undefined) {
    const path = `${field}.persistentVolumeClaim.claimName`;
    errors.push(...requiredName(path, claim.claimName, dns1123Subdomain));
  }
  if (nfs !== undefined) {
    errors.push(...requiredText(`${field}.nfs.server`, nfs.server));
    errors.push(...requiredText(`${field}.nfs.path`, nfs.path));
    if (!isBlank(nfs.path) && !nfs.path.startsWith("/")) {
      errors.push(invalid(`${field}.nfs.path`, nfs.path, "must be an absolute path"));
    }
  }
  if (csi !== undefined) {
    errors.push(...requiredName(`${field}.csi.driver`, csi.driver, dns1123Subdomain));
  }
  return errors;
}

function validateDownwardFiles(
  files: readonly DownwardAPIVolumeFile[],
  field: string,
): FieldError[] {
  return files.flatMap((file, index) => {
    const path = `${field}[${index}]`;
    const errors = [
      ...validateFilePath(`${path}.path`, file.path),
      ...validateFileMode(`${path}.mode`, file.mode),
    ];
    const { fieldRef, resourceFieldRef } = file;
    if (fieldRef !== undefined && resourceFieldRef !== undefined) {
      errors.push(invalid(path, undefined, "fieldRef and resourceFieldRef exclude each other"));
    } else if (fieldRef !== undefined) {
      errors.push(...validateFieldRef(`${path}.fieldRef`, fieldRef, DOWNWARD_FIELDS, true));
    } else if (resourceFieldRef !== undefined) {
      errors.push(...validateResourceFieldRef(`${path}.resourceFieldRef`, resourceFieldRef, true));
    } else {
      errors.push(required(path, "one of fieldRef and resourceFieldRef is required"));
    }
    return errors;
  });
}

function validateProjection(source: VolumeProjection, field: string): FieldError[] {
  const [first, ...others] = Object.entries(source)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([key]) => key);
  if (first === undefined) return [required(field, "must specify a source")];
  const errors = others.map((name) =>
    forbidden(`${field}.${name}`, "may not specify more than 1 volume type per source"),
  );
  for (const name of ["configMap", "secret"] as const) {
    const projection = source[name];
    if (projection === undefined) continue;
    errors.push(...requiredText(`${field}.${name}.name`, projection.name));
    errors.push(...validateKeyToPaths(`${field}.${name}.items`, projection.items ?? []));
  }
  if (source.downwardAPI !== undefined) {
    const items = source.downwardAPI.items ?? [];
    errors.push(...validateDownwardFiles(items, `${field}.downwardAPI.items`));
  }
  const token = source.serviceAccountToken;
  if (token !== undefined) {
    const path = `${field}.serviceAccountToken`;
    const seconds = token.expirationSeconds;
    errors.push(...validateFilePath(`${path}.path`, token.path));
    if (seconds !== undefined && (seconds < MIN_TOKEN_SECONDS || seconds > MAX_TOKEN_SECONDS)) {
      const detail = `must be between ${MIN_TOKEN_SECONDS} (10 minutes) and 2^32 seconds`;
      errors.push(invalid(`${path}.expirationSeconds`, seconds, detail));
    }
  }
  return errors;
}

/** Mounts and raw devices of one container; every name must be that of a volume of the pod. */
export function validateVolumeMounts(
  container: Pick<Container, "volumeMounts" | "volumeDevices" | "securityContext">,
  volumes: ReadonlySet<string>,
  field: string,
): FieldError[] {
  const mounts = container.volumeMounts ?? [];
  const errors: FieldError[] = [];
  for (const [index, mount] of mounts.entries()) {
    const path = `${field}.volumeMounts[${index}]`;
    errors.push(...validateVolumeName(`${path}.name`, mount.name, volumes));
    errors.push(...requiredText(`${path}.mountPath`, mount.mountPath));
    errors.push(...validateRelativePath(`${path}.subPath`, mount.subPath ?? ""));
    errors.push(...validateRelativePath(`${path}.subPathExpr`, mount.subPathExpr ?? ""));
    if (!isBlank(mount.subPath) && !isBlank(mount.subPathExpr)) {
      const detail = "subPathExpr and subPath are mutually exclusive";
      errors.push(invalid(`${path}.subPathExpr`, mount.subPathExpr, detail));
    }
    const propagation = mount.mountPropagation;
    if (propagation === "Bidirectional" && container.securityContext?.privileged !== true) {
      const detail = "Bidirectional mount propagation is available only to privileged containers";
      errors.push(forbidden(`${path}.mountPropagation`, detail));
    }
  }
  for (const [index, device] of (container.volumeDevices ?? []).entries()) {
    const path = `${field}.volumeDevices[${index}]`;
    errors.push(...validateVolumeName(`${path}.name`, device.name, volumes));
    errors.push(...requiredText(`${path}.devicePath`, device.devicePath));
  }
  return errors;
}

function validateVolumeName(
  field: string,
  name: string | undefined,
  volumes: ReadonlySet<string>,
): FieldError[] {
  if (isBlank(name)) return [required(field)];
  return volumes.has(name) ? [] : [notFound(field, name)];
}
