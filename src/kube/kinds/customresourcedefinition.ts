import type { CustomResourceDefinition as UpstreamCustomResourceDefinition } from "kubernetes-types/apiextensions/v1";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";

export type CustomResourceDefinition = Live<UpstreamCustomResourceDefinition>;

export const customResourceDefinitions: Kind<CustomResourceDefinition> = {
  group: "apiextensions.k8s.io",
  version: "v1",
  kind: "CustomResourceDefinition",
  plural: "customresourcedefinitions",
  singular: "customresourcedefinition",
  namespaced: false,
  shortNames: ["crd", "crds"],
  categories: ["api-extensions"],
  subresources: { status: true },
  get schema() {
    return builtinSchema("apiextensions.k8s.io/v1", "CustomResourceDefinition");
  },
  columns: [],
  strategy: { validateName: dns1123Subdomain },
};
