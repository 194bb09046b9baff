import type { Pod as UpstreamPod } from "kubernetes-types/core/v1";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";

export type Pod = Live<UpstreamPod>;

export const pods: Kind<Pod> = {
  group: "",
  version: "v1",
  kind: "Pod",
  plural: "pods",
  singular: "pod",
  namespaced: true,
  shortNames: ["po"],
  categories: ["all"],
  subresources: { status: true },
  get schema() {
    return builtinSchema("v1", "Pod");
  },
  columns: [],
  strategy: { validateName: dns1123Subdomain },
};
