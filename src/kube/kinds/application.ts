/** Gantry's own kind: a source in Git, a destination and a sync policy. */
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { KubeObject } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";

export interface Application extends KubeObject {
  spec: Record<string, unknown>;
  status?: Record<string, unknown>;
  operation?: Record<string, unknown>;
}

export const applications: Kind<Application> = {
  group: "gantry.dev",
  version: "v1",
  kind: "Application",
  plural: "applications",
  singular: "application",
  namespaced: true,
  shortNames: ["app"],
  subresources: { status: true },
  get schema() {
    return builtinSchema("gantry.dev/v1", "Application");
  },
  columns: [],
  strategy: { validateName: dns1123Subdomain },
};
