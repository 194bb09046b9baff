import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { persistentVolumes } from "../../../src/kube/kinds/persistentvolume.ts";
import { persistentVolumeClaims } from "../../../src/kube/kinds/persistentvolumeclaim.ts";
import { storageClasses } from "../../../src/kube/kinds/storageclass.ts";
import { describeVolumeDriver } from "./driver-conformance.ts";
import { memoryDriver } from "./memory-driver.ts";
import { type StorageCluster, startStorageCluster } from "./storage-cluster.ts";
import { claim, storageClass } from "./storage-objects.ts";

describeVolumeDriver("in-memory", async () => {
  const home = await mkdtemp(join(tmpdir(), "gantry-memory-"));
  return {
    driver: memoryDriver(join(home, "content")),
    home,
    close: () => rm(home, { recursive: true, force: true }),
  };
});

let cluster: StorageCluster | undefined;
afterEach(async () => {
  await cluster?.stop();
});

test("claims wait for a driver that is not there, and for one that went", async () => {
  const running = await startStorageCluster();
  cluster = running;
  const { client, storage } = running;
  const { name } = memoryDriver(running.home);
  await client.create(storageClasses, storageClass("memory", { provisioner: name }));
  const ask = (of: string) =>
    client.create(persistentVolumeClaims, claim(of, "1Mi", { storageClassName: "memory" }));
  const phase = async (of: string) =>
    (await running.get(persistentVolumeClaims, of))?.status?.phase;
  await ask("early");
  await running.settle();
  expect(await phase("early")).toBe("Pending");
  const driver = memoryDriver(join(running.home, "content"));
  storage.addDriver(driver, {});
  await running.until(async () => (await phase("early")) === "Bound");

  await storage.removeDriver(driver);
  await ask("late");
  await client.delete(persistentVolumeClaims, { namespace: "default", name: "early" });
  await running.settle();
  expect(await phase("late")).toBe("Pending");
  const [released] = await running.list(persistentVolumes);
  expect(released?.status?.phase).toBe("Released");

  storage.addDriver(driver, {});
  await running.until(async () => (await phase("late")) === "Bound");
  await running.until(async () => (await running.list(persistentVolumes)).length === 1);
});
