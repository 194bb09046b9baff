import type { Endpoints as UpstreamEndpoints } from "kubernetes-types/core/v1";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";

export type Endpoints = Live<UpstreamEndpoints>;

export const endpoints: Kind<Endpoints> = {
  group: "",
  version: "v1",
  kind: "Endpoints",
  plural: "endpoints",
  singular: "endpoints",
  namespaced: true,
  shortNames: ["ep"],
  get schema() {
    return builtinSchema("v1", "Endpoints");
  },
  columns: [],
  strategy: { validateName: dns1123Subdomain },
};
