import { buildCommand } from "@stricli/core";
import { anyApplications, applicationAliases, applicationFlags } from "../application-flags.ts";
import { outputFlag } from "../output.ts";

export const status = buildCommand({
  loader: async () => (await import("../show-status.ts")).showStatus,
  parameters: {
    flags: { ...applicationFlags, output: outputFlag },
    aliases: { ...applicationAliases, o: "output" },
    positional: anyApplications,
  },
  docs: {
    brief: "Show sync and health of Applications",
    fullDescription:
      "Without a name: one line for each Application. With names: each object too, and what is wrong with it.\nExit status: 0 when all are Synced and Healthy, 1 when not, 2 on an error.\n\nExamples:\n  gantry status\n  gantry status shop --output json",
  },
});
