/** A real `gantry` in a temporary directory of its own: started, asked, stopped or killed by tests. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, isAbsolute, join } from "node:path";
import { loadClusterAccess } from "../../src/client/http/cluster-access.ts";
import { HttpClient } from "../../src/client/http/http-client.ts";
import { builtGantry } from "./built-gantry.ts";
import { killProcessesBelow } from "./processes.ts";

const READY_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 45_000;
const COMMAND_TIMEOUT_MS = 30_000;
const DEFAULT_FLAGS = {
  "--api-listen": "127.0.0.1:0",
  "--listen": "127.0.0.1:0",
  "--log-level": "warn",
};

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface CreateOptions {
  /** When it shall not be below a directory of its own. */
  readonly dataDir?: string;
  /** Programs that come first on its PATH; those without a path are on it already. */
  readonly programs?: readonly string[];
}

export class GantryProcess {
  readonly home: string;
  readonly dataDir: string;
  readonly #program: string;
  #child: ChildProcess | undefined;
  #ended: Promise<Ended> = Promise.resolve({ code: null, signal: null });
  #stdout = "";
  #stderr = "";
  #onOutput: () => void = () => undefined;

  private constructor(program: string, home: string, dataDir: string) {
    this.#program = program;
    this.home = home;
    this.dataDir = dataDir;
  }

  static async create({ dataDir, programs = [] }: CreateOptions = {}): Promise<GantryProcess> {
    const program = await builtGantry();
    const home = await realpath(await mkdtemp(join(tmpdir(), "gantry-e2e-")));
    await mkdir(join(home, "bin"));
    for (const path of programs.filter(isAbsolute))
      await symlink(path, join(home, "bin", basename(path)));
    return new GantryProcess(program, home, dataDir ?? join(home, ".gantry"));
  }

  /** Starts `gantry up` and waits until it says that it is ready. */
  async up(...args: readonly string[]): Promise<void> {
    this.spawn("up", ...args);
    await this.printed(/^kubeconfig .*\n/m);
  }

  /** Starts a server command without waiting. */
  spawn(command: "up" | "demo", ...args: readonly string[]): void {
    this.#stdout = "";
    this.#stderr = "";
    const flags = Object.entries({ ...DEFAULT_FLAGS, "--data-dir": this.dataDir })
      .filter(([flag]) => !args.includes(flag))
      .flat();
    const child = spawn(process.execPath, [this.#program, command, ...flags, ...args], {
      cwd: this.home,
      env: this.#environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.#stdout += text;
      this.#onOutput();
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
    });
    this.#ended = new Promise((resolve) =>
      child.once("close", (code, signal) => {
        resolve({ code, signal });
        this.#onOutput();
      }),
    );
  }

  /** Resolves with what stdout holds once it matches. Rejects when the process ends before. */
  printed(pattern: RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      const fail = (what: string) =>
        reject(new Error(`${what}\nstdout: ${this.#stdout}\nstderr: ${this.#stderr}`));
      const timer = setTimeout(
        () => fail(`gantry did not print ${String(pattern)}`),
        READY_TIMEOUT_MS,
      );
      this.#onOutput = () => {
        const isEnded = this.#child?.exitCode !== null || this.#child.signalCode !== null;
        const isThere = pattern.test(this.#stdout);
        if (!isThere && !isEnded) return;
        clearTimeout(timer);
        this.#onOutput = () => undefined;
        if (isThere) resolve(this.#stdout);
        else fail(`gantry ended with ${this.#child?.exitCode} before it was ready`);
      };
      this.#onOutput();
    });
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }
  get stdout(): string {
    return this.#stdout;
  }
  get stderr(): string {
    return this.#stderr;
  }
  get ended(): Promise<Ended> {
    return this.#ended;
  }
  get kubeconfig(): string {
    return join(this.dataDir, "kubeconfig");
  }
  get addresses(): {
    readonly api: string;
    readonly web: string;
    readonly ingressHttp?: string;
    readonly ingressHttps?: string;
  } {
    return JSON.parse(readFileSync(join(this.dataDir, "addresses.json"), "utf8")) as {
      api: string;
      web: string;
      ingressHttp?: string;
      ingressHttps?: string;
    };
  }
  get podsDirectory(): string {
    return join(this.dataDir, "pods");
  }
  async client(): Promise<HttpClient> {
    return new HttpClient(await loadClusterAccess({ path: this.kubeconfig }));
  }

  /** Writes a file for a command to read; its path. */
  async file(name: string, content: string): Promise<string> {
    const path = join(this.home, name);
    await writeFile(path, content);
    return path;
  }
  /** Runs another `gantry` command on the same data directory, whatever comes of it. */
  run(...args: readonly string[]): Promise<CommandResult> {
    return this.#execute(process.execPath, [this.#program, ...args]);
  }
  /** Runs kubectl, whatever comes of it. */
  kubectl(...args: readonly string[]): Promise<CommandResult> {
    return this.#execute("kubectl", ["--kubeconfig", this.kubeconfig, ...args]);
  }
  /** Runs a line of the documentation in a directory; `npx gantry` is the program under test. */
  shell(line: string, directory = this.home): Promise<CommandResult> {
    const npx = `npx() { shift; '${process.execPath}' '${this.#program}' "$@"; }`;
    return this.#execute("/bin/sh", ["-c", `${npx}\n${line}`], directory);
  }

  /** Sends SIGTERM and waits for the end. Throws when it takes too long. */
  async stop(): Promise<Ended> {
    this.#child?.kill("SIGTERM");
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`gantry does not stop\nstderr: ${this.#stderr}`)),
        STOP_TIMEOUT_MS,
      );
    });
    try {
      return await Promise.race([this.#ended, late]);
    } finally {
      clearTimeout(timer);
    }
  }
  /** SIGKILL: nothing gets tidied up. */
  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#ended;
  }

  /** Ends everything that a test has left, and removes the directory. */
  async dispose(): Promise<void> {
    await this.kill();
    killProcessesBelow(this.podsDirectory);
    await rm(this.home, { recursive: true, force: true, maxRetries: 5 });
  }

  get #environment(): Record<string, string> {
    const PATH = `${join(this.home, "bin")}:${process.env["PATH"] ?? ""}`;
    return { PATH, HOME: this.home, NO_COLOR: "1" };
  }
  #execute(file: string, args: readonly string[], directory = this.home): Promise<CommandResult> {
    return new Promise((resolve, reject) => {
      const child = execFile(
        file,
        args,
        { cwd: directory, env: this.#environment, timeout: COMMAND_TIMEOUT_MS },
        (error, stdout, stderr) => {
          if (child.exitCode === null)
            reject(new Error(`${args.join(" ")}: ${stdout}${stderr}`, { cause: error }));
          else resolve({ code: child.exitCode, stdout, stderr });
        },
      );
      child.stdin?.end();
    });
  }
}
