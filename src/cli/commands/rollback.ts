import { buildCommand } from "@stricli/core";
import { applicationAliases, applicationFlags } from "../application-flags.ts";
import { waitFlags } from "../operate.ts";

export const rollback = buildCommand({
  loader: async () => (await import("../operate.ts")).rollbackApplication,
  parameters: {
    flags: { ...applicationFlags, ...waitFlags },
    aliases: applicationAliases,
    positional: {
      kind: "tuple",
      parameters: [
        { brief: "Name of the Application", parse: String, placeholder: "APP", default: "default" },
        {
          brief: "ID from `gantry history`, or a commit; the one before the current when absent",
          parse: String,
          placeholder: "ID|REV",
          optional: true,
        },
      ],
    },
  },
  docs: {
    brief: "Go back to an earlier revision",
    fullDescription:
      "Works with automated syncs on: the commit that was rolled back stays out until there is a newer one.\nExit status: 0 when it worked, 1 when it failed, 2 on an error.\n\nExamples:\n  gantry rollback\n  gantry rollback shop 12 --wait",
  },
});
