/**
 * Repositories that Gantry keeps itself: `gantry://<namespace>/<name>.git` as a `repoURL`, a bare
 * repository below the data directory, and what `git push` is given the address of.
 */
import { randomUUID } from "node:crypto";
import { mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { dns1123Label, dns1123Subdomain } from "../../kube/names.ts";

const SCHEME = "gantry://";
const FOLDER = "repositories";
/** As `git init` has it since everybody renamed theirs. */
export const DEFAULT_BRANCH = "main";
/** With its ending it is the name of a directory, which may have 255. */
const MAX_NAME_CHARS = 200;

/** Named like the Application that it is made for. */
export interface RepositoryId {
  readonly namespace: string;
  readonly name: string;
}

export function internalUrl({ namespace, name }: RepositoryId): string {
  return `${SCHEME}${namespace}/${name}.git`;
}

/** Undefined: the URL means something else, or no repository that could be here. */
export function parseInternalUrl(repoURL: string): RepositoryId | undefined {
  if (!repoURL.startsWith(SCHEME)) return undefined;
  const [namespace = "", name = "", ...rest] = repoURL.slice(SCHEME.length).split("/");
  if (rest.length > 0) return undefined;
  return repositoryId(namespace, name.replace(/\.git$/, ""));
}

/** Undefined for what cannot be the name of a namespace and an Application: no path escapes by it. */
export function repositoryId(namespace: string, name: string): RepositoryId | undefined {
  const problems = [...dns1123Label(namespace), ...dns1123Subdomain(name)];
  return problems.length === 0 && name.length <= MAX_NAME_CHARS ? { namespace, name } : undefined;
}

export function repositoriesFolder(dataDir: string): string {
  return join(dataDir, FOLDER);
}

export function repositoryDirectory(dataDir: string, { namespace, name }: RepositoryId): string {
  return join(repositoriesFolder(dataDir), namespace, `${name}.git`);
}

/** Makes the repository where there is none, whole or not at all. Returns its directory. */
export async function ensureRepository(dataDir: string, id: RepositoryId): Promise<string> {
  const directory = repositoryDirectory(dataDir, id);
  if (await exists(join(directory, "HEAD"))) return directory;
  const parent = dirname(directory);
  await mkdir(parent, { recursive: true, mode: 0o700 });
  const draft = join(parent, `.new-${randomUUID()}`);
  await writeBareRepository(draft);
  try {
    await rename(draft, directory);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    // Somebody else made it at the same time.
    if (!(await exists(join(directory, "HEAD")))) throw error;
  }
  return directory;
}

async function writeBareRepository(directory: string): Promise<void> {
  await mkdir(join(directory, "objects", "pack"), { recursive: true, mode: 0o700 });
  await mkdir(join(directory, "objects", "info"));
  await mkdir(join(directory, "refs", "heads"), { recursive: true });
  await mkdir(join(directory, "refs", "tags"));
  const config = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n";
  await writeFile(join(directory, "config"), config);
  await writeFile(join(directory, "HEAD"), `ref: refs/heads/${DEFAULT_BRANCH}\n`);
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
