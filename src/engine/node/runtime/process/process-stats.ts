/** CPU time and memory of a container: its main process and all descendants in the same group. */
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";
import type { ContainerStats } from "../runtime.ts";

/** Linux reports CPU time in ticks of this length on every platform Node.js runs on (USER_HZ = 100). */
const TICK_NANOSECONDS = 10_000_000n;
const PAGE_BYTES = 4096;

export async function processGroupStats(group: number): Promise<ContainerStats | undefined> {
  return process.platform === "linux" ? (await scanProcesses()).get(group) : psStats(group);
}

let scanning: Promise<ReadonlyMap<number, ContainerStats>> | undefined;

/** By process group. Those that ask while a scan is under way share it: it reads every process there is. */
function scanProcesses(): Promise<ReadonlyMap<number, ContainerStats>> {
  scanning ??= linuxStats().finally(() => {
    scanning = undefined;
  });
  return scanning;
}

async function linuxStats(): Promise<ReadonlyMap<number, ContainerStats>> {
  const groups = new Map<number, ContainerStats>();
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (stat === "" || fields[0] === "Z") continue;
    const group = Number(fields[2]);
    const before = groups.get(group);
    // Its own time, and that of the children that it has waited for.
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + BigInt(field), 0n);
    groups.set(group, {
      cpuNanoseconds: (before?.cpuNanoseconds ?? 0n) + ticks * TICK_NANOSECONDS,
      memoryBytes: (before?.memoryBytes ?? 0) + Number(fields[21] ?? 0) * PAGE_BYTES,
    });
  }
  return groups;
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
