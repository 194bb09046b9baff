import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { persistentVolumeClaims } from "../../../src/kube/kinds/persistentvolumeclaim.ts";
import { type VolumeSnapshot, volumeSnapshots } from "../../../src/kube/kinds/volumesnapshot.ts";
import { volumeSnapshotClasses } from "../../../src/kube/kinds/volumesnapshotclass.ts";
import {
  type VolumeSnapshotContent,
  volumeSnapshotContents,
} from "../../../src/kube/kinds/volumesnapshotcontent.ts";
import { NODE } from "../controllers/cluster.ts";
import { type StorageCluster, startStorageCluster } from "./storage-cluster.ts";
import { claim, told } from "./storage-objects.ts";

let cluster: StorageCluster;
beforeEach(async () => {
  cluster = await startStorageCluster();
});
afterEach(async () => {
  await cluster.stop();
});

const API = "snapshot.storage.k8s.io/v1";
const key = (name: string) => ({ namespace: "default", name });
const claimNow = (name: string) => cluster.get(persistentVolumeClaims, name);
const now = (name: string) => cluster.get(volumeSnapshots, name);
const contents = () => cluster.list(volumeSnapshotContents);
const ready = (name: string) =>
  cluster.until(async () => (await now(name))?.status?.readyToUse === true);
const failed = (name: string, pattern: RegExp) =>
  cluster.until(async () => pattern.test((await now(name))?.status?.error?.message ?? ""));
const onDisk = async () =>
  (await readdir(join(cluster.directory, ".snapshots"))).filter((name) => !name.startsWith("."));

async function bind(name: string, spec: Parameters<typeof claim>[2] = {}): Promise<string> {
  const wanted = claim(name, "1Mi", spec);
  const annotations = { "volume.kubernetes.io/selected-node": NODE };
  const metadata = { ...wanted.metadata, annotations };
  await cluster.client.create(persistentVolumeClaims, { ...wanted, metadata });
  await cluster.until(async () => (await claimNow(name))?.status?.phase === "Bound");
  return (await claimNow(name))?.spec?.volumeName ?? "";
}
async function withData(name: string): Promise<string> {
  const volume = await bind(name);
  await writeFile(join(cluster.directory, volume, "file"), "before");
  return volume;
}
const snapshot = (
  name: string,
  source: VolumeSnapshot["spec"]["source"],
  volumeSnapshotClassName?: string,
) =>
  cluster.client.create(volumeSnapshots, {
    apiVersion: API,
    kind: "VolumeSnapshot",
    metadata: key(name),
    spec: { source, ...(volumeSnapshotClassName === undefined ? {} : { volumeSnapshotClassName }) },
  });
const ofClaim = (persistentVolumeClaimName: string) => ({ persistentVolumeClaimName });
const fromSnapshot = (name: string) => ({
  dataSource: { apiGroup: "snapshot.storage.k8s.io", kind: "VolumeSnapshot", name },
});

test("a snapshot shows the volume as it was, and a claim is restored from it", async () => {
  const volume = await withData("data");
  await snapshot("first", ofClaim("data"));
  await ready("first");
  const { status, spec, metadata } = (await now("first")) ?? {};
  expect(spec?.volumeSnapshotClassName).toBe("standard");
  expect(status).toMatchObject({ readyToUse: true, restoreSize: "1Mi" });
  const [content] = await contents();
  expect(status?.boundVolumeSnapshotContentName).toBe(content?.metadata.name);
  expect(content?.spec).toMatchObject({
    driver: "gantry.dev/local",
    deletionPolicy: "Delete",
    source: { volumeHandle: volume },
    volumeSnapshotRef: { ...key("first"), uid: metadata?.uid },
  });
  expect(content?.status).toMatchObject({ readyToUse: true, restoreSize: 1024 * 1024 });
  await writeFile(join(cluster.directory, volume, "file"), "after");
  const restored = await bind("restored", fromSnapshot("first"));
  expect(await readFile(join(cluster.directory, restored, "file"), "utf8")).toBe("before");
  expect(await told(cluster.client, "first")).toEqual(
    expect.arrayContaining(["SnapshotReady: Snapshot default/first is ready to use."]),
  );
  expect((await claimNow("data"))?.metadata.finalizers).toEqual(["kubernetes.io/pvc-protection"]);
});

test("with policy Delete the data goes with the snapshot, whatever became of the claim", async () => {
  await withData("data");
  await snapshot("first", ofClaim("data"));
  await ready("first");
  await cluster.client.delete(persistentVolumeClaims, key("data"));
  await cluster.until(async () => (await claimNow("data")) === undefined);
  expect(await onDisk()).toHaveLength(1);
  await cluster.client.delete(volumeSnapshots, key("first"));
  await cluster.until(async () => (await now("first")) === undefined);
  await cluster.settle();
  expect(await contents()).toEqual([]);
  expect(await onDisk()).toEqual([]);
});

test("with policy Retain content and data stay, and serve a new snapshot object", async () => {
  await cluster.client.create(volumeSnapshotClasses, {
    apiVersion: API,
    kind: "VolumeSnapshotClass",
    metadata: { name: "keep" },
    driver: "gantry.dev/local",
    deletionPolicy: "Retain",
  });
  await withData("data");
  await snapshot("first", ofClaim("data"), "keep");
  await ready("first");
  await cluster.client.delete(volumeSnapshots, key("first"));
  await cluster.until(async () => (await now("first")) === undefined);
  const [kept] = await contents();
  const snapshotHandle = kept?.status?.snapshotHandle ?? "";
  expect(await onDisk()).toEqual([snapshotHandle]);
  const given: VolumeSnapshotContent = {
    apiVersion: API,
    kind: "VolumeSnapshotContent",
    metadata: { name: "given" },
    spec: {
      deletionPolicy: "Retain",
      driver: "gantry.dev/local",
      source: { snapshotHandle },
      volumeSnapshotRef: key("again"),
    },
  };
  await cluster.client.create(volumeSnapshotContents, given);
  await snapshot("again", { volumeSnapshotContentName: "given" });
  await ready("again");
  const restored = await bind("restored", fromSnapshot("again"));
  expect(await readFile(join(cluster.directory, restored, "file"), "utf8")).toBe("before");
});

test("a content deleted before its snapshot is held until that one goes", async () => {
  await withData("data");
  await snapshot("first", ofClaim("data"));
  await ready("first");
  const [content] = await contents();
  await cluster.client.delete(volumeSnapshotContents, { name: content?.metadata.name ?? "" });
  await cluster.settle();
  expect(await onDisk()).toHaveLength(1);
  expect(await contents()).toHaveLength(1);
  await cluster.client.delete(volumeSnapshots, key("first"));
  await cluster.until(async () => (await contents()).length === 0);
});

test("what cannot be taken says why, and is taken once it can be", async () => {
  await snapshot("early", ofClaim("data"));
  await failed("early", /the claim data does not exist/);
  await snapshot("classless", ofClaim("data"), "none");
  await withData("data");
  await ready("early");
  await failed("classless", /volumesnapshotclass.*"none" not found/);
  expect((await now("early"))?.status?.error).toBeUndefined();
  await snapshot("missing", { volumeSnapshotContentName: "nowhere" });
  await failed("missing", /VolumeSnapshotContent nowhere is missing/);
});

test("a content of another snapshot, or of a snapshot that is not there, is refused", async () => {
  const given = (name: string, ref: string): VolumeSnapshotContent => ({
    apiVersion: API,
    kind: "VolumeSnapshotContent",
    metadata: { name },
    spec: {
      deletionPolicy: "Delete",
      driver: "gantry.dev/local",
      source: { snapshotHandle: "snapshot-none" },
      volumeSnapshotRef: key(ref),
    },
  });
  await cluster.client.create(volumeSnapshotContents, given("theirs", "other"));
  await cluster.client.create(volumeSnapshotContents, given("gone", "second"));
  await snapshot("first", { volumeSnapshotContentName: "theirs" });
  await snapshot("second", { volumeSnapshotContentName: "gone" });
  await failed("first", /bound to a different snapshot/);
  await failed("second", /the driver has no snapshot snapshot-none/);
  await cluster.client.delete(volumeSnapshots, key("second"));
  await cluster.until(async () => (await now("second")) === undefined);
});

test("a restore waits for its snapshot, and is refused less space", async () => {
  await withData("data");
  const wanted = claim("restored", "1Mi", fromSnapshot("first"));
  const annotations = { "volume.kubernetes.io/selected-node": NODE };
  await cluster.client.create(persistentVolumeClaims, {
    ...wanted,
    metadata: { ...wanted.metadata, annotations },
  });
  await cluster.until(async () =>
    (await told(cluster.client, "restored")).some((line) => /VolumeSnapshot first/.test(line)),
  );
  await snapshot("first", ofClaim("data"));
  await ready("first");
  await cluster.until(async () => (await claimNow("restored"))?.status?.phase === "Bound");
  const small = claim("small", "512Ki", fromSnapshot("first"));
  await cluster.client.create(persistentVolumeClaims, {
    ...small,
    metadata: { ...small.metadata, annotations },
  });
  await cluster.until(async () =>
    (await told(cluster.client, "small")).some((line) => /less than the size of/.test(line)),
  );
});
