import type { Node as UpstreamNode } from "kubernetes-types/core/v1";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";

export type Node = Live<UpstreamNode>;

export const nodes: Kind<Node> = {
  group: "",
  version: "v1",
  kind: "Node",
  plural: "nodes",
  singular: "node",
  namespaced: false,
  shortNames: ["no"],
  subresources: { status: true },
  get schema() {
    return builtinSchema("v1", "Node");
  },
  columns: [],
  strategy: { validateName: dns1123Subdomain },
};
