import { buildCommand } from "@stricli/core";
import { applicationAliases, applicationFlags, oneApplication } from "../application-flags.ts";

export const resume = buildCommand({
  loader: async () => (await import("../set-suspended.ts")).resumeApplication,
  parameters: { flags: applicationFlags, positional: oneApplication, aliases: applicationAliases },
  docs: {
    brief: "Sync a suspended Application again",
    fullDescription:
      "Takes up automated syncs where they were stopped, and lets in the commit that a rollback keeps out.\n\nExamples:\n  gantry resume\n  gantry resume shop -n team-a",
  },
});
