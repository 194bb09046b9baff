import type { Lease as UpstreamLease } from "kubernetes-types/coordination/v1";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";

export type Lease = Live<UpstreamLease>;

export const leases: Kind<Lease> = {
  group: "coordination.k8s.io",
  version: "v1",
  kind: "Lease",
  plural: "leases",
  singular: "lease",
  namespaced: true,
  ephemeral: true,
  get schema() {
    return builtinSchema("coordination.k8s.io/v1", "Lease");
  },
  columns: [],
  strategy: { validateName: dns1123Subdomain },
};
