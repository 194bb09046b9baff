/** Rules for security contexts of pods and containers. */
import type { PodSecurityContext, SeccompProfile, SecurityContext } from "kubernetes-types/core/v1";
import type { FieldError } from "../../field-error.ts";
import { duplicate, duplicates, invalid, isBlank, named, required } from "../field-problems.ts";

/** Largest user and group id. */
const MAX_ID = 2 ** 31 - 1;
const SYSCTL_NAME = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9][-_a-z0-9*]*$/;
const SYSCTL_MAX_LENGTH = 253;

export function validatePodSecurityContext(
  context: PodSecurityContext,
  field: string,
): FieldError[] {
  const sysctls = context.sysctls ?? [];
  return [
    ...validateIds(context, ["runAsUser", "runAsGroup", "fsGroup"], field),
    ...(context.supplementalGroups ?? []).flatMap((id, index) =>
      validateId(`${field}.supplementalGroups[${index}]`, id),
    ),
    ...validateProfiles(context, field),
    ...sysctls.flatMap(({ name }, index) =>
      validateSysctlName(`${field}.sysctls[${index}].name`, name),
    ),
    ...duplicates(
      sysctls,
      (sysctl) => sysctl.name,
      (index, name) => duplicate(`${field}.sysctls[${index}].name`, name),
    ),
  ];
}

export function validateSecurityContext(context: SecurityContext, field: string): FieldError[] {
  const errors = [
    ...validateIds(context, ["runAsUser", "runAsGroup"], field),
    ...validateProfiles(context, field),
  ];
  if (context.allowPrivilegeEscalation === false) {
    if (context.privileged === true) {
      const detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
      errors.push(invalid(field, undefined, detail));
    }
    if (context.capabilities?.add?.some((name) => name === "CAP_SYS_ADMIN") === true) {
      const detail =
        "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
      errors.push(invalid(field, undefined, detail));
    }
  }
  return errors;
}

function validateIds<K extends "runAsUser" | "runAsGroup" | "fsGroup">(
  context: Readonly<Partial<Record<K, number>>>,
  names: readonly K[],
  field: string,
): FieldError[] {
  return names.flatMap((name) => validateId(`${field}.${name}`, context[name]));
}

function validateId(field: string, id: number | undefined): FieldError[] {
  return id !== undefined && (id < 0 || id > MAX_ID)
    ? [invalid(field, id, `must be between 0 and ${MAX_ID}, inclusive`)]
    : [];
}

function validateProfiles(
  context: Pick<SecurityContext, "seccompProfile" | "appArmorProfile">,
  field: string,
): FieldError[] {
  return [
    ...validateProfile(context.seccompProfile, `${field}.seccompProfile`),
    ...validateProfile(context.appArmorProfile, `${field}.appArmorProfile`),
  ];
}

function validateProfile(profile: SeccompProfile | undefined, field: string): FieldError[] {
  if (profile === undefined) return [];
  const local = profile.localhostProfile;
  const errors: FieldError[] = [];
  if (profile.type === "Localhost") {
    if (isBlank(local)) {
      const detail = "must be set when the type is Localhost";
      errors.push(required(`${field}.localhostProfile`, detail));
    }
  } else if (local !== undefined) {
    const detail = "can only be set when the type is Localhost";
    errors.push(invalid(`${field}.localhostProfile`, local, detail));
  }
  return errors;
}

function validateSysctlName(field: string, name: string | undefined): FieldError[] {
  if (isBlank(name)) return [required(field)];
  return named(field, name, (text) =>
    text.length <= SYSCTL_MAX_LENGTH && SYSCTL_NAME.test(text)
      ? []
      : [
          `must be a sysctl name of at most ${SYSCTL_MAX_LENGTH} characters, as in 'net.core.somaxconn'`,
        ],
  );
}
