import type { ClusterRoleBinding as UpstreamClusterRoleBinding } from "kubernetes-types/rbac/v1";
import type { Kind } from "../kind.ts";
import { pathSegment } from "../names.ts";
import type { Live } from "../object.ts";
import { BINDING_DEFAULTS } from "../rbac/binding-defaults.ts";
import { bindingColumns } from "../rbac/binding-columns.ts";
import { RBAC_GROUP, validateBinding, validateBindingUpdate } from "../rbac/validate-rules.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { rewrite } from "./rewrite.ts";

export type ClusterRoleBinding = Live<UpstreamClusterRoleBinding>;

export const clusterRoleBindings: Kind<ClusterRoleBinding> = {
  group: RBAC_GROUP,
  version: "v1",
  kind: "ClusterRoleBinding",
  plural: "clusterrolebindings",
  singular: "clusterrolebinding",
  namespaced: false,
  get schema() {
    return builtinSchema(`${RBAC_GROUP}/v1`, "ClusterRoleBinding");
  },
  columns: bindingColumns,
  strategy: {
    validateName: pathSegment,
    default: (binding) => rewrite(binding, BINDING_DEFAULTS),
    validate: (binding) => validateBinding(binding, ["ClusterRole"]),
    validateUpdate: validateBindingUpdate,
  },
};
