/** `doctor`: each check says what it found and, when it fails, what to do. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { access, constants, mkdir, statfs } from "node:fs/promises";
import { createServer } from "node:net";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { holderOfDataDirectory } from "../engine/store/data-directory.ts";
import { formatAddress, type ListenAddress } from "../server/listen-address.ts";
import { Programs } from "../gitops/render/programs/programs.ts";
import { type CliContext, EXIT } from "./context.ts";
import { printJson, printLine } from "./output.ts";
import { type RenderingFlags, renderingOptions } from "./rendering-flags.ts";

interface DoctorFlags extends RenderingFlags {
  readonly dataDir: string;
  readonly apiListen: ListenAddress;
  readonly listen: ListenAddress;
  readonly output: "text" | "json";
}
interface Finding {
  readonly check: string;
  /** `missing` is worth knowing, `failed` keeps `gantry up` from working. */
  readonly result: "ok" | "missing" | "failed";
  readonly detail: string;
  readonly advice?: string;
}

const MIN_FREE_BYTES = 512 * 1024 * 1024;
const PROGRAM_TIMEOUT_MS = 5_000;
const MIN_KUBECTL = 32;

export async function examine(this: CliContext, flags: DoctorFlags): Promise<void> {
  const dataDir = resolve(flags.dataDir);
  const database = resolve(dataDir, "db");
  const holder = existsSync(database) ? holderOfDataDirectory(database) : undefined;
  const findings: Finding[] = [
    checkNode(),
    await checkDataDirectory(dataDir, holder),
    await checkDisk(dataDir),
    await checkAddress("Kubernetes API", flags.apiListen, "--api-listen", holder),
    await checkAddress("web", flags.listen, "--listen", holder),
    await checkClusterAddresses(),
    await checkProgram("git", ["--version"], /(\d+\.\d+[.\d]*)/, "Debian: apt-get install git"),
    await checkKubectl(),
    ...(await checkRendering(flags)),
  ];
  if (flags.output === "json") printJson(this, findings);
  else findings.forEach((finding, index) => printLine(this, line(finding, index + 1)));
  if (findings.some((finding) => finding.result === "failed")) this.process.exitCode = EXIT.differs;
}

function line({ check, result, detail, advice }: Finding, number: number): string {
  const mark = { ok: "✔", missing: "–", failed: "✗" }[result];
  return `${String(number).padStart(2)} ${mark} ${check}: ${detail}${advice === undefined ? "" : `\n     ${advice}`}`;
}

function checkNode(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const isFit = major > 20 || (major === 20 && minor >= 19);
  const finding: Finding = {
    check: "Node.js",
    result: isFit ? "ok" : "failed",
    detail: process.version,
  };
  return isFit ? finding : { ...finding, advice: "install Node.js 20.19 or later" };
}

async function checkDataDirectory(dataDir: string, holder: number | undefined): Promise<Finding> {
  const check = "data directory";
  if (holder !== undefined)
    return {
      check,
      result: "ok",
      detail: `${dataDir} is in use by the gantry with process id ${holder}`,
    };
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
    return { check, result: "ok", detail: `${dataDir} can be written` };
  } catch (error) {
    const detail = `${dataDir}: ${(error as Error).message}`;
    return {
      check,
      result: "failed",
      detail,
      advice: "choose a directory of your own with --data-dir",
    };
  }
}

async function checkDisk(dataDir: string): Promise<Finding> {
  const check = "free disk space";
  try {
    const { bavail, bsize } = await statfs(dataDir);
    const freeBytes = bavail * bsize;
    const detail = `${Math.round(freeBytes / 1024 / 1024)} MiB`;
    if (freeBytes >= MIN_FREE_BYTES) return { check, result: "ok", detail };
    return {
      check,
      result: "failed",
      detail,
      advice: "free some space, or choose another --data-dir",
    };
  } catch (error) {
    return { check, result: "missing", detail: `not known: ${(error as Error).message}` };
  }
}

async function checkAddress(
  what: string,
  address: ListenAddress,
  flag: string,
  holder: number | undefined,
): Promise<Finding> {
  const check = `address for ${what}`;
  const where = formatAddress(address);
  const failure = await bindFailure(address);
  if (failure === undefined) return { check, result: "ok", detail: `${where} is free` };
  if (failure === "EADDRINUSE" && holder !== undefined)
    return { check, result: "ok", detail: `${where} is in use, by the gantry that runs here` };
  const advice = `stop what listens there, or choose another with ${flag} host:port (port 0 picks a free one)`;
  return { check, result: "failed", detail: `${where} cannot be had: ${failure}`, advice };
}

function bindFailure(address: ListenAddress): Promise<string | undefined> {
  return new Promise((done) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
    server.listen(address.port, address.host, () => server.close(() => done(undefined)));
  });
}

async function checkClusterAddresses(): Promise<Finding> {
  const check = "service addresses";
  const failure = await bindFailure({ host: "127.96.0.1", port: 0 });
  if (failure === undefined)
    return { check, result: "ok", detail: "services get addresses of their own in 127.96.0.0/16" };
  const detail =
    "this system has no addresses in 127.96.0.0/16: services get ports on 127.0.0.1 instead";
  return {
    check,
    result: "missing",
    detail,
    advice: "programs find them in <NAME>_SERVICE_HOST and _PORT",
  };
}

async function checkProgram(
  name: string,
  args: readonly string[],
  version: RegExp,
  advice: string,
): Promise<Finding> {
  try {
    const { stdout } = await promisify(execFile)(name, [...args], { timeout: PROGRAM_TIMEOUT_MS });
    return { check: name, result: "ok", detail: version.exec(stdout)?.[1] ?? "found" };
  } catch (error) {
    const isAbsent = (error as NodeJS.ErrnoException).code === "ENOENT";
    const detail = isAbsent ? "not found; gantry works without it" : (error as Error).message;
    return { check: name, result: "missing", detail, advice };
  }
}

async function checkKubectl(): Promise<Finding> {
  const advice = "see kubernetes.io/docs/tasks/tools; gantry speaks to version 1.32 and later";
  const finding = await checkProgram(
    "kubectl",
    ["version", "--client"],
    /v(\d+\.\d+\.\d+)/,
    advice,
  );
  const minor = Number(finding.detail.split(".")[1]);
  if (finding.result !== "ok" || !(minor < MIN_KUBECTL)) return finding;
  return {
    ...finding,
    result: "missing",
    detail: `${finding.detail} is older than 1.${MIN_KUBECTL}`,
    advice,
  };
}

/** What renders Kustomize and Helm: worth having, but only repositories that use them need it. */
async function checkRendering(flags: RenderingFlags): Promise<Finding[]> {
  const programs = new Programs(renderingOptions(flags));
  const findings: Finding[] = [];
  for (const tool of ["kustomize", "helm"] as const) {
    const found = await programs.look(tool);
    const check = `rendering ${tool === "helm" ? "Helm" : "Kustomize"}`;
    if ("program" in found) {
      const { name, path } = found.program;
      findings.push({ check, result: "ok", detail: `${name} (${path})` });
    } else findings.push({ check, result: "missing", detail: found.missing, advice: found.advice });
  }
  const check = "rendering sandbox";
  const problem = await programs.sandboxProblem();
  if (problem !== undefined) {
    const [detail = problem, advice] = problem.split(/(?<=\.) /, 2);
    findings.push({ check, result: "missing", detail, ...(advice && { advice }) });
  } else if (programs.mode === "required")
    findings.push({
      check,
      result: "ok",
      detail: "Kustomize and Helm see the files of the repository and nothing else",
    });
  else
    findings.push({
      check,
      result: "missing",
      detail: "best-effort: Kustomize and Helm run as this user, with its files and network",
      advice: "leave --render-sandbox out where everybody may push who may not log in",
    });
  return findings;
}
