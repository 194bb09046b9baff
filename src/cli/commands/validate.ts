import { buildCommand } from "@stricli/core";

export const validate = buildCommand({
  loader: async () => (await import("../validate-paths.ts")).validateCommand,
  parameters: {
    flags: {},
    positional: { kind: "array", parameter: { brief: "x", parse: String, placeholder: "PATH" } },
  },
  docs: { brief: "Check manifests, offline" },
});
