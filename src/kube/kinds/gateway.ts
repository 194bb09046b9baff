import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, nameColumn, textColumn } from "./columns.ts";
import { conditionCell } from "./gateway/condition-cell.ts";
import type { Gateway } from "./gateway/gateway-types.ts";
import { validateGateway } from "./gateway/validate-gateway.ts";

export const gateways: Kind<Gateway> = {
  group: "gateway.networking.k8s.io",
  version: "v1",
  kind: "Gateway",
  plural: "gateways",
  singular: "gateway",
  namespaced: true,
  shortNames: ["gtw"],
  categories: ["gateway-api"],
  subresources: { status: true },
  get schema() {
    return builtinSchema("gateway.networking.k8s.io/v1", "Gateway");
  },
  columns: [
    nameColumn,
    textColumn<Gateway>(
      "Class",
      "Class of the controller that serves it.",
      ({ spec }: Partial<Gateway>) => spec?.gatewayClassName ?? "",
    ),
    textColumn<Gateway>("Address", "Where it is reached.", ({ status }) =>
      (status?.addresses ?? []).map(({ value }) => value).join(","),
    ),
    textColumn<Gateway>("Programmed", "Whether it is served.", ({ status }) =>
      conditionCell(status?.conditions, "Programmed"),
    ),
    ageColumn,
  ],
  strategy: { validateName: dns1123Subdomain, validate: validateGateway },
};
