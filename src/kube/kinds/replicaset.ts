import type { ReplicaSet as UpstreamReplicaSet } from "kubernetes-types/apps/v1";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";

export type ReplicaSet = Live<UpstreamReplicaSet>;

export const replicaSets: Kind<ReplicaSet> = {
  group: "apps",
  version: "v1",
  kind: "ReplicaSet",
  plural: "replicasets",
  singular: "replicaset",
  namespaced: true,
  shortNames: ["rs"],
  categories: ["all"],
  subresources: {
    status: true,
    scale: {
      specReplicasPath: ".spec.replicas",
      statusReplicasPath: ".status.replicas",
      labelSelectorPath: ".spec.selector",
    },
  },
  get schema() {
    return builtinSchema("apps/v1", "ReplicaSet");
  },
  columns: [],
  strategy: { validateName: dns1123Subdomain },
};
