import { buildCommand } from "@stricli/core";
import { applicationAliases, applicationFlags, oneApplication } from "../application-flags.ts";
import { waitFlags } from "../operate.ts";

export const sync = buildCommand({
  loader: async () => (await import("../operate.ts")).syncApplication,
  parameters: {
    flags: {
      ...applicationFlags,
      ...waitFlags,
      revision: {
        kind: "parsed",
        parse: String,
        brief: "Branch, tag or commit instead of the Application's own",
        optional: true,
        placeholder: "REV",
      },
      prune: {
        kind: "boolean",
        brief: "Delete what is no longer in the repository",
        optional: true,
        withNegated: false,
      },
    },
    aliases: applicationAliases,
    positional: oneApplication,
  },
  docs: {
    brief: "Sync an Application now",
    fullDescription:
      "Looks at the repository, applies what differs and says how it went.\nExit status: 0 when it worked, 1 when it failed, 2 on an error.\n\nExamples:\n  gantry sync\n  gantry sync shop --wait --timeout 2m\n  gantry sync shop --revision v1.4.2 --prune",
  },
});
