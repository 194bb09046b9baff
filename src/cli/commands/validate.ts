import { buildCommand } from "@stricli/core";

const off = (brief: string) =>
  ({ kind: "boolean", brief, optional: true, withNegated: false }) as const;

export const validate = buildCommand({
  loader: async () => (await import("../validate-manifests.ts")).validateManifests,
  parameters: {
    flags: {
      output: {
        kind: "enum",
        values: ["text", "json", "junit", "tap", "sarif", "github"],
        brief: "Form of the result",
        default: "text",
      },
      strict: off("Warnings count as errors"),
      kubernetesVersion: {
        kind: "parsed",
        parse: String,
        brief: "Release that the manifests are for: removed and newer APIs are errors",
        optional: true,
        placeholder: "VERSION",
      },
      schemaLocation: {
        kind: "parsed",
        parse: String,
        brief:
          "JSON Schemas for further kinds: a file or URL template as kubeconform has them; may be repeated",
        optional: true,
        variadic: true,
        placeholder: "TEMPLATE",
      },
      ignoreMissingSchemas: off("Skip kinds that nobody has defined"),
      scan: off("Also by the built-in rules: privileges, limits, images, secrets in the clear"),
      policy: {
        kind: "parsed",
        parse: String,
        brief: "Files or folders with Policies and Projects to hold the input to; may be repeated",
        optional: true,
        variadic: true,
        placeholder: "PATH",
      },
      project: {
        kind: "parsed",
        parse: String,
        brief: "Hold all of the input to what this Project allows",
        optional: true,
        placeholder: "NAME",
      },
      verbose: off("JSON: list valid objects, too"),
    },
    aliases: { o: "output" },
    positional: {
      kind: "array",
      parameter: {
        brief: "Files and folders; - for standard input",
        parse: String,
        placeholder: "PATH",
      },
      minimum: 1,
    },
  },
  docs: {
    brief: "Check manifests, offline",
    fullDescription:
      "Schema, unknown fields, the rules of each kind, and what objects say about each other; custom kinds by the CustomResourceDefinitions in the input. Policies in the input hold, too, and those that --policy names.\nExit status: 0 when valid, 1 with findings, 2 when it could not run.\n\nExamples:\n  gantry validate deploy\n  gantry validate --output sarif deploy > findings.sarif\n  helm template . | gantry validate -\n  gantry validate --scan --policy policies deploy\n  gantry validate --schema-location 'schemas/{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json' deploy",
  },
});
