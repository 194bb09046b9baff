import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, nameColumn, textColumn } from "./columns.ts";
import type { HTTPRoute } from "./gateway/gateway-types.ts";
import { validateHttpRoute } from "./gateway/validate-route.ts";

export const httpRoutes: Kind<HTTPRoute> = {
  group: "gateway.networking.k8s.io",
  version: "v1",
  kind: "HTTPRoute",
  plural: "httproutes",
  singular: "httproute",
  namespaced: true,
  categories: ["gateway-api"],
  subresources: { status: true },
  get schema() {
    return builtinSchema("gateway.networking.k8s.io/v1", "HTTPRoute");
  },
  columns: [
    nameColumn,
    textColumn<HTTPRoute>("Hostnames", "Hosts that it is for.", ({ spec }) =>
      JSON.stringify(spec?.hostnames ?? []),
    ),
    ageColumn,
  ],
  strategy: { validateName: dns1123Subdomain, validate: validateHttpRoute },
};
