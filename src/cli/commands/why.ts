import { buildCommand } from "@stricli/core";
import { applicationAliases, applicationFlags, oneApplication } from "../application-flags.ts";
import { outputFlag } from "../output.ts";

export const why = buildCommand({
  loader: async () => (await import("../show-why.ts")).showWhy,
  parameters: {
    flags: { ...applicationFlags, output: outputFlag },
    aliases: { ...applicationAliases, o: "output" },
    positional: oneApplication,
  },
  docs: {
    brief: "Explain on one screen why an Application is as it is, from commit to container",
    fullDescription:
      "The commit, how its sync went, what holds it back, the failing pod with its reason and last log lines, and the command to type next.\nExit status: 0 in sync and healthy, 1 not, 2 on an error.\n\nExamples:\n  gantry why shop\n  gantry why shop --output json",
  },
});
