/** Files of manifests on disk, as a command line names them: files, folders, and `-` for the input. */
import type { Dirent } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { systemErrorCode } from "../source/source-error.ts";
import { kustomizeResources } from "./kustomize-resources.ts";
import type { Manifest } from "../render/manifest.ts";
import type { Finding } from "./finding.ts";

export interface InputFile {
  /** As it is shown: the argument itself, or a path below it. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** It was named itself, not found in a folder. */
  readonly named: boolean;
}

/** A file that could not be read; `validate` could not do its work. */
export class InputError extends Error {
  override readonly name = "InputError";
  readonly path: string;
  constructor(path: string, cause: unknown) {
    super(`${path}: ${problemOf(cause)}`, { cause });
    this.path = path;
  }
}

/** How the standard input is shown. */
export const STDIN = "stdin";
const MANIFEST_NAME = /\.(yaml|yml|json)$/;
const KUSTOMIZATION = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
const CHART = "Chart.yaml";
/** Folders below folders; deeper trees are circles of mounts. */
const MAX_DEPTH = 64;

/** What became of a folder; places are those of its files. */
export interface RenderedInput {
  readonly manifests: readonly Manifest[];
  readonly findings: readonly Finding[];
}

export interface InputOptions {
  /** Reads what `-` stands for. */
  readonly readStdin?: () => Promise<Uint8Array>;
  /**
   * Renders a folder that is for Kustomize or Helm; undefined when that cannot be done here, then only
   * what is a manifest as it stands is read.
   */
  readonly renderFolder?: (path: string) => Promise<RenderedInput | undefined>;
  readonly onRendered?: (rendered: RenderedInput) => void;
  /** Gets what is said about files that are left out. */
  readonly onFinding?: (finding: Finding) => void;
}

/**
 * Every file in order of the arguments, folders by name. Hidden folders, `node_modules`, and the
 * sources of Kustomize and Helm (which are no manifests until rendered) are left out.
 * @throws InputError
 */
export async function* inputFiles(
  paths: readonly string[],
  options: InputOptions = {},
): AsyncGenerator<InputFile> {
  for (const path of paths) {
    if (path === "-") {
      const bytes = (await options.readStdin?.()) ?? new Uint8Array();
      yield { name: STDIN, bytes, named: true };
    } else if ((await statOf(path)).isDirectory()) yield* folder(path, options, 0);
    else yield { name: path, bytes: await read(path), named: true };
  }
}

async function* folder(
  path: string,
  options: InputOptions,
  depth: number,
): AsyncGenerator<InputFile> {
  if (depth > MAX_DEPTH) return;
  const listed = await list(path);
  const names = new Set(listed.map((entry) => entry.name));
  const kustomization = KUSTOMIZATION.find((name) => names.has(name));
  const isGenerated = kustomization !== undefined || names.has(CHART);
  const rendered = isGenerated ? await options.renderFolder?.(path) : undefined;
  if (rendered !== undefined) options.onRendered?.(rendered);
  if (names.has(CHART)) {
    if (rendered === undefined)
      options.onFinding?.(leftOut(join(path, CHART), "Helm", "helm template"));
    return;
  }
  let wanted = (name: string): boolean => MANIFEST_NAME.test(name);
  if (rendered !== undefined) wanted = () => false;
  else if (kustomization !== undefined) {
    const file = join(path, kustomization);
    const resources = kustomizeResources(await read(file));
    wanted = (name) => resources.has(name);
    options.onFinding?.(leftOut(file, "Kustomize", "kubectl kustomize"));
  }
  for (const entry of listed) {
    const file = join(path, entry.name);
    if (entry.isDirectory()) {
      if (!entry.name.startsWith(".") && entry.name !== "node_modules")
        yield* folder(file, options, depth + 1);
    } else if (wanted(entry.name) && (entry.isFile() || (await isLinkToFile(entry, file))))
      yield { name: file, bytes: await read(file), named: false };
  }
}

async function isLinkToFile(entry: Dirent, path: string): Promise<boolean> {
  if (!entry.isSymbolicLink()) return false;
  const target = await stat(path).catch(() => undefined);
  return target?.isFile() === true;
}

function leftOut(file: string, tool: string, command: string): Finding {
  return {
    severity: "info",
    rule: tool === "Helm" ? "render/helm" : "render/kustomize",
    message: `this folder is for ${tool}: only files that are manifests as they stand are checked`,
    file,
    line: 1,
    column: 1,
    suggestion: `Check the output of ${command} through standard input (-)`,
  };
}

async function list(path: string): Promise<Dirent[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    throw new InputError(path, error);
  }
}

async function statOf(path: string): Promise<{ isDirectory(): boolean }> {
  try {
    return await stat(path);
  } catch (error) {
    throw new InputError(path, error);
  }
}

async function read(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new InputError(path, error);
  }
}

function problemOf(cause: unknown): string {
  const code = systemErrorCode(cause);
  if (code === "ENOENT") return "there is no such file or folder";
  if (code === "EACCES" || code === "EPERM") return "this user may not read it";
  return `it cannot be read (${code ?? "unknown error"})`;
}
