import type { Secret as UpstreamSecret } from "kubernetes-types/core/v1";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";

export type Secret = Live<UpstreamSecret>;

export const secrets: Kind<Secret> = {
  group: "",
  version: "v1",
  kind: "Secret",
  plural: "secrets",
  singular: "secret",
  namespaced: true,
  get schema() {
    return builtinSchema("v1", "Secret");
  },
  columns: [],
  strategy: { validateName: dns1123Subdomain },
};
