import { buildCommand } from "@stricli/core";
import { anyApplications, applicationAliases, applicationFlags } from "../application-flags.ts";

export const drift = buildCommand({
  loader: async () => (await import("../show-drift.ts")).showDrift,
  parameters: {
    flags: {
      ...applicationFlags,
      output: {
        kind: "enum",
        values: ["text", "json", "markdown", "junit"],
        brief: "Form of the result",
        default: "text",
      },
    },
    aliases: { ...applicationAliases, o: "output" },
    positional: anyApplications,
  },
  docs: {
    brief: "Show where live state differs from Git, who changed it and when",
    fullDescription:
      "Compares with the revision that was synced last.\nExit status: 0 without drift, 1 with drift, 2 on an error.\n\nExamples:\n  gantry drift\n  gantry drift shop --output junit > drift.xml",
  },
});
