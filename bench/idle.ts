/**
 * 1,000 synced Applications with nothing to do: CPU time of the server as a share of one core, and
 * its memory. Bars: at most 1 %, RSS at most 300 MB. Run: `SECONDS=600 node dist/bench/idle.js [COUNT]`
 */
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { configMap, createApplications, folderOf, followApplications } from "./config-maps.ts";
import { GantryProcess } from "./gantry-process.ts";

const COUNT = Number(process.argv[2] ?? 1_000);
const SECONDS = Number(process.env["SECONDS"] ?? 120);
/** What the first sync leaves to be done: flushes, garbage. */
const CALM_DOWN_SECONDS = 15;
/** Clock ticks of Linux' `/proc`. */
const TICKS_PER_SECOND = 100;

/** User and system time of a process so far (proc(5), fields 14 and 15 of `stat`). */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

const gantry = new GantryProcess();
try {
  const indexes = Array.from({ length: COUNT }, (_, index) => index);
  const files = Object.fromEntries(indexes.map((index) => [folderOf(index), configMap(index, 1)]));
  const revision = gantry.commit(files, "one");
  await gantry.start(["--log-level", "error"]);
  const client = await gantry.client();
  const follower = await followApplications(client);
  await createApplications(client, gantry.repository, COUNT);
  await follower.settled(revision, COUNT);
  await follower.stop();
  await pause(CALM_DOWN_SECONDS * 1_000);
  const before = cpuSeconds(gantry.pid);
  await pause(SECONDS * 1_000);
  const used = cpuSeconds(gantry.pid) - before;
  const figures = {
    bench: "idle",
    applications: COUNT,
    seconds: SECONDS,
    cpuPercentOfOneCore: Math.round((used / SECONDS) * 10_000) / 100,
    rssMb: gantry.rssMb(),
    cores: cpus().length,
    node: process.version,
  };
  console.log(JSON.stringify(figures));
} finally {
  await gantry.stop();
}
