/** How healthy the objects of a kind are, by CEL expressions or by Argo CD's Lua. Gantry's own kind. */
import type { FieldError } from "../field-error.ts";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { KubeObject } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, nameColumn, textColumn } from "./columns.ts";
import { invalid, required } from "./field-problems.ts";

export interface HealthCheck extends KubeObject {
  spec: HealthCheckSpec;
}
export interface HealthCheckSpec {
  /** Empty or absent: the core group. `*` stands for any text. */
  group?: string;
  /** `*` stands for any text. */
  kind: string;
  /** Expressions over the fields of the object, as Flux's healthCheckExprs. */
  cel?: { current: string; inProgress?: string; failed?: string };
  /** A script as Argo CD's `resource.customizations.health`. */
  lua?: string;
}

function validateHealthCheck({ spec }: HealthCheck): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.kind === "") errors.push(required("spec.kind"));
  if ((spec.cel === undefined) === (spec.lua === undefined))
    errors.push(invalid("spec", "", "exactly one of cel and lua must be given"));
  return errors;
}

export const healthChecks: Kind<HealthCheck> = {
  group: "gantry.dev",
  version: "v1",
  kind: "HealthCheck",
  plural: "healthchecks",
  singular: "healthcheck",
  namespaced: false,
  get schema() {
    return builtinSchema("gantry.dev/v1", "HealthCheck");
  },
  columns: [
    nameColumn,
    textColumn<HealthCheck>(
      "Group",
      "Of which group.",
      ({ spec }: Partial<HealthCheck>) => spec?.group ?? "",
    ),
    textColumn<HealthCheck>(
      "Kind",
      "Of which kind.",
      ({ spec }: Partial<HealthCheck>) => spec?.kind ?? "",
    ),
    ageColumn,
  ],
  strategy: { validateName: dns1123Subdomain, validate: validateHealthCheck },
};
