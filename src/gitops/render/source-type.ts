/** Whether a source is plain manifests, Kustomize or Helm: as Argo CD tells, by what it says or what it has. */
import type { Finding } from "../check/finding.ts";
import type { ApplicationSource } from "../../kube/kinds/application.ts";
import type { Tree } from "../source/source.ts";
import { joinPath } from "../source/tree-path.ts";

export type SourceType = "directory" | "kustomize" | "helm";

/** In the order in which Kustomize looks for them. */
export const KUSTOMIZATION_FILES = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
export const CHART_FILE = "Chart.yaml";

export async function sourceType(
  source: ApplicationSource,
  tree: Tree,
  directory: string,
): Promise<SourceType | { readonly finding: Finding }> {
  const asked = (["directory", "kustomize", "helm"] as const).filter(
    (type) => source[type] !== undefined,
  );
  const chart = source.chart === undefined ? [] : (["helm"] as const);
  const [first, second] = [...new Set([...asked, ...chart])];
  if (first !== undefined && second !== undefined) {
    const named = chart.length > 0 && second === "helm" ? "chart" : second;
    return contradiction(
      directory,
      `the source is described both as ${first} and as ${named}`,
      "Keep one of directory, kustomize and helm: each of them says how the folder is rendered",
    );
  }
  const names = new Set((await tree.entries(directory)).map((entry) => entry.name));
  const hasKustomization = KUSTOMIZATION_FILES.some((name) => names.has(name));
  if (first === "kustomize" && !hasKustomization)
    return contradiction(
      directory,
      `spec.source.kustomize is given, but ${shown(directory)} has no kustomization.yaml`,
      "Correct the path, or remove the kustomize block",
    );
  if (first === "helm" && !names.has(CHART_FILE))
    return contradiction(
      directory,
      `spec.source.helm is given, but ${shown(directory)} has no ${CHART_FILE}`,
      "Correct the path, or remove the helm block",
    );
  if (first !== undefined) return first;
  if (hasKustomization) return "kustomize";
  return names.has(CHART_FILE) ? "helm" : "directory";
}

function shown(directory: string): string {
  return directory === "" ? "the root folder" : JSON.stringify(directory);
}

function contradiction(
  directory: string,
  message: string,
  suggestion: string,
): { readonly finding: Finding } {
  const file = joinPath(directory, ".");
  const place = { file, line: 1, column: 1 };
  return {
    finding: { severity: "error", rule: "render/source-type", message, ...place, suggestion },
  };
}
