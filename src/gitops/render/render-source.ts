/** Renders one source of an Application by the tool that it is written for. */
import type { ApplicationSource } from "../../kube/kinds/application.ts";
import { directoryAt } from "../source/tree-path.ts";
import type { Tree } from "../source/source.ts";
import { footmark } from "./footprint.ts";
import { renderHelm } from "./helm/render-helm.ts";
import { renderKustomize } from "./kustomize/render-kustomize.ts";
import { failedRendering, render, type Rendered, type RenderOptions } from "./render.ts";
import type { SourceRendering } from "./source-rendering.ts";
import { sourceType } from "./source-type.ts";

/** @throws SourceError when the tree has no such directory, or a program that is needed is missing */
export async function renderSource(rendering: SourceRendering): Promise<Rendered> {
  const { source, tree, environment } = rendering;
  const directory = await chartOrDirectory(source, tree);
  const type = await sourceType(source, tree, directory);
  if (typeof type === "object") return failedRendering(type.finding, [await footmark(tree, "")]);
  if (type === "kustomize") return renderKustomize({ ...rendering, directory });
  if (type === "helm") return renderHelm({ ...rendering, directory });
  const isExplicit = source.directory !== undefined;
  const { cache, decryptor } = environment;
  const options = { ...plainOptions(source), isExplicit };
  return render(tree, decryptor === undefined ? options : { ...options, decryptor }, cache);
}

export function plainOptions(source: ApplicationSource): RenderOptions {
  const { recurse, include, exclude } = source.directory ?? {};
  return {
    path: source.path ?? "",
    ...(recurse === undefined ? {} : { recurse }),
    ...(include === undefined ? {} : { include }),
    ...(exclude === undefined ? {} : { exclude }),
  };
}

/** A chart from a registry is a tree of its own: at its root, or in one folder of its name. */
async function chartOrDirectory(source: ApplicationSource, tree: Tree): Promise<string> {
  const { chart, path = "" } = source;
  if (chart === undefined) return directoryAt(tree, path, path);
  if ((await tree.entry("Chart.yaml")) !== undefined) return "";
  const name = chart.slice(chart.lastIndexOf("/") + 1);
  return directoryAt(tree, name, source.repoURL);
}
