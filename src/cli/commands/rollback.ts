import { buildCommand } from "@stricli/core";
import { applicationAliases, applicationFlags } from "../application-flags.ts";
import { waitFlags } from "../operate.ts";

export const rollback = buildCommand({
  loader: async () => (await import("../rollback-application.ts")).rollbackApplication,
  parameters: {
    flags: {
      ...applicationFlags,
      ...waitFlags,
      yes: {
        kind: "boolean",
        brief: "Do not ask",
        optional: true,
        withNegated: false,
      },
      dryRun: {
        kind: "boolean",
        brief: "Show what would change, and change nothing",
        optional: true,
        withNegated: false,
      },
    },
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
      "Shows first what changes, and asks when somebody is at the terminal. Works with automated syncs on: the commit that was rolled back stays out until there is a newer one, or until `gantry resume` or `gantry sync`.\nExit status: 0 when it worked, 1 when it failed, 2 on an error.\n\nExamples:\n  gantry rollback\n  gantry rollback shop 12 --wait\n  gantry rollback shop v1.4.2 --dry-run",
  },
});
