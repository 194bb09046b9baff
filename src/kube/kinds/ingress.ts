import type { Ingress as UpstreamIngress } from "kubernetes-types/networking/v1";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";

export type Ingress = Live<UpstreamIngress>;

export const ingresses: Kind<Ingress> = {
  group: "networking.k8s.io",
  version: "v1",
  kind: "Ingress",
  plural: "ingresses",
  singular: "ingress",
  namespaced: true,
  shortNames: ["ing"],
  subresources: { status: true },
  get schema() {
    return builtinSchema("networking.k8s.io/v1", "Ingress");
  },
  columns: [],
  strategy: { validateName: dns1123Subdomain },
};
