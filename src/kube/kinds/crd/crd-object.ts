import type { CustomResourceDefinition as Upstream } from "kubernetes-types/apiextensions/v1";
import type { Live } from "../../object.ts";

export type CustomResourceDefinition = Live<Upstream>;
