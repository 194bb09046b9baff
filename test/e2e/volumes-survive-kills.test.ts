import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Client } from "../../src/client/client.ts";
import { persistentVolumes } from "../../src/kube/kinds/persistentvolume.ts";
import { persistentVolumeClaims } from "../../src/kube/kinds/persistentvolumeclaim.ts";
import { type Pod, pods } from "../../src/kube/kinds/pod.ts";
import { storageClasses } from "../../src/kube/kinds/storageclass.ts";
import { claim } from "../engine/storage/storage-objects.ts";
import { GantryProcess } from "./gantry-process.ts";
import { randomFrom } from "./seeded-random.ts";

const CLAIMS = 30;
const KILLS = 3;
/** Shorter than making or deleting all of them takes, so that most kills come in the middle. */
const LONGEST_LIFE_MS = 250;
const TIMEOUT_MS = 90_000;

describe("volumes and kill -9", () => {
  const seed = Number(process.env["SEED"] ?? Date.now() % 100_000);
  const random = randomFrom(seed);
  let gantry: GantryProcess;
  beforeAll(async () => {
    gantry = await GantryProcess.create();
  });
  afterAll(() => gantry?.dispose());

  const onDisk = async () =>
    (await readdir(join(gantry.dataDir, "volumes")))
      .filter((name) => name !== ".notes" && name !== ".snapshots")
      .toSorted();
  const objects = async (client: Client) =>
    (await client.list(persistentVolumes)).items.map(({ metadata }) => metadata.name).toSorted();
  async function killedSoon(): Promise<void> {
    await pause(random() * LONGEST_LIFE_MS);
    await gantry.kill();
    await gantry.up();
  }

  test(`while they are made and deleted, seed ${seed}: no volume is lost, none is left over`, {
    timeout: TIMEOUT_MS,
  }, async () => {
    await gantry.up();
    let client = await gantry.client();
    await client.create(storageClasses, {
      apiVersion: "storage.k8s.io/v1",
      kind: "StorageClass",
      metadata: { name: "now" },
      provisioner: "gantry.dev/local",
    });
    for (let number = 0; number < CLAIMS; number++)
      await client.create(
        persistentVolumeClaims,
        claim(`claim-${number}`, "1Mi", { storageClassName: "now" }),
      );
    for (let kill = 0; kill < KILLS; kill++) await killedSoon();
    client = await gantry.client();
    const bound = async () => {
      const { items } = await client.list(persistentVolumeClaims);
      return items.filter(({ status }) => status?.phase === "Bound").length;
    };
    await expect.poll(bound, { timeout: 30_000, interval: 100 }).toBe(CLAIMS);
    expect(await onDisk()).toEqual(await objects(client));
    expect(await onDisk()).toHaveLength(CLAIMS);

    await client.deleteCollection(persistentVolumeClaims, { namespace: "default" });
    for (let kill = 0; kill < KILLS; kill++) await killedSoon();
    await expect.poll(onDisk, { timeout: 30_000, interval: 100 }).toEqual([]);
    await expect
      .poll(async () => objects(await gantry.client()), { timeout: 30_000, interval: 100 })
      .toEqual([]);
  });

  test("a pod finds its data again after a stop and after a kill", {
    timeout: TIMEOUT_MS,
  }, async () => {
    let client = await gantry.client();
    await client.create(persistentVolumeClaims, claim("data", "1Mi"));
    const writer: Pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { namespace: "default", name: "writer" },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [
          {
            name: "main",
            image: "local",
            command: ["/bin/sh", "-c", "echo run >> data/runs; exec sleep 600"],
            volumeMounts: [{ name: "data", mountPath: "/data" }],
          },
        ],
        volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }],
      },
    };
    await client.create(pods, writer);
    const runs = async () => {
      const [name = ""] = await onDisk();
      const text = await readFile(join(gantry.dataDir, "volumes", name, "runs"), "utf8").catch(
        () => "",
      );
      return text
        .trim()
        .split("\n")
        .filter((line) => line !== "").length;
    };
    await expect.poll(runs, { timeout: 20_000, interval: 100 }).toBe(1);
    await gantry.stop();
    await gantry.up();
    await expect.poll(runs, { timeout: 20_000, interval: 100 }).toBe(2);
    await gantry.kill();
    await gantry.up();
    client = await gantry.client();
    await client.delete(pods, { namespace: "default", name: "writer" });
    const isGone = async () => (await client.list(pods)).items.length === 0;
    await expect.poll(isGone, { timeout: 20_000, interval: 100 }).toBe(true);
    await client.create(pods, writer);
    await expect.poll(runs, { timeout: 20_000, interval: 100 }).toBe(3);
  });
});
