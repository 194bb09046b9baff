import { buildCommand } from "@stricli/core";
import { applicationAliases, applicationFlags, oneApplication } from "../application-flags.ts";
import { outputFlag } from "../output.ts";

export const history = buildCommand({
  loader: async () => (await import("../show-history.ts")).showHistory,
  parameters: {
    flags: { ...applicationFlags, output: outputFlag },
    aliases: { ...applicationAliases, o: "output" },
    positional: oneApplication,
  },
  docs: {
    brief: "List the revisions that an Application was synced to",
    fullDescription:
      "Newest last, as `gantry rollback` counts them.\n\nExamples:\n  gantry history\n  gantry history shop --output json",
  },
});
