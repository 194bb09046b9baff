import { buildCommand } from "@stricli/core";

export const verifyStore = buildCommand({
  loader: async () => (await import("../check-store.ts")).checkStore,
  parameters: {
    flags: {
      dataDir: {
        kind: "parsed",
        parse: String,
        brief: "Data directory; its gantry must be stopped",
        default: ".gantry",
        placeholder: "DIR",
      },
    },
  },
  docs: {
    brief: "Check that the database is whole",
    fullDescription:
      "Reads every record and compares disk and memory.\nExit status: 0 when it is whole, 1 when not, 2 when it cannot be read.\n\nExamples:\n  gantry debug verify-store\n  gantry debug verify-store --data-dir /var/lib/gantry",
  },
});
