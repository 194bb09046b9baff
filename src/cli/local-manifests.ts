/** Manifests from a path of this machine, for commands that look at files. */
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { FolderSource } from "../gitops/source/folder.ts";
import { Sources } from "../gitops/source/sources.ts";
import { formatFinding } from "../gitops/check/finding.ts";
import { render, type Rendered, type RenderOptions } from "../gitops/render/render.ts";
import { CliError } from "./context.ts";

/** With a revision, `path` is a Git repository; without, files are read as they are. */
export async function renderPath(path: string, revision: string | undefined): Promise<Rendered> {
  if (revision !== undefined) return withRepository(path, revision, { path: "" });
  const absolute = resolve(path);
  const isFile = (await statOf(path)).isFile();
  const folder = new FolderSource({ path: isFile ? dirname(absolute) : absolute });
  try {
    const { tree } = await folder.resolve("HEAD");
    return await render(tree, { path: "", ...(isFile ? { include: basename(absolute) } : {}) });
  } finally {
    await folder.close();
  }
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

/** Renders a revision of any repository, remote ones through a cache that is thrown away. */
export async function withRepository(
  repoURL: string,
  revision: string,
  options: RenderOptions,
  credentials?: Parameters<Sources["open"]>[0]["credentials"],
): Promise<Rendered> {
  const dataDir = await mkdtemp(join(tmpdir(), "gantry-"));
  const sources = new Sources({ dataDir });
  try {
    const source = await sources.open({
      repoURL,
      ...(credentials === undefined ? {} : { credentials }),
    });
    const { tree } = await source.resolve(revision);
    return await render(tree, options);
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
