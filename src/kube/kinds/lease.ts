import type { Lease as UpstreamLease } from "kubernetes-types/coordination/v1";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, nameColumn, textColumn } from "./columns.ts";
import { nonNegative, positive } from "./field-problems.ts";

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
  columns: [
    nameColumn,
    textColumn("Holder", "Who holds the lease.", ({ spec }) => spec?.holderIdentity ?? ""),
    ageColumn,
  ],
  strategy: {
    validateName: dns1123Subdomain,
    validate: ({ spec }) => [
      ...positive("spec.leaseDurationSeconds", spec?.leaseDurationSeconds),
      ...nonNegative("spec.leaseTransitions", spec?.leaseTransitions),
    ],
    allowUnconditionalUpdate: false,
  },
};
