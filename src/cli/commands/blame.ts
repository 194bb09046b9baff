import { buildCommand } from "@stricli/core";
import { applicationAliases, applicationFlags } from "../application-flags.ts";
import { outputFlag } from "../output.ts";

export const blame = buildCommand({
  loader: async () => (await import("../show-blame.ts")).showBlame,
  parameters: {
    flags: {
      ...applicationFlags,
      namespace: { ...applicationFlags.namespace, brief: "Namespace of the object" },
      output: outputFlag,
    },
    aliases: { ...applicationAliases, o: "output" },
    positional: {
      kind: "array",
      parameter: { brief: "The object, as KIND/NAME", parse: String, placeholder: "KIND/NAME" },
      minimum: 1,
      maximum: 2,
    },
  },
  docs: {
    brief:
      "Show for each field of an object the commit, file and line, or the manager, that set it",
    fullDescription:
      "Fields that Git sets are told with the commit that gave them their value; others with the field manager that wrote them last.\nExit status: 0, or 2 on an error.\n\nExamples:\n  gantry blame deployment/web\n  gantry blame deploy web --namespace shop --output json",
  },
});
