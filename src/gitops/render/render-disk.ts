/** Renders a folder of this machine that is written for Kustomize or Helm; places are relative to the working directory. */
import { access, realpath } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import type { ApplicationSource, HelmSource } from "../../kube/kinds/application.ts";
import type { Finding } from "../check/finding.ts";
import { diskTree } from "../source/disk-tree.ts";
import type { Tree } from "../source/source.ts";
import type { Manifest } from "./manifest.ts";
import { decryptRendered } from "./decrypt-rendered.ts";
import type { Rendered } from "./render.ts";
import type { RenderEnvironment } from "./render-environment.ts";
import { renderSource } from "./render-source.ts";
import { CHART_FILE, KUSTOMIZATION_FILES, type SourceType } from "./source-type.ts";

export interface DiskRendering {
  /** The folder. */
  readonly path: string;
  readonly environment: RenderEnvironment;
  readonly signal: AbortSignal;
  readonly namespace?: string;
  readonly helm?: HelmSource;
  /** Files of values, as seen from the working directory. */
  readonly valueFiles?: readonly string[];
  /** What is rendered instead of the files as they are: a commit's tree. */
  readonly tree?: Tree;
}

/** The nearest folder above that has a `.git`, else the folder itself: what its files may refer to. */
export async function repositoryRoot(path: string): Promise<string> {
  const real = await realpath(path);
  for (let at = real; ; at = dirname(at)) {
    if (await exists(join(at, ".git"))) return at;
    if (dirname(at) === at) break;
  }
  const here = await realpath(process.cwd());
  return real.startsWith(here + sep) ? here : real;
}

/** How a folder would be rendered, by the files in it. */
export async function diskSourceType(path: string): Promise<SourceType> {
  for (const name of KUSTOMIZATION_FILES) if (await exists(join(path, name))) return "kustomize";
  return (await exists(join(path, CHART_FILE))) ? "helm" : "directory";
}

/** @throws SourceError when a program is missing */
export async function renderDisk(rendering: DiskRendering): Promise<Rendered> {
  const { path, environment, signal } = rendering;
  const root = await repositoryRoot(path);
  const inRoot = relative(root, await realpath(path));
  const source: ApplicationSource = {
    repoURL: root,
    path: inRoot.split(sep).join("/"),
    ...(await helmOf(rendering, root)),
  };
  const rendered = await renderSource({
    source,
    tree: rendering.tree ?? diskTree(root),
    refs: new Map(),
    release: {
      name: rendering.helm?.releaseName ?? "release-name",
      namespace: rendering.namespace ?? "default",
      isUpgrade: false,
    },
    environment,
    signal,
  });
  const clear = await decryptRendered(rendered, environment.decryptor);
  const shown = (file: string): string => relative(process.cwd(), join(root, file)) || ".";
  return {
    ...clear,
    objects: clear.objects.map((manifest) => placed(manifest, shown)),
    findings: clear.findings.map((finding) => shownFinding(finding, shown)),
  };
}

async function helmOf(
  { helm, valueFiles = [] }: DiskRendering,
  root: string,
): Promise<Pick<ApplicationSource, "helm">> {
  if (helm === undefined && valueFiles.length === 0) return {};
  const files: string[] = [];
  for (const file of valueFiles) files.push(`/${relative(root, await realpath(file))}`);
  return { helm: { ...helm, ...(files.length === 0 ? {} : { valueFiles: files }) } };
}

function placed(manifest: Manifest, shown: (file: string) => string): Manifest {
  const { origin } = manifest;
  return { ...manifest, origin: { ...origin, file: shown(origin.file) } };
}

function shownFinding(finding: Finding, shown: (file: string) => string): Finding {
  const { related } = finding;
  return {
    ...finding,
    file: shown(finding.file),
    ...(related === undefined
      ? {}
      : { related: related.map((place) => ({ ...place, file: shown(place.file) })) }),
  };
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
