/** Runs `store-writer.ts` as a process of its own and collects what it reports. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { buildSync } from "esbuild";

/** The bundle lies outside of the tree; the link lets it find `lmdb` all the same. */
export function buildWriter(): { script: string; removeScript: () => void } {
  const directory = mkdtempSync(join(tmpdir(), "gantry-store-writer-"));
  const script = join(directory, "writer.mjs");
  buildSync({
    entryPoints: [resolve(import.meta.dirname, "store-writer.ts")],
    outfile: script,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    packages: "external",
    sourcemap: "inline",
  });
  symlinkSync(resolve("node_modules"), join(directory, "node_modules"));
  return { script, removeScript: () => rmSync(directory, { recursive: true, force: true }) };
}

export interface Writer {
  readonly process: ChildProcess;
  /** Resolves when the store is open, or the process ended before. */
  readonly opened: Promise<unknown>;
  /** Everything that was reported, whole lines only, and how the process ended. */
  readonly ended: Promise<{ lines: string[]; stderr: string; code: number | null }>;
}

export function startWriter(command: readonly string[]): Writer {
  const [program = "", ...args] = command;
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  let isOpen = (): void => {};
  const opened = new Promise<void>((done) => {
    isOpen = done;
  });
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk;
    if (stdout.includes("open ")) isOpen();
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    stderr += chunk;
  });
  const closed = once(child, "close");
  const ended = closed.then(([code]) => ({
    lines: stdout.split("\n").slice(0, -1),
    stderr,
    code: code as number | null,
  }));
  return { process: child, opened: Promise.race([opened, closed]), ended };
}
