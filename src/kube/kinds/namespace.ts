import type { Namespace as UpstreamNamespace } from "kubernetes-types/core/v1";
import type { Kind } from "../kind.ts";
import { dns1123Label } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";

export type Namespace = Live<UpstreamNamespace>;

export const namespaces: Kind<Namespace> = {
  group: "",
  version: "v1",
  kind: "Namespace",
  plural: "namespaces",
  singular: "namespace",
  namespaced: false,
  shortNames: ["ns"],
  subresources: { status: true },
  get schema() {
    return builtinSchema("v1", "Namespace");
  },
  columns: [],
  strategy: { validateName: dns1123Label },
};
