import { buildCommand } from "@stricli/core";

export const render = buildCommand({
  loader: async () => (await import("../print-rendered.ts")).printRendered,
  parameters: {
    flags: {
      revision: {
        kind: "parsed",
        parse: String,
        brief: "Branch, tag or commit; of a work tree, what is committed",
        optional: true,
        placeholder: "REV",
      },
      output: {
        kind: "enum",
        values: ["yaml", "json"],
        brief: "Form of the result",
        default: "yaml",
      },
    },
    aliases: { o: "output" },
    positional: {
      kind: "tuple",
      parameters: [
        { brief: "Repository, folder or file", parse: String, placeholder: "PATH", default: "." },
      ],
    },
  },
  docs: {
    brief: "Print the manifests that a folder renders to",
    fullDescription:
      "Reads the files as they are; with --revision, a commit of the Git repository at PATH.\nExit status: 0, or 2 when something cannot be read.\n\nExamples:\n  gantry render deploy\n  gantry render . --revision v1.2.0 --output json",
  },
});
