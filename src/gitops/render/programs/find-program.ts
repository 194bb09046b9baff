/** Finds Kustomize and Helm on this machine, and what version they are. */
import { execFile } from "node:child_process";
import { access, constants, open, realpath, stat } from "node:fs/promises";
import { delimiter, isAbsolute, join, resolve } from "node:path";
import { tmpdir } from "node:os";
import { promisify } from "node:util";

export type Tool = "helm" | "kustomize";

export interface FoundProgram {
  readonly tool: Tool;
  /** Without symlinks. */
  readonly path: string;
  /** What goes before the arguments: `kustomize` for kubectl, `build` for kustomize itself. */
  readonly prefix: readonly string[];
  /** `4.1.4`; part of cache keys. */
  readonly version: string;
  /** As a person would name it: `kubectl 1.35.2`. */
  readonly name: string;
  /** Whether it needs the system's libraries to start. */
  readonly isDynamic: boolean;
}

export type Lookup =
  | { readonly program: FoundProgram }
  | { readonly missing: string; readonly advice: string };

/** A version is told at once or never. */
const VERSION_TIMEOUT_MS = 10_000;
/** Helm 2 had a server part and other charts. */
const OLDEST_HELM = 3;

const ADVICE: Readonly<Record<Tool, string>> = {
  helm: "Install Helm 3 or 4 (helm.sh/docs/intro/install), or name the program with --helm or GANTRY_HELM.",
  kustomize:
    "Install kustomize or kubectl (kubectl.docs.kubernetes.io/installation), or name the program with --kustomize or GANTRY_KUSTOMIZE.",
};

interface Candidate {
  readonly name: "helm" | "kustomize" | "kubectl";
  readonly prefix: readonly string[];
  readonly ask: readonly string[];
}
const HELM: Candidate = { name: "helm", prefix: ["template"], ask: ["version", "--short"] };
const KUSTOMIZE: Candidate = { name: "kustomize", prefix: ["build"], ask: ["version"] };
const KUBECTL: Candidate = {
  name: "kubectl",
  prefix: ["kustomize"],
  ask: ["version", "--client", "--output=json"],
};
const CANDIDATES: Readonly<Record<Tool, readonly Candidate[]>> = {
  helm: [HELM],
  kustomize: [KUSTOMIZE, KUBECTL],
};

export interface FinderOptions {
  readonly kustomize?: string | undefined;
  readonly helm?: string | undefined;
  /** Directories, as in `PATH`. */
  readonly path: string;
}

export class ProgramFinder {
  readonly #options: FinderOptions;
  /** By path and time of change: an upgrade is noticed. */
  readonly #known = new Map<string, Promise<FoundProgram | string>>();

  constructor(options: FinderOptions) {
    this.#options = options;
  }

  async find(tool: Tool): Promise<Lookup> {
    const asked = this.#options[tool];
    const advice = ADVICE[tool];
    if (asked !== undefined && asked !== "") return this.#named(tool, asked);
    const problems: string[] = [];
    for (const candidate of CANDIDATES[tool]) {
      const path = await this.#onPath(candidate.name);
      if (path === undefined) continue;
      const found = await this.#examine(tool, candidate, path);
      if (typeof found !== "string") return { program: found };
      problems.push(found);
    }
    const names = CANDIDATES[tool].map(({ name }) => name).join(" nor ");
    const missing =
      problems.length > 0
        ? problems.join("; ")
        : `there is no ${names} on the PATH`.replace("no kustomize nor", "neither kustomize nor");
    return { missing, advice };
  }

  async #named(tool: Tool, asked: string): Promise<Lookup> {
    const path =
      isAbsolute(asked) || /[/\\]/.test(asked) ? resolve(asked) : await this.#onPath(asked);
    const advice = ADVICE[tool];
    if (path === undefined || !(await isExecutable(path)))
      return { missing: `${asked} is no program that can be run`, advice };
    let last = "";
    // Which of the two it is says its answer, not its name.
    const named = CANDIDATES[tool].toSorted((a, b) => likeness(b, path) - likeness(a, path));
    for (const candidate of named) {
      const found = await this.#examine(tool, candidate, path);
      if (typeof found !== "string") return { program: found };
      last ||= found;
    }
    return { missing: last, advice };
  }

  async #onPath(name: string): Promise<string | undefined> {
    for (const directory of this.#options.path.split(delimiter)) {
      if (!isAbsolute(directory)) continue;
      const path = join(directory, name);
      if (await isExecutable(path)) return path;
    }
    return undefined;
  }

  async #examine(tool: Tool, candidate: Candidate, path: string): Promise<FoundProgram | string> {
    const real = await realpath(path);
    const { mtimeMs, size } = await stat(real);
    const key = JSON.stringify([tool, candidate.name, real, mtimeMs, size]);
    let known = this.#known.get(key);
    if (known === undefined) {
      known = examine(tool, candidate, real);
      this.#known.set(key, known);
    }
    return known;
  }
}

function likeness({ name }: Candidate, path: string): number {
  return path.includes(name) ? 1 : 0;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

/** The program, or what is wrong with it. */
async function examine(
  tool: Tool,
  { name, prefix, ask }: Candidate,
  path: string,
): Promise<FoundProgram | string> {
  const form = await formOf(path);
  if (form === "script")
    return `${path} is a script, not the program itself, which is all that the sandbox shows`;
  try {
    const { stdout } = await promisify(execFile)(path, [...ask], {
      timeout: VERSION_TIMEOUT_MS,
      env: { HOME: tmpdir(), PATH: "" },
    });
    const version = /v?(\d+\.\d+\.\d+[-+.\w]*)/.exec(stdout)?.[1];
    const fits = name === "kubectl" ? stdout.includes("clientVersion") : version !== undefined;
    if (version === undefined || !fits) return `${path} does not say its version as ${name} does`;
    if (name === "helm" && Number.parseInt(version, 10) < OLDEST_HELM)
      return `${path} is Helm ${version}`;
    const title = `${name} ${version}`;
    return { tool, path, prefix, version, name: title, isDynamic: form === "dynamic" };
  } catch (error) {
    return `${path} does not run: ${firstLine(error)}`;
  }
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n", 1)[0] ?? text;
}

const PROGRAM_HEADER_INTERPRETER = 3;
/** The headers of every program fit in here. */
const HEADER_BYTES = 4096;

/** Whether a program stands alone; what is not ELF (macOS) counts as alone. */
async function formOf(path: string): Promise<"static" | "dynamic" | "script"> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
    if (buffer.toString("latin1", 0, 2) === "#!") return "script";
    const isElf64 = buffer.toString("latin1", 0, 4) === "\x7fELF" && buffer[4] === 2;
    if (!isElf64 || buffer[5] !== 1) return "static";
    const start = Number(buffer.readBigUInt64LE(32));
    const size = buffer.readUInt16LE(54);
    for (let index = 0; index < buffer.readUInt16LE(56); index++) {
      const at = start + index * size;
      if (at + 4 > bytesRead) break;
      if (buffer.readUInt32LE(at) === PROGRAM_HEADER_INTERPRETER) return "dynamic";
    }
    return "static";
  } finally {
    await file.close();
  }
}
