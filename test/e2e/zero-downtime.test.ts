import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Client } from "../../src/client/client.ts";
import { WorkTree } from "../git-fixture.ts";
import { type AppOptions, appFiles } from "./app-manifests.ts";
import { serviceUrl, untilSettled } from "./cluster-state.ts";
import { GantryProcess } from "./gantry-process.ts";
import { Load, type LoadOptions } from "./load.ts";

/** For how long a Service's HTTP port holds a request while it has no endpoint, and what the answer takes. */
const LONGEST_WAIT_MS = 3_000 + 2_000;

describe("an application that exits at once on SIGTERM", () => {
  let gantry: GantryProcess;
  let work: WorkTree;
  let client: Client;
  let loads: Load[] = [];

  beforeAll(async () => {
    gantry = await GantryProcess.create();
    work = await WorkTree.init(`${gantry.home}/repo`);
    await work.commit(appFiles({ name: "start", version: "0", replicas: 0 }));
    await gantry.up("--repo", work.path);
    client = await gantry.client();
  });
  afterEach(async () => {
    await Promise.all(loads.map((load) => load.stop()));
    loads = [];
  });
  afterAll(() => gantry?.dispose());

  async function deploy(options: AppOptions): Promise<void> {
    await untilSettled(client, await work.commit(appFiles(options)));
  }
  /** Clients that keep their connections, and clients that do not. */
  async function startLoad(
    name: string,
    options: Pick<LoadOptions, "clients"> & Partial<LoadOptions>,
  ): Promise<void> {
    const url = await serviceUrl(client, name);
    loads = [true, false].map((keepAlive) => new Load(url, { keepAlive, ...options }));
  }
  const more = (requests: number) => Promise.all(loads.map((load) => load.more(requests)));
  /** Ends the load; what failed, by reason, and which versions answered. */
  async function outcome(): Promise<{ failures: object; versions: string[] }> {
    const tallies = await Promise.all(loads.map((load) => load.stop()));
    const versions = new Set(tallies.flatMap(({ answers }) => [...answers.keys()]));
    return {
      failures: Object.fromEntries(tallies.flatMap(({ failures }) => [...failures])),
      versions: [...versions].sort((a, b) => a.localeCompare(b)),
    };
  }

  test("finishes requests in flight before it is ended in a rollout", async () => {
    await deploy({ name: "slow", version: "1", replicas: 2 });
    await startLoad("slow", { clients: 6, path: "/slow", method: "POST" });
    await more(6);
    await deploy({ name: "slow", version: "2", replicas: 2 });
    await more(12);
    await deploy({ name: "slow", version: "3", replicas: 2 });
    await more(12);
    expect(await outcome()).toEqual({ failures: {}, versions: ["1", "2", "3"] });
  });

  test("loses no request when it is scaled down and up again", async () => {
    await deploy({ name: "scaled", version: "1", replicas: 4 });
    await startLoad("scaled", { clients: 8, path: "/brief", method: "POST" });
    await more(100);
    await deploy({ name: "scaled", version: "1", replicas: 1 });
    await more(100);
    await deploy({ name: "scaled", version: "1", replicas: 3 });
    await more(100);
    expect(await outcome()).toEqual({ failures: {}, versions: ["1"] });
  });

  test("loses no request when kubectl deletes its pods one by one", async () => {
    await deploy({ name: "deleted", version: "1", replicas: 3 });
    await startLoad("deleted", { clients: 8, path: "/brief", method: "POST" });
    await more(100);
    const { stdout } = await gantry.kubectl("get", "pods", "-l", "app=deleted", "-o", "name");
    const names = stdout.trim().split("\n");
    expect(names).toHaveLength(3);
    for (const name of names) {
      expect(await gantry.kubectl("delete", name)).toMatchObject({ code: 0 });
      expect(
        await gantry.kubectl("rollout", "status", "deployment/deleted", "--timeout=20s"),
      ).toMatchObject({ code: 0 });
    }
    await more(100);
    expect(await outcome()).toEqual({ failures: {}, versions: ["1"] });
  });

  test("as a single replica is replaced without a gap", async () => {
    await deploy({ name: "single", version: "1" });
    await startLoad("single", { clients: 8, path: "/brief", method: "POST" });
    await deploy({ name: "single", version: "2" });
    await more(50);
    expect(await outcome()).toEqual({ failures: {}, versions: ["1", "2"] });
  });

  test("as a single replica that is recreated keeps its clients waiting rather than failing", async () => {
    const strategy = { type: "Recreate" };
    await deploy({ name: "recreated", version: "1", strategy });
    await startLoad("recreated", { clients: 4, path: "/slow", method: "POST" });
    await more(8);
    await deploy({ name: "recreated", version: "2", strategy });
    await more(8);
    expect(await outcome()).toEqual({ failures: {}, versions: ["1", "2"] });
    for (const { tally } of loads) expect(tally.slowestMs).toBeLessThan(LONGEST_WAIT_MS);
  });
});
