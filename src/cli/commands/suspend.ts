import { buildCommand } from "@stricli/core";
import { applicationAliases, applicationFlags, oneApplication } from "../application-flags.ts";

export const suspend = buildCommand({
  loader: async () => (await import("../set-suspended.ts")).suspendApplication,
  parameters: { flags: applicationFlags, positional: oneApplication, aliases: applicationAliases },
  docs: {
    brief: "Stop syncing an Application until it is resumed",
    fullDescription:
      "Stops automated syncs and self-heal; the status keeps telling what differs.\n\nExamples:\n  gantry suspend\n  gantry suspend shop -n team-a",
  },
});
