import { buildCommand } from "@stricli/core";
import { applicationAliases, applicationFlags, oneApplication } from "../application-flags.ts";
import { waitFlags } from "../operate.ts";

export const sync = buildCommand({
  loader: async () => (await import("../sync-application.ts")).syncApplication,
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
      resource: {
        kind: "parsed",
        parse: String,
        brief:
          "Only this object, as group:Kind:[namespace/]name; may be repeated; hooks do not run",
        optional: true,
        variadic: true,
        placeholder: "RESOURCE",
      },
      force: {
        kind: "boolean",
        brief: "Delete and create again what cannot be updated",
        optional: true,
        withNegated: false,
      },
      confirm: {
        kind: "boolean",
        brief: "Carry out what asks for a confirmation, such as Prune=confirm",
        optional: true,
        withNegated: false,
      },
      dryRun: {
        kind: "boolean",
        brief: "Ask the cluster what would change, and change nothing",
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
      "Looks at the repository, applies what differs and says how it went.\nExit status: 0 when it worked, 1 when it failed, 2 on an error.\n\nExamples:\n  gantry sync\n  gantry sync shop --wait --timeout 2m\n  gantry sync shop --revision v1.4.2 --prune\n  gantry sync shop --resource apps:Deployment:web --resource :ConfigMap:settings\n  gantry sync shop --dry-run --output json",
  },
});
