import { buildCommand } from "@stricli/core";
import { renderingFlags } from "../rendering-flags.ts";

const text = (brief: string, placeholder: string) =>
  ({ kind: "parsed", parse: String, brief, placeholder, optional: true }) as const;
const texts = (brief: string, placeholder: string) =>
  ({ ...text(brief, placeholder), variadic: true }) as const;

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
      namespace: {
        kind: "parsed",
        parse: String,
        brief: "Namespace of the Helm release",
        default: "default",
        placeholder: "NS",
      },
      releaseName: text("Name of the Helm release", "NAME"),
      values: texts("File of values for a Helm chart; may be given several times", "FILE"),
      set: texts("One value of a Helm chart; may be given several times", "NAME=VALUE"),
      ...renderingFlags,
      output: {
        kind: "enum",
        values: ["yaml", "json"],
        brief: "Form of the result",
        default: "yaml",
      },
    },
    aliases: { o: "output", n: "namespace", f: "values" },
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
      "Reads the files as they are; with --revision, a commit of the Git repository that has PATH. A folder with a kustomization.yaml is rendered by Kustomize, one with a Chart.yaml by Helm.\nExit status: 0, or 2 when something cannot be read.\n\nExamples:\n  gantry render deploy\n  gantry render charts/web --values charts/web/prod.yaml --set replicas=3\n  gantry render . --revision v1.2.0 --output json",
  },
});
