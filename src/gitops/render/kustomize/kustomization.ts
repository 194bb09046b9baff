/** What a kustomization refers to, and what it asks for that is never done. */
import { isObject, type UnknownObject } from "../../../kube/json-object.ts";

export interface KustomizationReference {
  /** Where it is written: `resources[0]`. */
  readonly field: string;
  readonly path: string;
  /**
   * `resource`: a file of manifests or a folder with a kustomization; `component`: a folder;
   * `config`: a file that configures a generator or transformer, or a folder; `file`: anything.
   */
  readonly to: "resource" | "component" | "config" | "file";
}

export interface Refusal {
  readonly field: string;
  readonly message: string;
  readonly suggestion: string;
}

export interface KustomizationContent {
  readonly references: readonly KustomizationReference[];
  readonly refusals: readonly Refusal[];
}

const LISTS: readonly (readonly [string, KustomizationReference["to"]])[] = [
  ["resources", "resource"],
  ["bases", "resource"],
  ["components", "component"],
  ["crds", "file"],
  ["configurations", "file"],
  ["generators", "config"],
  ["transformers", "config"],
  ["validators", "config"],
  ["patchesStrategicMerge", "file"],
];
const PATCH_LISTS = ["patches", "patchesJson6902", "replacements"];
const GENERATORS = ["configMapGenerator", "secretGenerator"];
const HELM_FIELDS = ["helmCharts", "helmChartInflationGenerator", "helmGlobals"];
/** Run as programs or containers, were plug-ins allowed. */
const FUNCTION_ANNOTATIONS = ["config.kubernetes.io/function", "config.k8s.io/function"];

export function readKustomization(value: UnknownObject): KustomizationContent {
  const references: KustomizationReference[] = [];
  for (const [field, to] of LISTS)
    strings(value[field]).forEach(([path, index]) => {
      // A patch or a plug-in's configuration may stand here itself.
      const isInline = to !== "resource" && path.includes("\n");
      if (!isInline) references.push({ field: `${field}[${index}]`, path, to });
    });
  for (const field of PATCH_LISTS)
    objects(value[field]).forEach(([item, index]) => {
      const { path } = item;
      if (typeof path === "string")
        references.push({ field: `${field}[${index}].path`, path, to: "file" });
    });
  for (const field of GENERATORS)
    objects(value[field]).forEach(([item, index]) =>
      references.push(...generatorFiles(item, `${field}[${index}].`)),
    );
  const { openapi } = value;
  if (isObject(openapi) && typeof openapi["path"] === "string")
    references.push({ field: "openapi.path", path: openapi["path"], to: "file" });
  const refusals = HELM_FIELDS.filter((field) => value[field] !== undefined).map((field) => ({
    field,
    message: `${field} would make Kustomize download and run Helm, which is not done`,
    suggestion: "Make the chart a source of the Application (spec.sources) of its own",
  }));
  return { references, refusals };
}

/** The files that the configuration of a built-in generator or transformer names. */
export function readPluginConfig(value: UnknownObject): KustomizationContent {
  const { metadata, apiVersion, kind } = value;
  const annotations = isObject(metadata) ? metadata["annotations"] : undefined;
  const runs =
    isObject(annotations) && FUNCTION_ANNOTATIONS.some((name) => annotations[name] !== undefined);
  const isHelm = kind === "HelmChartInflationGenerator";
  if (runs || isHelm || (apiVersion !== undefined && apiVersion !== "builtin"))
    return {
      references: [],
      refusals: [
        {
          field: runs ? "metadata.annotations" : isHelm ? "kind" : "apiVersion",
          message: isHelm
            ? "HelmChartInflationGenerator would make Kustomize run Helm, which is not done"
            : `${typeof kind === "string" ? kind : "this plug-in"} would make Kustomize run a program or container, which is not done`,
          suggestion:
            "Use what is built into Kustomize (apiVersion: builtin), or commit the output",
        },
      ],
    };
  const references = [...generatorFiles(value, "")];
  if (typeof value["path"] === "string")
    references.push({ field: "path", path: value["path"], to: "file" });
  strings(value["paths"]).forEach(([path, index]) => {
    if (!path.includes("\n")) references.push({ field: `paths[${index}]`, path, to: "file" });
  });
  return { references, refusals: [] };
}

/** `files` may name the key before an `=`. */
function* generatorFiles(item: UnknownObject, at: string): Generator<KustomizationReference> {
  for (const [text, index] of strings(item["files"]))
    yield {
      field: `${at}files[${index}]`,
      path: text.slice(text.indexOf("=") + 1).trim(),
      to: "file",
    };
  for (const [path, index] of strings(item["envs"]))
    yield { field: `${at}envs[${index}]`, path, to: "file" };
  if (typeof item["env"] === "string") yield { field: `${at}env`, path: item["env"], to: "file" };
}

function strings(value: unknown): [string, number][] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((item: unknown, index): [string, number][] =>
    typeof item === "string" ? [[item, index]] : [],
  );
}

function objects(value: unknown): [UnknownObject, number][] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((item: unknown, index): [UnknownObject, number][] =>
    isObject(item) ? [[item, index]] : [],
  );
}
