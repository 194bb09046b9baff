/** The program under test: `dist/gantry.js`, built again when a source file is newer. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const ROOT = resolve(import.meta.dirname, "../..");
const PROGRAM = join(ROOT, "dist/gantry.js");
/** Held while building: test files run side by side. */
const LOCK = join(ROOT, ".cache/e2e-build.lock");
/** A build takes a second; a lock older than this was left by a killed run. */
const STALE_LOCK_MS = 30_000;

/** The path of a program that is as new as the sources. */
export async function builtGantry(): Promise<string> {
  while (!isCurrent()) {
    if (takeLock()) {
      try {
        execFileSync("npm", ["run", "--silent", "build"], { cwd: ROOT, stdio: "pipe" });
      } finally {
        rmSync(LOCK, { recursive: true, force: true });
      }
    } else await pause(100);
  }
  return PROGRAM;
}

function isCurrent(): boolean {
  const builtMs = modifiedMs(PROGRAM);
  return readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .every((name) => modifiedMs(join(ROOT, "src", name)) <= builtMs);
}

function takeLock(): boolean {
  mkdirSync(join(ROOT, ".cache"), { recursive: true });
  try {
    mkdirSync(LOCK);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    if (Date.now() - modifiedMs(LOCK) > STALE_LOCK_MS)
      rmSync(LOCK, { recursive: true, force: true });
    return false;
  }
}

const modifiedMs = (path: string): number =>
  statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
