import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Informers } from "../../../src/client/informers.ts";
import { openLocalDriver } from "../../../src/engine/storage/local/local-driver.ts";
import { startStorage } from "../../../src/engine/storage/start-storage.ts";
import { namespaces } from "../../../src/kube/kinds/namespace.ts";
import { persistentVolumes } from "../../../src/kube/kinds/persistentvolume.ts";
import { persistentVolumeClaims } from "../../../src/kube/kinds/persistentvolumeclaim.ts";
import { pods } from "../../../src/kube/kinds/pod.ts";
import { storageClasses } from "../../../src/kube/kinds/storageclass.ts";
import { volumeSnapshotClasses } from "../../../src/kube/kinds/volumesnapshotclass.ts";
import { NODE } from "../controllers/cluster.ts";
import { MEBIBYTE, request, use } from "./driver-conformance.ts";
import { type StorageCluster, startStorageCluster } from "./storage-cluster.ts";
import { claim, podWithClaim, storageClass, told } from "./storage-objects.ts";

let cluster: StorageCluster;
beforeEach(async () => {
  cluster = await startStorageCluster();
});
afterEach(async () => {
  await cluster.stop();
});

const key = (name: string) => ({ namespace: "default", name });
const claimNow = (name: string) => cluster.get(persistentVolumeClaims, name);
const volumeNow = async (name: string) =>
  cluster.get(persistentVolumes, (await claimNow(name))?.spec?.volumeName ?? "none");
const bound = (name: string) =>
  cluster.until(async () => (await claimNow(name))?.status?.phase === "Bound");
const onDisk = async () =>
  (await readdir(cluster.directory)).filter((name) => !name.startsWith("."));
const addClaim = (...args: Parameters<typeof claim>) =>
  cluster.client.create(persistentVolumeClaims, claim(...args));
const select = (name: string, node: string = NODE) =>
  cluster.client.patch(persistentVolumeClaims, key(name), {
    type: "merge",
    body: { metadata: { annotations: { "volume.kubernetes.io/selected-node": node } } },
  });
const resize = (name: string, storage: string) =>
  cluster.client.patch(persistentVolumeClaims, key(name), {
    type: "merge",
    body: { spec: { resources: { requests: { storage } } } },
  });
const says = (name: string, pattern: RegExp) =>
  cluster.until(async () => (await told(cluster.client, name)).some((line) => pattern.test(line)));

async function withData(name: string): Promise<string> {
  await addClaim(name, "1Mi");
  await select(name);
  await bound(name);
  const volumeId = (await claimNow(name))?.spec?.volumeName ?? "";
  const { node } = cluster.storage.drivers.find("gantry.dev/local") ?? {};
  const published = { volumeId, context: {}, use, readOnly: false, targetPath: "/unused" };
  const { path = "" } = (await node?.publishVolume(published)) ?? {};
  await writeFile(join(path, "file"), "data");
  return volumeId;
}

test("a cluster without classes gets one that works; who has their own is left alone", async () => {
  const [standard] = await cluster.list(storageClasses);
  expect(standard).toMatchObject({
    metadata: {
      name: "standard",
      annotations: { "storageclass.kubernetes.io/is-default-class": "true" },
    },
    provisioner: "gantry.dev/local",
    volumeBindingMode: "WaitForFirstConsumer",
    allowVolumeExpansion: true,
  });
  await cluster.client.create(storageClasses, storageClass("own"));
  await cluster.client.delete(storageClasses, { name: "standard" });
  const { client, clock } = cluster;
  const informers = new Informers(client, { clock });
  informers.start();
  const directory = join(cluster.home, "other");
  const again = await startStorage({ client, informers, directory, nodeName: NODE, clock });
  expect((await cluster.list(storageClasses)).map(({ metadata }) => metadata.name)).toEqual([
    "own",
  ]);
  const stopped = again.stop();
  await clock.advance(10_000);
  await stopped;
  await informers.stop();
});

test("a claim gets a directory once its pod has a node, pinned to that node", async () => {
  await addClaim("data", "5Mi");
  await cluster.settle();
  expect(await onDisk()).toEqual([]);
  await select("data");
  await bound("data");
  const { metadata, spec } = (await volumeNow("data")) ?? {};
  const uid = (await claimNow("data"))?.metadata.uid ?? "";
  expect(metadata?.name).toBe(`pvc-${uid}`);
  expect(await onDisk()).toEqual([`pvc-${uid}`]);
  expect(spec).toMatchObject({
    capacity: { storage: "5Mi" },
    local: { path: join(cluster.directory, `pvc-${uid}`) },
    storageClassName: "standard",
    persistentVolumeReclaimPolicy: "Delete",
    nodeAffinity: {
      required: {
        nodeSelectorTerms: [
          {
            matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: [NODE] }],
          },
        ],
      },
    },
  });
  expect(metadata?.finalizers?.toSorted()).toEqual([
    "external-provisioner.volume.kubernetes.io/finalizer",
    "kubernetes.io/pv-protection",
  ]);
  await says("data", /^ProvisioningSucceeded: Successfully provisioned volume pvc-/);
});

test("sizes are told in the words in which they were asked for", async () => {
  await addClaim("data", "5M");
  await select("data");
  await bound("data");
  expect((await claimNow("data"))?.status?.capacity).toEqual({ storage: "5M" });
  await resize("data", "6M");
  await cluster.until(async () => (await claimNow("data"))?.status?.capacity?.["storage"] === "6M");
  expect((await volumeNow("data"))?.spec?.capacity).toEqual({ storage: "6M" });
});

test("with binding mode Immediate nothing waits for a pod", async () => {
  await cluster.client.create(
    storageClasses,
    storageClass("now", { provisioner: "gantry.dev/local" }),
  );
  await addClaim("data", "1Mi", { storageClassName: "now" });
  await bound("data");
});

test("a deleted claim takes its volume and data with it", async () => {
  const volume = await withData("data");
  await cluster.client.delete(persistentVolumeClaims, key("data"));
  await cluster.until(async () => (await cluster.get(persistentVolumes, volume)) === undefined);
  expect(await onDisk()).toEqual([]);
});

test("a volume deleted before its claim is held, and still leaves no data behind", async () => {
  const volume = await withData("data");
  await cluster.client.delete(persistentVolumes, { name: volume });
  await cluster.settle();
  expect(await onDisk()).toEqual([volume]);
  await cluster.client.delete(persistentVolumeClaims, key("data"));
  await cluster.until(async () => (await cluster.get(persistentVolumes, volume)) === undefined);
  expect(await onDisk()).toEqual([]);
});

test("with Retain the data outlives claim, volume object and restart", async () => {
  const volume = await withData("data");
  const retain = { spec: { persistentVolumeReclaimPolicy: "Retain" } };
  await cluster.client.patch(persistentVolumes, { name: volume }, { type: "merge", body: retain });
  await cluster.client.delete(persistentVolumeClaims, key("data"));
  await cluster.until(
    async () => (await cluster.get(persistentVolumes, volume))?.status?.phase === "Released",
  );
  await cluster.client.delete(persistentVolumes, { name: volume });
  await cluster.until(async () => (await cluster.get(persistentVolumes, volume)) === undefined);
  const { client, clock, directory } = cluster;
  const informers = new Informers(client, { clock });
  informers.start();
  const again = await startStorage({ client, informers, directory, nodeName: NODE, clock });
  await cluster.settle();
  expect(await readFile(join(directory, volume, "file"), "utf8")).toBe("data");
  const stopped = again.stop();
  await clock.advance(10_000);
  await stopped;
  await informers.stop();
});

test("after a kill between disk and API: wanted volumes are taken up, orphans removed", async () => {
  await addClaim("wanted", "1Mi");
  const uid = (await claimNow("wanted"))?.metadata.uid ?? "";
  const { client, clock, directory } = cluster;
  const before = await openLocalDriver({ directory, nodeName: NODE });
  const size = { requiredBytes: MEBIBYTE };
  await before.controller.createVolume(request(`pvc-${uid}`, { size }));
  await before.controller.createVolume(request("pvc-orphan", { size }));
  const informers = new Informers(client, { clock });
  informers.start();
  const again = await startStorage({ client, informers, directory, nodeName: NODE, clock });
  await cluster.until(async () => !(await onDisk()).includes("pvc-orphan"));
  await select("wanted");
  await bound("wanted");
  expect(await onDisk()).toEqual([`pvc-${uid}`]);
  const stopped = again.stop();
  await clock.advance(10_000);
  await stopped;
  await informers.stop();
});

test("a claim that cannot be made says why, goes back to the scheduler, and holds up nobody", async () => {
  await addClaim("huge", "100Pi");
  await select("huge");
  await says("huge", /^ProvisioningFailed: .*code = OutOfRange desc = a volume of 100Pi/);
  await addClaim("large", "7Pi");
  await select("large");
  await says("large", /^ProvisioningFailed: .*code = ResourceExhausted desc = .* has \d+ in all/);
  await cluster.until(
    async () =>
      (await claimNow("large"))?.metadata.annotations?.["volume.kubernetes.io/selected-node"] ===
      undefined,
  );
  await addClaim("fine", "1Mi");
  await select("fine");
  await bound("fine");
});

test("a chosen node that is gone, or not allowed, is chosen again", async () => {
  const allowedTopologies = [
    { matchLabelExpressions: [{ key: "kubernetes.io/hostname", values: ["elsewhere"] }] },
  ];
  const provisioner = "gantry.dev/local";
  const volumeBindingMode = "WaitForFirstConsumer";
  await cluster.client.create(
    storageClasses,
    storageClass("far", { provisioner, volumeBindingMode, allowedTopologies }),
  );
  await addClaim("data", "1Mi", { storageClassName: "far" });
  await select("data");
  await says("data", /node node-1 is not in the allowed topologies of the class/);
  await select("data", "node-9");
  await says("data", /node node-9 is gone/);
});

test("a claim grows with its volume, and never shrinks", async () => {
  await withData("data");
  await resize("data", "3Mi");
  await cluster.until(
    async () => (await claimNow("data"))?.status?.capacity?.["storage"] === "3Mi",
  );
  const { status } = (await claimNow("data")) ?? {};
  expect(status?.allocatedResources).toEqual({ storage: "3Mi" });
  expect(status?.allocatedResourceStatuses).toBeUndefined();
  expect(status?.conditions ?? []).toEqual([]);
  expect((await volumeNow("data"))?.spec?.capacity).toEqual({ storage: "3Mi" });
  await says("data", /^VolumeResizeSuccessful/);
  await expect(resize("data", "2Mi")).rejects.toThrow(/field can not be less than status.capacity/);
});

test("growth needs a bound claim and a class that allows it", async () => {
  await addClaim("pending", "1Mi");
  await expect(resize("pending", "2Mi")).rejects.toThrow(
    /Only bound persistent volume claims can be expanded|is immutable/,
  );
  await cluster.client.create(
    storageClasses,
    storageClass("rigid", { provisioner: "gantry.dev/local" }),
  );
  await addClaim("data", "1Mi", { storageClassName: "rigid" });
  await bound("data");
  await expect(resize("data", "2Mi")).rejects.toThrow(
    /forbidden: only dynamically provisioned pvc can be resized/,
  );
});

test("growth that can never be is given up, and can be taken back", async () => {
  await withData("data");
  await resize("data", "100Pi");
  const state = () => claimNow("data").then((now) => now?.status?.allocatedResourceStatuses);
  await cluster.until(async () => (await state())?.["storage"] === "ControllerResizeInfeasible");
  await says("data", /^VolumeResizeFailed: .*OutOfRange/);
  await resize("data", "2Mi");
  await cluster.until(
    async () => (await claimNow("data"))?.status?.capacity?.["storage"] === "2Mi",
  );
  expect(await state()).toBeUndefined();
});

test("a volume that holds too much, or vanished, is told of", async () => {
  const volume = await withData("data");
  await writeFile(join(cluster.directory, volume, "more"), Buffer.alloc(2 * MEBIBYTE, 1));
  await cluster.clock.advance(300_000);
  await says("data", /^VolumeConditionAbnormal: .*more than its 1048576/);
  await rm(join(cluster.directory, volume), { recursive: true });
  await cluster.clock.advance(300_000);
  await says("data", /^VolumeConditionAbnormal: .*vanished/);
});

test("a clone starts with the data of its source", async () => {
  await withData("data");
  await addClaim("copy", "1Mi", {
    dataSource: { kind: "PersistentVolumeClaim", name: "data" },
  });
  await select("copy");
  await bound("copy");
  const copy = (await claimNow("copy"))?.spec?.volumeName ?? "";
  expect(await readFile(join(cluster.directory, copy, "file"), "utf8")).toBe("data");
  await addClaim("lost", "1Mi", { dataSource: { kind: "PersistentVolumeClaim", name: "none" } });
  await select("lost");
  await says("lost", /error getting PersistentVolumeClaim none from api server/);
});

test("a directory where volumes were meant to be is an error, not a crash", async () => {
  await withData("data");
  expect(await cluster.list(volumeSnapshotClasses)).toHaveLength(1);
  await rm(cluster.directory, { recursive: true });
  await mkdir(cluster.home, { recursive: true });
  await writeFile(cluster.directory, "a file");
  await addClaim("next", "1Mi");
  await select("next");
  await says("next", /^ProvisioningFailed: .*ENOTDIR/);
});

test("a namespace takes its pods, claims, volumes and data with it", async () => {
  const { client } = cluster;
  const namespace = "shop";
  const metadata = { name: namespace };
  await client.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata });
  const wanted = claim("data", "1Mi");
  const annotations = { "volume.kubernetes.io/selected-node": NODE };
  await client.create(persistentVolumeClaims, {
    ...wanted,
    metadata: { namespace, name: "data", annotations },
  });
  const user = podWithClaim("user", "data");
  await client.create(pods, { ...user, metadata: { namespace, name: "user" } });
  const [only] = await cluster.until(async () => {
    const volumes = await cluster.list(persistentVolumes);
    return volumes[0]?.status?.phase === "Bound" ? volumes : undefined;
  });
  expect(await onDisk()).toEqual([only?.metadata.name]);
  await client.delete(namespaces, metadata);
  await cluster.until(async () => (await cluster.get(namespaces, namespace)) === undefined);
  await cluster.until(async () => (await cluster.list(persistentVolumes)).length === 0);
  expect(await onDisk()).toEqual([]);
});
