/** `gantry up` on an empty data directory until it is ready, and its memory then. Bar: ≤ 1 s, ≤ 120 MB. */
import { cpus } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { GantryProcess, percentile } from "./gantry-process.ts";

const RUNS = 7;
/** Memory is read once the start is over, garbage included. */
const SETTLE_MS = 1_000;

const readyMs: number[] = [];
const rssMb: number[] = [];
for (let run = 0; run < RUNS; run++) {
  const gantry = new GantryProcess();
  readyMs.push(await gantry.start(["--log-level", "warn"]));
  const answer = await fetch(`${gantry.addresses.web}/readyz`);
  if (answer.status !== 200) throw new Error(`readyz answered ${answer.status}`);
  await pause(SETTLE_MS);
  rssMb.push(gantry.rssMb());
  await gantry.stop();
}
console.log(
  JSON.stringify({
    bench: "start",
    readyMs: Math.round(percentile(readyMs, 0.5)),
    rssMb: percentile(rssMb, 0.5),
    runs: RUNS,
    cores: cpus().length,
    node: process.version,
  }),
);
