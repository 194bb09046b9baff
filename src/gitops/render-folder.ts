/** Renders and checks the folder of an Application: what of it may be applied, and what is wrong. */
import type { ApplicationSource } from "../kube/kinds/application.ts";
import { checkManifests } from "./check/check-manifests.ts";
import { formatFinding } from "./check/finding.ts";
import type { ApplicationManifests } from "./application-manifests.ts";
import { render, type RenderOptions } from "./render/render.ts";
import type { RenderCache } from "./render/render-cache.ts";
import type { Tree } from "./source/source.ts";

export type RenderedFolder = Omit<ApplicationManifests, "commit">;

/** Findings shown of one kind; the rest is counted. */
const MAX_FINDINGS = 20;

export function renderOptions(source: ApplicationSource): RenderOptions {
  const { recurse, include, exclude } = source.directory ?? {};
  return {
    path: source.path ?? "",
    ...(recurse === undefined ? {} : { recurse }),
    ...(include === undefined ? {} : { include }),
    ...(exclude === undefined ? {} : { exclude }),
  };
}

/** Gives back `before` itself when the folder is the same. */
export async function renderFolder(
  source: ApplicationSource,
  tree: Tree,
  cache: RenderCache,
  before: RenderedFolder | undefined,
): Promise<RenderedFolder> {
  const rendered = await render(tree, renderOptions(source), cache);
  if (before?.id === rendered.id) return before;
  const findings = [...rendered.findings, ...checkManifests(rendered.objects)];
  return {
    id: rendered.id,
    manifests: rendered.objects,
    complete: rendered.complete,
    errors: shown(findings.filter((finding) => finding.severity === "error").map(formatFinding)),
    warnings: shown(
      findings.filter((finding) => finding.severity === "warning").map(formatFinding),
    ),
  };
}

function shown(messages: readonly string[]): string[] {
  if (messages.length <= MAX_FINDINGS) return [...messages];
  return [...messages.slice(0, MAX_FINDINGS), `and ${messages.length - MAX_FINDINGS} more`];
}
