import { buildCommand } from "@stricli/core";
import { serverFlags } from "./up.ts";

export const demo = buildCommand({
  loader: async () => (await import("../run-server.ts")).runDemo,
  parameters: {
    flags: { ...serverFlags, logLevel: { ...serverFlags.logLevel, default: "warn" } },
  },
  docs: {
    brief: "Run the sample system from a Git repository of its own",
    fullDescription:
      "Makes the repository <data-dir>/demo from the sample, deploys it and prints what to try. An existing one is kept.\n\nExamples:\n  gantry demo\n  gantry demo --data-dir /tmp/demo --listen 127.0.0.1:0 --api-listen 127.0.0.1:0",
  },
});
