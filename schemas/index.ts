/** Every definition file, generated and hand-kept: what `src/kube/schema/definitions.ts` looks in. */
import gantry from "./gantry.dev.v1.json" with { type: "json" };
import { shapes } from "./kubernetes/index.ts";

/** Each maps definition names (`io.k8s.api.apps.v1.Deployment`) to schemas. */
export const definitionFiles: readonly object[] = [...shapes, gantry];

export { descriptions as descriptionFiles } from "./descriptions/index.ts";
