import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { afterEach, beforeEach, expect, test } from "vitest";
import { csiDrivers } from "../../../../src/kube/kinds/csidriver.ts";
import { csiNodes } from "../../../../src/kube/kinds/csinode.ts";
import { csiStorageCapacities } from "../../../../src/kube/kinds/csistoragecapacity.ts";
import { namespaces } from "../../../../src/kube/kinds/namespace.ts";
import { nodes } from "../../../../src/kube/kinds/node.ts";
import { persistentVolumes } from "../../../../src/kube/kinds/persistentvolume.ts";
import { persistentVolumeClaims } from "../../../../src/kube/kinds/persistentvolumeclaim.ts";
import { pods } from "../../../../src/kube/kinds/pod.ts";
import { secrets } from "../../../../src/kube/kinds/secret.ts";
import { storageClasses } from "../../../../src/kube/kinds/storageclass.ts";
import { volumeAttachments } from "../../../../src/kube/kinds/volumeattachment.ts";
import { volumeSnapshots } from "../../../../src/kube/kinds/volumesnapshot.ts";
import { volumeSnapshotClasses } from "../../../../src/kube/kinds/volumesnapshotclass.ts";
import { NODE } from "../../controllers/cluster.ts";
import { type StorageCluster, startStorageCluster } from "../storage-cluster.ts";
import { claim, podWithClaim, storageClass, told } from "../storage-objects.ts";
import {
  CsiStatus,
  type CsiTestDriver,
  startCsiDriver,
  type TestDriverOptions,
} from "./csi-test-driver.ts";

const DRIVER = "disks.example.com";
let cluster: StorageCluster;
const servers: CsiTestDriver[] = [];
beforeEach(async () => {
  cluster = await startStorageCluster();
});
afterEach(async () => {
  await cluster.stop();
  for (const server of servers.splice(0)) await server.stop();
});

const key = (name: string) => ({ namespace: "default", name });
const claimNow = (name: string) => cluster.get(persistentVolumeClaims, name);
const isBound = async (name: string) => (await claimNow(name))?.status?.phase === "Bound";
const bound = (name: string) => cluster.until(() => isBound(name));
const volumeNow = async (name: string) =>
  cluster.get(persistentVolumes, (await claimNow(name))?.spec?.volumeName ?? "none");
const says = (name: string, pattern: RegExp) =>
  cluster.until(async () => (await told(cluster.client, name)).some((line) => pattern.test(line)));
const drivers = async () =>
  (await cluster.get(csiNodes, NODE))?.spec.drivers.map(({ name }) => name) ?? [];
const registered = () => cluster.until(async () => (await drivers()).includes(DRIVER));
const addClaim = (name: string, size = "1Mi", spec: Parameters<typeof claim>[2] = {}) =>
  cluster.client.create(
    persistentVolumeClaims,
    claim(name, size, { storageClassName: "disks", ...spec }),
  );

async function start(options: Partial<TestDriverOptions> = {}): Promise<CsiTestDriver> {
  const server = await startCsiDriver({
    directory: join(cluster.home, "disks"),
    socketPath: join(cluster.home, "plugins_registry", "disks.sock"),
    ...options,
  });
  servers.push(server);
  return server;
}
async function addClass(rest: Parameters<typeof storageClass>[1] = {}): Promise<void> {
  await cluster.client.create(
    storageClasses,
    storageClass("disks", { provisioner: DRIVER, allowVolumeExpansion: true, ...rest }),
  );
}

test("a driver is there with its socket, and gone with it", async () => {
  const server = await start();
  await registered();
  expect((await cluster.get(csiNodes, NODE))?.spec.drivers).toEqual([
    {
      name: DRIVER,
      nodeID: "disk-node-1",
      topologyKeys: ["topology.example.com/zone"],
      allocatable: { count: 5 },
    },
  ]);
  const { labels } = (await cluster.get(nodes, NODE))?.metadata ?? {};
  expect(labels?.["topology.example.com/zone"]).toBe("z1");
  expect(cluster.storage.drivers.find(DRIVER)?.abilities.version).toBe("1.2");
  await server.stop();
  await cluster.until(async () => (await drivers()).length === 0);
  expect(cluster.storage.drivers.find(DRIVER)).toBeUndefined();
});

test("a registrar says where the driver is, and hears what became of it", async () => {
  const elsewhere = join(cluster.home, "elsewhere");
  await mkdir(elsewhere);
  const server = await start({ socketPath: join(elsewhere, "csi.sock"), registers: true });
  await symlink(server.socketPath, join(cluster.home, "plugins_registry", "disks.sock"));
  await registered();
  const notified = server.calls.find(({ method }) => /NotifyRegistrationStatus/.test(method));
  expect(notified?.request).toMatchObject({ plugin_registered: true });
});

test("a socket that nobody answers on, or a file that is none, harms nobody", async () => {
  await writeFile(join(cluster.home, "plugins_registry", "file.sock"), "");
  const sleepy = await start({ socketPath: join(cluster.home, "plugins_registry", "a.sock") });
  sleepy.overrides.set("Identity/Probe", () => ({ ready: { value: false } }));
  const server = await start({ directory: join(cluster.home, "other") });
  await registered();
  await server.stop();
  await cluster.until(async () => (await drivers()).length === 0);
  sleepy.overrides.delete("Identity/Probe");
  await registered();
});

test("a claim gets a volume of the driver, with what the class says, and loses it", async () => {
  const server = await start();
  await cluster.client.create(secrets, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: key("disk-data"),
    data: { token: Buffer.from("open-sesame").toString("base64") },
  });
  await addClass({
    parameters: {
      tier: "fast",
      "csi.storage.k8s.io/fstype": "xfs",
      "csi.storage.k8s.io/provisioner-secret-name": "disk-${pvc.name}",
      "csi.storage.k8s.io/provisioner-secret-namespace": "${pvc.namespace}",
      "csi.storage.k8s.io/node-stage-secret-name": "disk-${pvc.name}",
      "csi.storage.k8s.io/node-stage-secret-namespace": "default",
    },
    mountOptions: ["noatime"],
  });
  await addClaim("data");
  await bound("data");
  expect((await volumeNow("data"))?.spec).toMatchObject({
    mountOptions: ["noatime"],
    csi: {
      driver: DRIVER,
      fsType: "xfs",
      volumeAttributes: { kind: "directory" },
      nodeStageSecretRef: { name: "disk-data", namespace: "default" },
    },
    nodeAffinity: {
      required: {
        nodeSelectorTerms: [
          {
            matchExpressions: [
              { key: "topology.example.com/zone", operator: "In", values: ["z1"] },
            ],
          },
        ],
      },
    },
  });
  const created = server.calls.find(({ method }) => method === "Controller/CreateVolume");
  expect(created?.request).toMatchObject({
    parameters: { tier: "fast" },
    secrets: { token: "open-sesame" },
  });
  await cluster.client.delete(persistentVolumeClaims, key("data"));
  await cluster.until(async () => (await cluster.list(persistentVolumes)).length === 0);
  const deleted = server.calls.find(({ method }) => method === "Controller/DeleteVolume");
  expect(deleted?.request).toMatchObject({ secrets: { token: "open-sesame" } });
});

test("a missing secret is told of, and waited for", async () => {
  await start();
  await addClass({
    parameters: {
      "csi.storage.k8s.io/provisioner-secret-name": "late",
      "csi.storage.k8s.io/provisioner-secret-namespace": "default",
    },
  });
  await addClaim("data");
  await says("data", /failed to get secret late in namespace default/);
  await cluster.client.create(secrets, { apiVersion: "v1", kind: "Secret", metadata: key("late") });
  await bound("data");
});

test("a class that cannot be understood says so", async () => {
  await start();
  await addClass({ parameters: { "csi.storage.k8s.io/provisioner-secret-name": "a${nope}" } });
  await addClaim("data");
  await says("data", /go together: one of them is missing/);
});

test("a failing driver is asked again, later and later, until it works", async () => {
  const server = await start();
  await addClass();
  server.overrides.set("Controller/CreateVolume", () => {
    throw new CsiStatus(status.INTERNAL, "the array is on fire");
  });
  await addClaim("data");
  await says("data", /ProvisioningFailed: .*code = Internal desc = the array is on fire/);
  server.overrides.delete("Controller/CreateVolume");
  await bound("data");
  const asked = server.calls.filter(({ method }) => method === "Controller/CreateVolume");
  expect(new Set(asked.map(({ request }) => request["name"])).size).toBe(1);
});

test("a driver that gives less than it was asked for does not get away with it", async () => {
  const server = await start();
  await addClass();
  server.overrides.set("Controller/CreateVolume", (request) => ({
    volume: { volume_id: request["name"], capacity_bytes: 10 },
  }));
  await addClaim("data");
  await says("data", /created volume capacity 10 less than requested capacity 1048576/);
  await cluster.until(() =>
    server.calls.some(({ method }) => method === "Controller/DeleteVolume"),
  );
  expect(await isBound("data")).toBe(false);
});

test("a hanging driver holds up neither other drivers nor its own deletions", async () => {
  const server = await start();
  await addClass();
  await addClaim("first");
  await bound("first");
  server.overrides.set("Controller/CreateVolume", () => new Promise<never>(() => undefined));
  await addClaim("stuck");
  await cluster.client.create(
    storageClasses,
    storageClass("local", { provisioner: "gantry.dev/local" }),
  );
  await addClaim("fine", "1Mi", { storageClassName: "local" });
  await bound("fine");
  await cluster.client.delete(persistentVolumeClaims, key("first"));
  await cluster.until(async () => (await cluster.list(persistentVolumes)).length === 1);
});

test("volumes are attached to the nodes of their pods, and detached after the last", async () => {
  const server = await start({ attaches: true });
  await registered();
  await addClass();
  await addClaim("data");
  await bound("data");
  server.overrides.set("Controller/ControllerPublishVolume", () => {
    throw new CsiStatus(status.INTERNAL, "no free slot");
  });
  await cluster.client.create(pods, podWithClaim("one", "data"));
  const attachment = () => cluster.list(volumeAttachments).then(([first]) => first);
  await cluster.until(async () =>
    /no free slot/.test((await attachment())?.status?.attachError?.message ?? ""),
  );
  server.overrides.delete("Controller/ControllerPublishVolume");
  await cluster.until(async () => (await attachment())?.status?.attached === true);
  const name = (await claimNow("data"))?.spec?.volumeName ?? "";
  expect(await attachment()).toMatchObject({
    spec: { attacher: DRIVER, nodeName: NODE, source: { persistentVolumeName: name } },
    status: { attachmentMetadata: { device: `/dev/${name}` } },
  });
  expect(
    server.calls.findLast(({ method }) => method === "Controller/ControllerPublishVolume")?.request,
  ).toMatchObject({ node_id: "disk-node-1", volume_context: { kind: "directory" } });
  await cluster.client.create(pods, podWithClaim("two", "data"));
  await cluster.until(async () => (await cluster.get(pods, "two"))?.spec?.nodeName === NODE);
  await cluster.client.delete(pods, key("one"));
  await cluster.settle();
  expect(await attachment()).toBeDefined();
  await cluster.client.delete(pods, key("two"));
  await cluster.until(async () => (await attachment()) === undefined);
  expect(server.calls.some(({ method }) => method === "Controller/ControllerUnpublishVolume")).toBe(
    true,
  );
});

test("growth that needs the node says so and waits for it", async () => {
  await start({ growsOnNode: true });
  await addClass();
  await addClaim("data");
  await bound("data");
  await cluster.client.patch(persistentVolumeClaims, key("data"), {
    type: "merge",
    body: { spec: { resources: { requests: { storage: "2Mi" } } } },
  });
  await cluster.until(
    async () =>
      (await claimNow("data"))?.status?.allocatedResourceStatuses?.["storage"] ===
      "NodeResizePending",
  );
  const { status: now } = (await claimNow("data")) ?? {};
  expect(now?.capacity).toEqual({ storage: "1Mi" });
  expect(now?.conditions).toMatchObject([{ type: "FileSystemResizePending", status: "True" }]);
  expect((await volumeNow("data"))?.spec?.capacity).toEqual({ storage: "2Mi" });
  await says("data", /^FileSystemResizeRequired/);
});

test("snapshots are taken by the driver and restored by it", async () => {
  await start();
  await addClass();
  await cluster.client.create(volumeSnapshotClasses, {
    apiVersion: "snapshot.storage.k8s.io/v1",
    kind: "VolumeSnapshotClass",
    metadata: {
      name: "disks",
      annotations: { "snapshot.storage.kubernetes.io/is-default-class": "true" },
    },
    driver: DRIVER,
    deletionPolicy: "Delete",
  });
  await addClaim("data");
  await bound("data");
  const handle = (await volumeNow("data"))?.spec?.csi?.volumeHandle ?? "";
  await writeFile(join(cluster.home, "disks", handle, "file"), "data");
  await cluster.client.create(volumeSnapshots, {
    apiVersion: "snapshot.storage.k8s.io/v1",
    kind: "VolumeSnapshot",
    metadata: key("before"),
    spec: { source: { persistentVolumeClaimName: "data" } },
  });
  await cluster.until(
    async () => (await cluster.get(volumeSnapshots, "before"))?.status?.readyToUse === true,
  );
  const name = "before";
  await addClaim("restored", "1Mi", {
    dataSource: { apiGroup: "snapshot.storage.k8s.io", kind: "VolumeSnapshot", name },
  });
  await bound("restored");
  const restored = (await volumeNow("restored"))?.spec?.csi?.volumeHandle ?? "";
  expect(await readFile(join(cluster.home, "disks", restored, "file"), "utf8")).toBe("data");
});

test("a driver that asks for it has its room published, kept current and taken back", async () => {
  const metadata = { name: "kube-system" };
  await cluster.client.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata });
  const server = await start();
  await registered();
  await addClass();
  await cluster.client.create(csiDrivers, {
    apiVersion: "storage.k8s.io/v1",
    kind: "CSIDriver",
    metadata: { name: DRIVER },
    spec: { storageCapacity: true },
  });
  const capacities = () => cluster.list(csiStorageCapacities);
  await cluster.until(async () => (await capacities()).length === 1);
  expect((await capacities())[0]).toMatchObject({
    storageClassName: "disks",
    capacity: "1000000000",
    nodeTopology: { matchLabels: { "topology.example.com/zone": "z1" } },
  });
  server.overrides.set("Controller/GetCapacity", () => ({ available_capacity: 5_000 }));
  await cluster.until(async () => (await capacities())[0]?.capacity === "5000");
  await cluster.client.delete(csiDrivers, { name: DRIVER });
  await cluster.until(async () => (await capacities()).length === 0);
});
