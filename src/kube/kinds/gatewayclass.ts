import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, nameColumn, textColumn } from "./columns.ts";
import { conditionCell } from "./gateway/condition-cell.ts";
import type { GatewayClass } from "./gateway/gateway-types.ts";
import { immutable } from "./field-problems.ts";

/** `spec.controllerName` of classes that are served by this cluster. */
export const GATEWAY_CONTROLLER = "gantry.dev/gateway";

/** The class that every cluster has. */
export const BUILT_IN_GATEWAY_CLASS: GatewayClass = {
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "GatewayClass",
  metadata: { name: "gantry" },
  spec: {
    controllerName: GATEWAY_CONTROLLER,
    description: "Served by the ingress proxy of Gantry",
  },
};

export const gatewayClasses: Kind<GatewayClass> = {
  group: "gateway.networking.k8s.io",
  version: "v1",
  kind: "GatewayClass",
  plural: "gatewayclasses",
  singular: "gatewayclass",
  namespaced: false,
  shortNames: ["gc"],
  categories: ["gateway-api"],
  subresources: { status: true },
  get schema() {
    return builtinSchema("gateway.networking.k8s.io/v1", "GatewayClass");
  },
  columns: [
    nameColumn,
    textColumn<GatewayClass>(
      "Controller",
      "Controller that serves the class.",
      ({ spec }: Partial<GatewayClass>) => spec?.controllerName ?? "",
    ),
    textColumn<GatewayClass>("Accepted", "Whether the controller serves the class.", ({ status }) =>
      conditionCell(status?.conditions, "Accepted"),
    ),
    ageColumn,
    textColumn<GatewayClass>(
      "Description",
      "For people.",
      ({ spec }: Partial<GatewayClass>) => spec?.description ?? "",
      1,
    ),
  ],
  strategy: {
    validateName: dns1123Subdomain,
    validateUpdate: ({ spec }, previous) =>
      immutable("spec.controllerName", spec.controllerName, previous.spec.controllerName),
  },
};
