/** CPU time and memory of a container: its main process and all descendants in the same group. */
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";
import type { ContainerStats } from "../runtime.ts";

/** Linux reports CPU time in ticks of this length on every platform Node.js runs on (USER_HZ = 100). */
const TICK_NANOSECONDS = 10_000_000n;
const PAGE_BYTES = 4096;

export async function processGroupStats(group: number): Promise<ContainerStats | undefined> {
  return process.platform === "linux" ? linuxStats(group) : psStats(group);
}

async function linuxStats(group: number): Promise<ContainerStats | undefined> {
  let cpuTicks = 0n;
  let memoryBytes = 0;
  let found = false;
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (Number(fields[2]) !== group || fields[0] === "Z") continue;
    found = true;
    cpuTicks += BigInt(fields[11] ?? 0) + BigInt(fields[12] ?? 0);
    memoryBytes += Number(fields[21] ?? 0) * PAGE_BYTES;
  }
  return found ? { cpuNanoseconds: cpuTicks * TICK_NANOSECONDS, memoryBytes } : undefined;
}

async function psStats(group: number): Promise<ContainerStats | undefined> {
  const { stdout } = await promisify(execFile)("ps", ["-A", "-o", "pgid=,rss=,time="]);
  const rows = stdout
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([pgid]) => Number(pgid) === group);
  if (rows.length === 0) return undefined;
  let seconds = 0;
  let memoryBytes = 0;
  for (const [, rssKib, time = "0"] of rows) {
    memoryBytes += Number(rssKib) * 1024;
    seconds += time.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
  }
  return { cpuNanoseconds: BigInt(Math.round(seconds * 1e9)), memoryBytes };
}
