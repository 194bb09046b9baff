/** What the wrapper wrote about the end of the process. */
import { readFile, stat } from "node:fs/promises";

export interface Exit {
  readonly exitCode: number;
  readonly signal?: number;
  readonly finishedAtMs: number;
}

/** Undefined while the process runs, or when its wrapper was killed before it could write. */
export async function readExit(path: string): Promise<Exit | undefined> {
  const text = await readFile(path, "latin1").catch(() => "");
  // The line feed says that the number is complete.
  if (!/^\d+\n$/.test(text)) return undefined;
  const { mtimeMs } = await stat(path);
  return { ...exitStatus(Number(text)), finishedAtMs: Math.round(mtimeMs) };
}

/** Shells report the end by signal n as 128 + n; so do container runtimes. */
export function exitStatus(exitCode: number): { exitCode: number; signal?: number } {
  return exitCode > 128 && exitCode <= 128 + 64
    ? { exitCode, signal: exitCode - 128 }
    : { exitCode };
}
