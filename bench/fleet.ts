/**
 * 10,000 Applications of one ConfigMap of 2 KB each, in one repository: seconds until all are Synced
 * and Healthy after they are created, and after one commit that changes all of them; memory of the
 * server. Bars: the commit in at most 120 s, RSS at most 1.5 GB. Run: `node dist/bench/fleet.js [COUNT]`
 */
import { cpus } from "node:os";
import { configMap, createApplications, folderOf, followApplications } from "./config-maps.ts";
import { GantryProcess } from "./gantry-process.ts";

const COUNT = Number(process.argv[2] ?? 10_000);
const indexes = Array.from({ length: COUNT }, (_, index) => index);
const files = (version: number): Record<string, string> =>
  Object.fromEntries(indexes.map((index) => [folderOf(index), configMap(index, version)]));
const secondsSince = (startMs: number): number => Math.round(performance.now() - startMs) / 1_000;

const gantry = new GantryProcess();
try {
  const first = gantry.commit(files(1), "one");
  await gantry.start(["--log-level", "error"]);
  const client = await gantry.client();
  const follower = await followApplications(client);
  let startMs = performance.now();
  await createApplications(client, gantry.repository, COUNT);
  await follower.settled(first, COUNT);
  const firstSyncSeconds = secondsSince(startMs);
  const second = gantry.commit(files(2), "two");
  startMs = performance.now();
  await follower.settled(second, COUNT);
  const changeAllSeconds = secondsSince(startMs);
  const figures = {
    bench: "fleet",
    applications: COUNT,
    firstSyncSeconds,
    changeAllSeconds,
    rssMb: gantry.rssMb(),
    peakRssMb: gantry.peakRssMb(),
    cores: cpus().length,
    node: process.version,
  };
  console.log(JSON.stringify(figures));
  await follower.stop();
} finally {
  await gantry.stop();
}
