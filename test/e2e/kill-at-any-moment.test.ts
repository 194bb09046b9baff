import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { verifyStore } from "../../src/engine/store/verify.ts";
import { WorkTree } from "../git-fixture.ts";
import { appFiles } from "./app-manifests.ts";
import { serviceUrl, untilPods, untilSettled } from "./cluster-state.ts";
import { GantryProcess } from "./gantry-process.ts";
import { ask } from "./load.ts";
import { processesBelow } from "./processes.ts";
import { randomFrom } from "./seeded-random.ts";

const CYCLES = 24;
/** After as many kills in a row the state must still come right. */
const KILLS_BETWEEN_LOOKS = 3;
/** From before the first byte is read to after the rollout. */
const LONGEST_LIFE_MS = 2_000;
const TIMEOUT_MS = 150_000;

describe("kill -9", () => {
  const seed = Number(process.env["SEED"] ?? Date.now() % 100_000);
  const random = randomFrom(seed);
  let gantry: GantryProcess;
  let work: WorkTree;
  let version = 0;
  let replicas = 2;

  beforeAll(async () => {
    gantry = await GantryProcess.create();
    work = await WorkTree.init(join(gantry.home, "repo"));
  });
  afterAll(() => gantry?.dispose());

  function commit(): Promise<string> {
    version++;
    replicas = 1 + Math.floor(random() * 3);
    return work.commit(appFiles({ version: String(version), replicas }));
  }
  async function lifeEndedAtAnyMoment(): Promise<void> {
    const lifeMs = random() * LONGEST_LIFE_MS;
    const commitAtMs = random() * lifeMs;
    gantry.spawn("up", "--repo", work.path);
    await pause(commitAtMs);
    await commit();
    await pause(lifeMs - commitAtMs);
    await gantry.kill();
  }

  test(`at random moments, seed ${seed}: every restart comes to what is in Git, nothing doubled`, {
    timeout: TIMEOUT_MS,
  }, async () => {
    let revision = await commit();
    await gantry.up("--repo", work.path);
    await untilSettled(await gantry.client(), revision);
    await gantry.kill();
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      const told = `seed ${seed}, cycle ${cycle}`;
      await lifeEndedAtAnyMoment();
      expect((await verifyStore(join(gantry.dataDir, "db"))).problems, told).toEqual([]);
      if (cycle % KILLS_BETWEEN_LOOKS !== KILLS_BETWEEN_LOOKS - 1) continue;

      revision = await commit();
      await gantry.up("--repo", work.path);
      const client = await gantry.client();
      await untilSettled(client, revision);
      const pods = await untilPods(client, (all) => all.length === replicas);
      expect(await ask(new URL(await serviceUrl(client, "app"))), told).toBe(String(version));
      // Each program and the shell that notes its exit code; what was stopped may take a moment.
      await expect
        .poll(() => processesBelow(gantry.podsDirectory).length, { message: told, timeout: 15_000 })
        .toBe(2 * replicas);
      await expect
        .poll(() => new Set(readdirSync(gantry.podsDirectory)), { message: told, timeout: 15_000 })
        .toEqual(new Set(pods.map(({ metadata }) => metadata.uid)));
      await gantry.kill();
    }
    const verified = await gantry.run("debug", "verify-store", "--data-dir", gantry.dataDir);
    expect(verified).toMatchObject({ code: 0 });
    expect(verified.stdout).toMatch(/\b0 problems/);
  });
});
