import type { ClusterRole as UpstreamClusterRole } from "kubernetes-types/rbac/v1";
import type { FieldError } from "../field-error.ts";
import type { Kind } from "../kind.ts";
import { pathSegment } from "../names.ts";
import type { Live } from "../object.ts";
import { RBAC_GROUP, validateRules } from "../rbac/validate-rules.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { createdAtColumn, nameColumn } from "./columns.ts";
import { required } from "./field-problems.ts";
import { validateLabelSelector } from "./selector-rules.ts";

export type ClusterRole = Live<UpstreamClusterRole>;

export const clusterRoles: Kind<ClusterRole> = {
  group: RBAC_GROUP,
  version: "v1",
  kind: "ClusterRole",
  plural: "clusterroles",
  singular: "clusterrole",
  namespaced: false,
  get schema() {
    return builtinSchema(`${RBAC_GROUP}/v1`, "ClusterRole");
  },
  columns: [nameColumn, createdAtColumn],
  strategy: {
    validateName: pathSegment,
    validate: (role) => [...validateRules(role.rules, false), ...validateAggregation(role)],
  },
};

function validateAggregation({ aggregationRule }: ClusterRole): FieldError[] {
  if (aggregationRule === undefined) return [];
  const { clusterRoleSelectors: selectors = [] } = aggregationRule;
  const path = "aggregationRule.clusterRoleSelectors";
  if (selectors.length === 0)
    return [
      required(path, "at least one clusterRoleSelector required if aggregationRule is non-nil"),
    ];
  return selectors.flatMap((selector, index) =>
    validateLabelSelector(selector, `${path}[${index}]`),
  );
}
