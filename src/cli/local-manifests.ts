/** Manifests from a path of this machine, for commands that look at files. */
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import type { HelmSource } from "../kube/kinds/application.ts";
import { ApplicationRenderer } from "../gitops/application-renderer.ts";
import { formatFinding } from "../gitops/check/finding.ts";
import { FolderSource } from "../gitops/source/folder.ts";
import { Sources } from "../gitops/source/sources.ts";
import { SourceError } from "../gitops/source/source-error.ts";
import type { Tree } from "../gitops/source/source.ts";
import { Programs, type ProgramsOptions } from "../gitops/render/programs/programs.ts";
import { diskSourceType, renderDisk, repositoryRoot } from "../gitops/render/render-disk.ts";
import { render, type Rendered } from "../gitops/render/render.ts";
import type { RenderEnvironment } from "../gitops/render/render-environment.ts";
import { CliError } from "./context.ts";

export interface LocalRendering {
  /** A commit of the repository that has the path; without, files are read as they are. */
  readonly revision?: string | undefined;
  readonly namespace?: string | undefined;
  readonly helm?: HelmSource;
  readonly valueFiles?: readonly string[];
  readonly programs?: ProgramsOptions;
}

export async function renderPath(path: string, options: LocalRendering = {}): Promise<Rendered> {
  const isFile = (await statOf(path)).isFile();
  for (const file of options.valueFiles ?? []) await statOf(file);
  try {
    if (options.revision !== undefined)
      return await withRevision(path, options.revision, (tree) =>
        renderFolder(path, options, tree),
      );
    if (!isFile && (await diskSourceType(path)) !== "directory")
      return await renderFolder(path, options);
    return await renderPlain(path, isFile);
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    throw new CliError(error.message, { cause: error });
  }
}

async function renderPlain(path: string, isFile: boolean): Promise<Rendered> {
  const absolute = resolve(path);
  const folder = new FolderSource({ path: isFile ? dirname(absolute) : absolute });
  try {
    const { tree } = await folder.resolve("HEAD");
    return await render(tree, { path: "", ...(isFile ? { include: basename(absolute) } : {}) });
  } finally {
    await folder.close();
  }
}

async function renderFolder(path: string, options: LocalRendering, tree?: Tree): Promise<Rendered> {
  const { namespace, helm, valueFiles } = options;
  return renderDisk({
    path,
    environment: await localEnvironment(options.programs),
    signal: new AbortController().signal,
    ...(namespace === undefined ? {} : { namespace }),
    ...(helm === undefined ? {} : { helm }),
    ...(valueFiles === undefined ? {} : { valueFiles }),
    ...(tree === undefined ? {} : { tree }),
  });
}

/** Of this machine alone: no keys, so what is encrypted is shown as it is written. */
export async function localEnvironment(options: ProgramsOptions = {}): Promise<RenderEnvironment> {
  const renderer = new ApplicationRenderer({ programs: new Programs(options) });
  const environment = await renderer.environmentOf({
    apiVersion: "gantry.dev/v1",
    kind: "Application",
    metadata: { name: "local" },
    spec: { destination: {} },
  });
  const { decryptor: _none, ...rest } = environment;
  return rest;
}

async function statOf(path: string): Promise<Awaited<ReturnType<typeof stat>>> {
  try {
    return await stat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new CliError(`there is no ${path}: name a folder or file with manifests`, {
      cause: error,
    });
  }
}

async function withRevision<T>(
  path: string,
  revision: string,
  use: (tree: Tree) => Promise<T>,
): Promise<T> {
  const dataDir = await mkdtemp(join(tmpdir(), "gantry-"));
  const sources = new Sources({ dataDir });
  try {
    const source = await sources.open({ repoURL: await repositoryRoot(path) });
    return await use((await source.resolve(revision)).tree);
  } finally {
    await sources.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** Throws when something could not be read: half a set of manifests would mislead. */
export function requireReadable(rendered: Rendered): Rendered {
  const errors = rendered.findings.filter((finding) => finding.severity === "error");
  if (errors.length > 0) throw new CliError(errors.map(formatFinding).join("\n"));
  return rendered;
}
