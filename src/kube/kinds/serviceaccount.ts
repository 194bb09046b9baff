import type { ServiceAccount as UpstreamServiceAccount } from "kubernetes-types/core/v1";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, nameColumn, textColumn } from "./columns.ts";

export type ServiceAccount = Live<UpstreamServiceAccount>;

export const serviceAccounts: Kind<ServiceAccount> = {
  group: "",
  version: "v1",
  kind: "ServiceAccount",
  plural: "serviceaccounts",
  singular: "serviceaccount",
  namespaced: true,
  shortNames: ["sa"],
  get schema() {
    return builtinSchema("v1", "ServiceAccount");
  },
  columns: [
    nameColumn,
    textColumn("Secrets", "Number of secrets it may use.", ({ secrets }) => secrets?.length ?? 0),
    ageColumn,
  ],
  strategy: { validateName: dns1123Subdomain },
};
