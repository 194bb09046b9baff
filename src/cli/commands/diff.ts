import { buildCommand } from "@stricli/core";
import { applicationAliases, applicationFlags } from "../application-flags.ts";

export const diff = buildCommand({
  loader: async () => (await import("../show-diff.ts")).showDiff,
  parameters: {
    flags: {
      ...applicationFlags,
      revision: {
        kind: "parsed",
        parse: String,
        brief: "Branch, tag or commit to compare instead of the Application's own",
        optional: true,
        placeholder: "REV",
      },
      output: {
        kind: "enum",
        values: ["text", "json", "markdown"],
        brief: "Form of the result",
        default: "text",
      },
    },
    aliases: { ...applicationAliases, o: "output" },
    positional: {
      kind: "tuple",
      parameters: [
        {
          brief: "An Application, or a folder or file with manifests",
          parse: String,
          placeholder: "APP|PATH",
          default: "default",
        },
      ],
    },
  },
  docs: {
    brief: "Show what applying would change in the cluster",
    fullDescription:
      "An argument with a slash or a dot, or that exists as a file, is a path; with a path, --namespace is where objects go that name none.\nExit status: 0 when nothing would change, 1 when something would, 2 on an error.\n\nExamples:\n  gantry diff shop\n  gantry diff shop --revision feature/x --output markdown\n  gantry diff ./deploy --kubeconfig ~/.kube/config",
  },
});
