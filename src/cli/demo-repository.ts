/** The demo's Git repository: a copy of `sample-repo/`, committed, in the data directory. */
import * as fs from "node:fs";
import { cp, mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { packageRoot } from "./package-root.ts";

const AUTHOR = { name: "Gantry demo", email: "demo@gantry.invalid" };

const SAMPLE = join(packageRoot, "sample-repo");

/** Returns false, and changes nothing, when the repository is there already. */
export async function seedDemoRepository(directory: string): Promise<boolean> {
  if (await exists(join(directory, ".git"))) return false;
  await mkdir(directory, { recursive: true });
  await cp(SAMPLE, directory, { recursive: true });
  const { default: git } = await import("isomorphic-git");
  await git.init({ fs, dir: directory, defaultBranch: "main" });
  for (const entry of await readdir(directory))
    if (entry !== ".git") await git.add({ fs, dir: directory, filepath: entry });
  await git.commit({ fs, dir: directory, message: "The sample system", author: AUTHOR });
  // So that stock git can commit here on a machine that has no identity configured.
  await git.setConfig({ fs, dir: directory, path: "user.name", value: AUTHOR.name });
  await git.setConfig({ fs, dir: directory, path: "user.email", value: AUTHOR.email });
  return true;
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}
