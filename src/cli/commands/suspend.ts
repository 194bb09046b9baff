import { buildCommand } from "@stricli/core";
import { applicationAliases, applicationFlags, oneApplication } from "../application-flags.ts";

export const suspend = buildCommand({
  loader: async () => (await import("../set-suspended.ts")).suspendApplication,
  parameters: { flags: applicationFlags, positional: oneApplication, aliases: applicationAliases },
  docs: {
    brief: "Stop syncing an Application until it is resumed",
    fullDescription:
      "Stops automated syncs, self-heal and a sync that is under way; the status keeps telling what differs, and who suspended it.\n\nExamples:\n  gantry suspend\n  gantry suspend shop -n team-a",
  },
});
