import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, nameColumn, textColumn } from "./columns.ts";
import type { GRPCRoute } from "./gateway/gateway-types.ts";
import { validateGrpcRoute } from "./gateway/validate-route.ts";

export const grpcRoutes: Kind<GRPCRoute> = {
  group: "gateway.networking.k8s.io",
  version: "v1",
  kind: "GRPCRoute",
  plural: "grpcroutes",
  singular: "grpcroute",
  namespaced: true,
  categories: ["gateway-api"],
  subresources: { status: true },
  get schema() {
    return builtinSchema("gateway.networking.k8s.io/v1", "GRPCRoute");
  },
  columns: [
    nameColumn,
    textColumn<GRPCRoute>("Hostnames", "Hosts that it is for.", ({ spec }) =>
      JSON.stringify(spec?.hostnames ?? []),
    ),
    ageColumn,
  ],
  strategy: { validateName: dns1123Subdomain, validate: validateGrpcRoute },
};
