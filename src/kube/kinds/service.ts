import type { Service as UpstreamService } from "kubernetes-types/core/v1";
import type { Kind } from "../kind.ts";
import { dns1123Label } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";

export type Service = Live<UpstreamService>;

export const services: Kind<Service> = {
  group: "",
  version: "v1",
  kind: "Service",
  plural: "services",
  singular: "service",
  namespaced: true,
  shortNames: ["svc"],
  categories: ["all"],
  subresources: { status: true },
  get schema() {
    return builtinSchema("v1", "Service");
  },
  columns: [],
  strategy: { validateName: dns1123Label },
};
