import type { EndpointSlice as UpstreamEndpointSlice } from "kubernetes-types/discovery/v1";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";

export type EndpointSlice = Live<UpstreamEndpointSlice>;

export const endpointSlices: Kind<EndpointSlice> = {
  group: "discovery.k8s.io",
  version: "v1",
  kind: "EndpointSlice",
  plural: "endpointslices",
  singular: "endpointslice",
  namespaced: true,
  get schema() {
    return builtinSchema("discovery.k8s.io/v1", "EndpointSlice");
  },
  columns: [],
  strategy: { validateName: dns1123Subdomain },
};
