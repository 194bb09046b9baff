/**
 * A process beyond doubt: a pid alone may have been given to another process since, so the start
 * time and the boot go with it. Nothing is ever signalled without this check.
 */
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { promisify } from "node:util";

export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque: clock ticks since boot on Linux, the start time in words elsewhere. */
  readonly startTime: string;
}

/** Parses `/proc/<pid>/stat`; undefined for zombies (they only wait to be reaped) and damaged text. */
export function parseStat(stat: string): ProcessIdentity | undefined {
  // The command, in parentheses, may itself contain spaces and parentheses.
  const close = stat.lastIndexOf(")");
  const fields = stat.slice(close + 2).split(" ");
  const pid = Number.parseInt(stat, 10);
  const [state] = fields;
  const startTime = fields[19];
  if (close < 0 || Number.isNaN(pid) || startTime === undefined || state === "Z" || state === "X")
    return undefined;
  return { pid, startTime };
}

/** The process that has this pid now. */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  if (process.platform === "linux") {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    return parseStat(stat);
  }
  const started = await promisify(execFile)("ps", ["-o", "lstart=", "-p", String(pid)]).catch(
    () => ({ stdout: "" }),
  );
  const startTime = started.stdout.trim();
  return startTime === "" ? undefined : { pid, startTime };
}

/**
 * Reads the file that a process wrote about itself: its `/proc/<pid>/stat`, or where there is no
 * /proc only its pid. A bare pid is believed only of a process that was `justLaunched`, and is
 * completed in the file for later readers.
 */
export async function readIdentity(
  path: string,
  justLaunched: boolean,
): Promise<ProcessIdentity | undefined> {
  const text = await readFile(path, "utf8").catch(() => "");
  if (!text.endsWith("\n")) return undefined;
  const known = /^(\d+) since (.+)\n$/.exec(text);
  if (known?.[2] !== undefined) return { pid: Number(known[1]), startTime: known[2] };
  const stated = parseStat(text);
  if (stated !== undefined || !justLaunched || !/^\d+\n$/.test(text)) return stated;
  const identity = await identify(Number(text));
  if (identity !== undefined)
    await writeFile(path, `${identity.pid} since ${identity.startTime}\n`);
  return identity;
}

/** Whether exactly this process still runs. */
export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  return (await identify(identity.pid))?.startTime === identity.startTime;
}

/** Changes with every boot of the machine; empty where the platform does not say. */
export async function bootId(): Promise<string> {
  const text = await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "");
  return text.trim();
}

/** Sends a signal; a process that is gone by now is no error. Negative `pid`: the process group. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ESRCH") throw error;
  }
}
