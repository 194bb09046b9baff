import type { ConfigMap as UpstreamConfigMap } from "kubernetes-types/core/v1";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";

export type ConfigMap = Live<UpstreamConfigMap>;

export const configMaps: Kind<ConfigMap> = {
  group: "",
  version: "v1",
  kind: "ConfigMap",
  plural: "configmaps",
  singular: "configmap",
  namespaced: true,
  shortNames: ["cm"],
  get schema() {
    return builtinSchema("v1", "ConfigMap");
  },
  columns: [],
  strategy: { validateName: dns1123Subdomain },
};
