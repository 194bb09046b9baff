import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, nameColumn } from "./columns.ts";
import type { ReferenceGrant } from "./gateway/gateway-types.ts";

export const referenceGrants: Kind<ReferenceGrant> = {
  group: "gateway.networking.k8s.io",
  version: "v1beta1",
  kind: "ReferenceGrant",
  plural: "referencegrants",
  singular: "referencegrant",
  namespaced: true,
  shortNames: ["refgrant"],
  categories: ["gateway-api"],
  get schema() {
    return builtinSchema("gateway.networking.k8s.io/v1beta1", "ReferenceGrant");
  },
  columns: [nameColumn, ageColumn],
  strategy: { validateName: dns1123Subdomain },
};
