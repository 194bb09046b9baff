import type { Role as UpstreamRole } from "kubernetes-types/rbac/v1";
import type { Kind } from "../kind.ts";
import { pathSegment } from "../names.ts";
import type { Live } from "../object.ts";
import { RBAC_GROUP, validateRules } from "../rbac/validate-rules.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { createdAtColumn, nameColumn } from "./columns.ts";

export type Role = Live<UpstreamRole>;

export const roles: Kind<Role> = {
  group: RBAC_GROUP,
  version: "v1",
  kind: "Role",
  plural: "roles",
  singular: "role",
  namespaced: true,
  get schema() {
    return builtinSchema(`${RBAC_GROUP}/v1`, "Role");
  },
  columns: [nameColumn, createdAtColumn],
  strategy: {
    validateName: pathSegment,
    validate: ({ rules }) => validateRules(rules, true),
  },
};
