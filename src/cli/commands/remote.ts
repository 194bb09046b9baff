import { buildCommand } from "@stricli/core";
import { applicationAliases, applicationFlags, oneApplication } from "../application-flags.ts";
import { outputFlag } from "../output.ts";

const text = (brief: string, placeholder: string) =>
  ({ kind: "parsed", parse: String, brief, placeholder, optional: true }) as const;
const flag = (brief: string) =>
  ({ kind: "boolean", brief, optional: true, withNegated: false }) as const;

export const remote = buildCommand({
  loader: async () => (await import("../print-remote.ts")).printRemote,
  parameters: {
    flags: {
      ...applicationFlags,
      output: outputFlag,
      create: flag("Create the Application, synced automatically, where there is none"),
      path: text("With --create: folder of the repository that holds its manifests", "PATH"),
      branch: text("With --create: branch that it follows; main when absent", "BRANCH"),
      rotate: flag("Make a new token; the old one is void at once"),
      server: text("Address of the web listener, where this machine does not know it", "URL"),
    },
    aliases: applicationAliases,
    positional: oneApplication,
  },
  docs: {
    brief: "Print the URL that `git push` deploys an Application to",
    fullDescription:
      'Every Application can have a repository inside Gantry. A push to it is checked before anything moves, and shows the rollout.\nThe URL on stdout holds the token that lets you push: treat it as a password.\n`git push -o dry-run` shows the plan only, `-o no-wait` does not wait for the rollout.\nExit status: 0, or 2 on an error.\n\nExamples:\n  git remote add gantry "$(gantry remote shop --create --path deploy)"\n  git push gantry main\n  gantry remote shop --rotate',
  },
});
