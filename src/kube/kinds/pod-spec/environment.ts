/** Rules for environment variables of a container. */
import type { EnvFromSource, EnvVar } from "kubernetes-types/core/v1";
import type { FieldError } from "../../field-error.ts";
import { envVarName } from "../../names.ts";
import { invalid, isBlank, named, requiredName, requiredText } from "../field-problems.ts";
import { validateFieldRef, validateKeyRef, validateResourceFieldRef } from "./key-selection.ts";

const ENV_FIELDS = [
  "metadata.name",
  "metadata.namespace",
  "metadata.uid",
  "spec.nodeName",
  "spec.serviceAccountName",
  "status.hostIP",
  "status.hostIPs",
  "status.podIP",
  "status.podIPs",
];
const SOURCES = ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef"] as const;

export function validateEnv(env: readonly EnvVar[], field: string): FieldError[] {
  return env.flatMap((variable, index) => {
    const path = `${field}[${index}]`;
    return [
      ...requiredName(`${path}.name`, variable.name, envVarName),
      ...validateValueFrom(variable, `${path}.valueFrom`),
    ];
  });
}

function validateValueFrom(variable: EnvVar, field: string): FieldError[] {
  const source = variable.valueFrom;
  if (source === undefined) return [];
  const given = SOURCES.filter((name) => source[name] !== undefined);
  if (given.length === 0) {
    const detail = `must specify one of: ${SOURCES.map((name) => `\`${name}\``).join(", ")}`;
    return [invalid(field, undefined, detail)];
  }
  const errors: FieldError[] = [];
  if (given.length > 1) {
    errors.push(invalid(field, undefined, "may not have more than one field specified at a time"));
  } else if (!isBlank(variable.value)) {
    errors.push(invalid(field, undefined, "may not be specified when `value` is not empty"));
  }
  if (source.fieldRef !== undefined) {
    errors.push(...validateFieldRef(`${field}.fieldRef`, source.fieldRef, ENV_FIELDS, true));
  }
  if (source.resourceFieldRef !== undefined) {
    const path = `${field}.resourceFieldRef`;
    errors.push(...validateResourceFieldRef(path, source.resourceFieldRef, false));
  }
  if (source.configMapKeyRef !== undefined) {
    errors.push(...validateKeyRef(`${field}.configMapKeyRef`, source.configMapKeyRef));
  }
  if (source.secretKeyRef !== undefined) {
    errors.push(...validateKeyRef(`${field}.secretKeyRef`, source.secretKeyRef));
  }
  return errors;
}

export function validateEnvFrom(sources: readonly EnvFromSource[], field: string): FieldError[] {
  return sources.flatMap((source, index) => {
    const path = `${field}[${index}]`;
    const errors = isBlank(source.prefix) ? [] : named(`${path}.prefix`, source.prefix, envVarName);
    const refs = (["configMapRef", "secretRef"] as const).filter(
      (ref) => source[ref] !== undefined,
    );
    if (refs.length === 0) {
      errors.push(invalid(path, undefined, "must specify one of: `configMapRef` or `secretRef`"));
    } else if (refs.length > 1) {
      errors.push(invalid(path, undefined, "may not have more than one field specified at a time"));
    }
    for (const ref of refs) errors.push(...requiredText(`${path}.${ref}.name`, source[ref]?.name));
    return errors;
  });
}
