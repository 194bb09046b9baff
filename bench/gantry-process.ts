/** A `gantry up` of its own in a temporary directory, with a Git repository to commit to. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { loadClusterAccess } from "../src/client/http/cluster-access.ts";
import { HttpClient } from "../src/client/http/http-client.ts";

const GANTRY = fileURLToPath(new URL("../gantry.js", import.meta.url));
/** Linux counts processor time in hundredths of a second. */
const CLOCK_TICKS = 100;
const READY_TIMEOUT_MS = 60_000;
/** For profiles of the server: `NODE_ARGS="--cpu-prof --cpu-prof-dir=/tmp/profiles"`. */
const NODE_ARGS = (process.env["NODE_ARGS"] ?? "").split(" ").filter((arg) => arg !== "");

export class GantryProcess {
  readonly directory = mkdtempSync(join(tmpdir(), "gantry-bench-"));
  readonly repository = join(this.directory, "repo");
  readonly dataDir = join(this.directory, "data");
  #child: ChildProcess | undefined;

  /** Milliseconds from the start of the process until it says that it is ready. */
  async start(args: readonly string[] = []): Promise<number> {
    const startedMs = performance.now();
    const flags = [
      "--data-dir",
      this.dataDir,
      "--api-listen",
      "127.0.0.1:0",
      "--listen",
      "127.0.0.1:0",
    ];
    const child = spawn(process.execPath, [...NODE_ARGS, GANTRY, "up", ...flags, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env["PATH"], HOME: this.directory },
    });
    this.#child = child;
    const log: string[] = [];
    createInterface({ input: child.stderr }).on("line", (line) => {
      log.push(line);
      if (log.length > 200) log.shift();
    });
    const lines = createInterface({ input: child.stdout });
    const ready = new Promise<number>((resolve, reject) => {
      lines.on("line", (line) => {
        if (line.startsWith("kubeconfig")) resolve(performance.now() - startedMs);
      });
      child.once("exit", (code) =>
        reject(new Error(`gantry ended with ${code}:\n${log.join("\n")}`)),
      );
      setTimeout(() => reject(new Error("gantry is not ready")), READY_TIMEOUT_MS).unref();
    });
    return ready;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }
  get addresses(): { api: string; web: string; ingressHttp?: string; dns?: string } {
    return JSON.parse(readFileSync(join(this.dataDir, "addresses.json"), "utf8")) as {
      api: string;
      web: string;
      ingressHttp?: string;
      dns?: string;
    };
  }
  async client(): Promise<HttpClient> {
    return new HttpClient(await loadClusterAccess({ path: join(this.dataDir, "kubeconfig") }));
  }
  get program(): string {
    return GANTRY;
  }
  /** Resident memory of the process, MiB. */
  rssMb(): number {
    return this.#memoryMb("VmRSS");
  }
  /** The most that it ever was. */
  peakRssMb(): number {
    return this.#memoryMb("VmHWM");
  }
  /** Processor time used so far, in seconds: what does not depend on who else works on the machine. */
  cpuSeconds(): number {
    const fields = readFileSync(`/proc/${this.pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS;
  }
  #memoryMb(field: string): number {
    const status = readFileSync(`/proc/${this.pid}/status`, "utf8");
    return Math.round(Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1024);
  }

  /** Writes files and commits them; makes the repository first if need be. Returns the commit. */
  commit(files: Readonly<Record<string, string>>, message: string): string {
    mkdirSync(this.repository, { recursive: true });
    if (!this.#hasRepository) this.git("init", "-q", "-b", "main");
    this.#hasRepository = true;
    this.write(this.repository, files);
    this.git("add", "-A");
    this.git(
      "-c",
      "user.name=bench",
      "-c",
      "user.email=bench@gantry.invalid",
      "commit",
      "-q",
      "-m",
      message,
    );
    return this.git("rev-parse", "HEAD").trim();
  }
  write(directory: string, files: Readonly<Record<string, string>>): void {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      writeFileSync(join(directory, path), content);
    }
  }
  #hasRepository = false;

  git(...args: string[]): string {
    return execFileSync("git", args, { cwd: this.repository, encoding: "utf8" });
  }

  /** Ends the process; `start` goes on where it was. */
  async halt(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null) return;
    child.removeAllListeners("exit");
    child.kill("SIGTERM");
    await once(child, "exit");
  }
  async stop(): Promise<void> {
    await this.halt();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export function percentile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? Number.NaN;
}
