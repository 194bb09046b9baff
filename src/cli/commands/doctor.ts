import { buildCommand } from "@stricli/core";
import { outputFlag } from "../output.ts";
import { renderingFlags } from "../rendering-flags.ts";
import { serverFlags } from "./up.ts";

export const doctor = buildCommand({
  loader: async () => (await import("../examine.ts")).examine,
  parameters: {
    flags: {
      dataDir: serverFlags.dataDir,
      apiListen: serverFlags.apiListen,
      listen: serverFlags.listen,
      ...renderingFlags,
      output: outputFlag,
    },
    aliases: { o: "output" },
  },
  docs: {
    brief: "Check this machine, and say what is missing and how to get it",
    fullDescription:
      "Exit status: 0 when `gantry up` will work, 1 when not.\n\nExamples:\n  gantry doctor\n  gantry doctor --data-dir /var/lib/gantry --listen 0.0.0.0:80",
  },
});
