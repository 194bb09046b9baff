/** Every definition file, generated and hand-kept: what `src/kube/schema/definitions.ts` looks in. */
import application from "./gantry/application.json" with { type: "json" };
import { shapes } from "./kubernetes/index.ts";

/** File name → definition name (`io.k8s.api.apps.v1.Deployment`) → schema. */
export const definitionFiles: Readonly<Record<string, object>> = {
  ...shapes,
  "gantry.dev.v1": application,
};

/** File name → loader of definition name → field → description. */
export { descriptions as descriptionFiles } from "./descriptions/index.ts";
