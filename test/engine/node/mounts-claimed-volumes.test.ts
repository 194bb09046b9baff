import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { VolumeDriverError } from "../../../src/engine/storage/volume-driver-error.ts";
import { VolumeDrivers } from "../../../src/engine/storage/volume-drivers.ts";
import { csiDrivers } from "../../../src/kube/kinds/csidriver.ts";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import { events } from "../../../src/kube/kinds/event.ts";
import {
  type PersistentVolume,
  persistentVolumes,
} from "../../../src/kube/kinds/persistentvolume.ts";
import {
  type PersistentVolumeClaim,
  persistentVolumeClaims,
} from "../../../src/kube/kinds/persistentvolumeclaim.ts";
import type { Pod } from "../../../src/kube/kinds/pod.ts";
import { secrets } from "../../../src/kube/kinds/secret.ts";
import { volumeAttachments } from "../../../src/kube/kinds/volumeattachment.ts";
import {
  type FakeHarness,
  isRunning,
  pass,
  serving,
  settle,
  startFakeHarness,
} from "./fake-harness.ts";
import { type FakeDriver, fakeDriver } from "./volumes/fake-driver.ts";

let directory: string;
let driver: FakeDriver;
let drivers: VolumeDrivers;
let fake: FakeHarness;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "gantry-volumes-"));
  await mkdir(join(directory, "vol-1"));
  driver = fakeDriver(directory);
  drivers = new VolumeDrivers();
  drivers.add(driver);
  fake = await startFakeHarness({ drivers });
});
afterEach(async () => {
  await fake.harness.close();
  await rm(directory, { recursive: true });
  expect(fake.harness.problems).toEqual([]);
});

/** Volumes of a path are of one node. */
const onNode = (path: string): VolumeSource => ({
  local: { path },
  nodeAffinity: {
    required: {
      nodeSelectorTerms: [
        {
          matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: ["node-1"] }],
        },
      ],
    },
  },
});
const CSI = { driver: "fake.example.com", volumeHandle: "vol-1" };
type VolumeSource = Partial<NonNullable<PersistentVolume["spec"]>>;

async function volume(source: VolumeSource = { csi: CSI }, claim?: PersistentVolumeClaim) {
  const reference = claim?.metadata;
  await fake.harness.create(persistentVolumes, {
    metadata: { name: "pv-1" },
    spec: {
      capacity: { storage: "1Gi" },
      accessModes: ["ReadWriteOnce"],
      ...(reference === undefined
        ? {}
        : {
            claimRef: {
              namespace: "default",
              name: reference.name,
              ...(reference.uid === undefined ? {} : { uid: reference.uid }),
            },
          }),
      ...source,
    },
  });
}
async function claim(extra: Partial<PersistentVolumeClaim["metadata"]> = {}, spec = {}) {
  return await fake.harness.create(persistentVolumeClaims, {
    metadata: { name: "data", ...extra },
    spec: {
      accessModes: ["ReadWriteOnce"],
      resources: { requests: { storage: "1Gi" } },
      volumeName: "pv-1",
      ...spec,
    },
  });
}
const setStatus = (status: PersistentVolumeClaim["status"], name = "data") =>
  fake.harness.client.patch(
    persistentVolumeClaims,
    { namespace: "default", name },
    { type: "merge", body: { status: JSON.parse(JSON.stringify(status)) as object } as never },
    { subresource: "status" },
  );
async function bound(source?: VolumeSource, name = "data", owner = {}) {
  const made = await claim({ name, ...owner });
  await volume(source, made);
  await setStatus({ phase: "Bound" }, name);
  return made;
}
const using = (volumes: NonNullable<Pod["spec"]>["volumes"], mount = {}) => ({
  containers: [serving("web", { volumeMounts: [{ name: "v", mountPath: "/data", ...mount }] })],
  ...(volumes === undefined ? {} : { volumes }),
});
const usingClaim = (readOnly = false) =>
  using([{ name: "v", persistentVolumeClaim: { claimName: "data", readOnly } }]);
const hostPath = (): string => fake.runtime.configOf("web").mounts[0]?.hostPath ?? "";
const problem = async (pod = "web", reason = "FailedMount"): Promise<string> =>
  (await fake.harness.untilEvent(pod, reason)).message ?? "";

describe("a claim's volume", () => {
  it("is staged, then published for the pod, and taken back in reverse", async () => {
    await writeFile(join(directory, "vol-1/kept"), "kept");
    await bound();
    await fake.harness.createPod("web", usingClaim());
    await fake.harness.until("web", isRunning);
    expect(driver.journal).toEqual(["stage vol-1", "publish vol-1 rw"]);
    expect(await readFile(join(hostPath(), "kept"), "utf8")).toBe("kept");
    await fake.harness.deletePod("web", 1);
    await fake.harness.untilGone("web");
    expect(driver.journal.slice(2)).toEqual(["unpublish vol-1", "unstage vol-1"]);
    expect(await readFile(join(directory, "vol-1/kept"), "utf8")).toBe("kept");
    expect(await readdir(join(fake.harness.directory, "mounts"))).toEqual([]);
  });

  it("holds the pod until it is there and bound, and told when it is", async () => {
    await fake.harness.createPod("web", usingClaim());
    expect(await problem()).toBe(
      'MountVolume.SetUp failed for volume "v" : persistentvolumeclaim "data" not found',
    );
    const made = await claim();
    await volume(undefined, made);
    await settle(fake);
    expect(driver.journal).toEqual([]);
    await setStatus({ phase: "Bound" });
    await fake.harness.until("web", isRunning);
  });

  it("is not given to the pod of a claim that it is not bound to", async () => {
    await bound({ csi: CSI, claimRef: { namespace: "default", name: "data", uid: "another" } });
    await fake.harness.createPod("web", usingClaim());
    expect(await problem()).toContain('PV "pv-1" is not bound to PVC "data"');
  });

  it("is published read-only when the pod asks for that", async () => {
    await bound();
    await fake.harness.createPod("web", usingClaim(true));
    await fake.harness.until("web", isRunning);
    expect(driver.journal).toContain("publish vol-1 ro");
  });

  it("is staged once for all pods of the node", async () => {
    await bound();
    await fake.harness.createPod("web", usingClaim());
    await fake.harness.createPod("api", usingClaim());
    await fake.harness.until("web", isRunning);
    await fake.harness.until("api", isRunning);
    await fake.harness.deletePod("web", 1);
    await fake.harness.untilGone("web");
    expect(driver.journal).not.toContain("unstage vol-1");
    await fake.harness.deletePod("api", 1);
    await fake.harness.untilGone("api");
    expect(driver.journal.at(-1)).toBe("unstage vol-1");
  });

  it("that vanished is told in an Event, tried ever less often, and used once it is back", async () => {
    await rm(join(directory, "vol-1"), { recursive: true });
    await bound();
    await fake.harness.createPod("web", usingClaim());
    expect(await problem()).toMatch(
      /^MountVolume.SetUp failed for volume "pv-1" : rpc error: code = NotFound desc = the directory .*vol-1 of volume has vanished$/,
    );
    const tries = (): number => driver.journal.filter((line) => line.startsWith("publish")).length;
    await pass(fake, 400);
    expect(tries()).toBe(1);
    await pass(fake, 200);
    expect(tries()).toBe(2);
    await pass(fake, 10 * 60_000, 60_000);
    // 0.5, 1, 2, … 122 s: some dozen in ten minutes, not six hundred.
    expect(tries()).toBeLessThan(15);
    await mkdir(join(directory, "vol-1"));
    await pass(fake, 130_000);
    await fake.harness.until("web", isRunning);
  });

  it("that vanished under a running pod keeps its container from starting again", async () => {
    await bound(onNode(join(directory, "vol-1")));
    await fake.harness.createPod("web", usingClaim());
    await fake.harness.until("web", isRunning);
    await rm(join(directory, "vol-1"), { recursive: true });
    await fake.runtime.exit("web", 1);
    const stuck = await fake.harness.until(
      "web",
      (pod) =>
        pod.status?.containerStatuses?.[0]?.state?.waiting?.reason === "CreateContainerConfigError",
    );
    expect(stuck.status?.containerStatuses?.[0]?.state?.waiting?.message).toMatch(
      /volume "v" is gone: .*vol-1 was removed/,
    );
  });

  it("waits for a driver that is not registered yet", async () => {
    drivers.remove(driver);
    await bound();
    await fake.harness.createPod("web", usingClaim());
    expect(await problem()).toContain(
      "driver name fake.example.com not found in the list of registered drivers: there are none",
    );
    drivers.add(driver);
    await fake.harness.until("web", isRunning);
  });

  it("is given the driver's secrets, which no Event ever shows", async () => {
    await fake.harness.create(secrets, {
      metadata: { name: "key" },
      stringData: { key: "s3cret" },
    });
    const reference = { namespace: "default", name: "key" };
    driver.problems.set("stage", new VolumeDriverError("Internal", "no"));
    await bound({
      csi: { ...CSI, nodeStageSecretRef: reference, nodePublishSecretRef: reference },
    });
    await fake.harness.createPod("web", usingClaim());
    await problem();
    driver.problems.clear();
    await pass(fake, 1_000);
    await fake.harness.until("web", isRunning);
    const { secrets: given } = driver.requests["publish vol-1 rw"] as {
      secrets: { reveal(): ReadonlyMap<string, string> };
    };
    expect(given.reveal().get("key")).toBe("s3cret");
    const told = await fake.harness.client.list(events, { namespace: "default" });
    expect(JSON.stringify(told)).not.toContain("s3cret");
  });

  it("is waited for until it is attached, which is told when it takes long", async () => {
    drivers.add(fakeDriver(directory, { attach: true }));
    await bound();
    await fake.harness.createPod("web", usingClaim());
    await pass(fake, 3_000, 500);
    const told = await fake.harness.client.list(events, { namespace: "default" });
    expect(told.items.filter(({ type }) => type === "Warning")).toEqual([]);
    await pass(fake, 5_000);
    expect(await problem("web", "FailedAttachVolume")).toBe(
      'volume "pv-1" is not attached to node "node-1" yet',
    );
    await fake.harness.create(volumeAttachments, {
      metadata: { name: "attachment" },
      spec: {
        attacher: "fake.example.com",
        nodeName: "node-1",
        source: { persistentVolumeName: "pv-1" },
      },
    });
    await fake.harness.client.patch(
      volumeAttachments,
      { name: "attachment" },
      { type: "merge", body: { status: { attached: true } } },
      { subresource: "status" },
    );
    await fake.harness.until("web", isRunning);
  });

  it("without a driver is the directory that an administrator made, or nothing", async () => {
    const path = join(directory, "by-hand");
    await bound(onNode(path));
    await fake.harness.createPod("web", usingClaim());
    expect(await problem()).toContain(
      `path ${JSON.stringify(path)} of local volume "pv-1" does not`,
    );
    await mkdir(path);
    await pass(fake, 5_000);
    await fake.harness.until("web", isRunning);
    expect(hostPath()).toBe(path);
  });

  it("grows on the node while a pod uses it", async () => {
    await bound();
    await fake.harness.createPod("web", usingClaim());
    await fake.harness.until("web", isRunning);
    driver.problems.set("expand", new VolumeDriverError("Internal", "not now"));
    await setStatus({
      phase: "Bound",
      capacity: { storage: "1Gi" },
      allocatedResources: { storage: "2Gi" },
      allocatedResourceStatuses: { storage: "NodeResizePending" },
    });
    expect(await problem("web", "VolumeResizeFailed")).toContain("not now");
    driver.problems.clear();
    await pass(fake, 1_000);
    const { message } = await fake.harness.untilEvent("web", "FileSystemResizeSuccessful");
    expect(message).toContain('volume "pv-1"');
    expect(driver.requests["expand vol-1"]).toMatchObject({ size: { requiredBytes: 2 ** 31 } });
    const grown = await fake.harness.client.get(persistentVolumeClaims, {
      namespace: "default",
      name: "data",
    });
    expect(grown.status?.capacity).toEqual({ storage: "2Gi" });
    expect(grown.status?.allocatedResourceStatuses).toBeUndefined();
  });

  it("is left alone when the pod's ConfigMaps change", async () => {
    await fake.harness.create(configMaps, { metadata: { name: "settings" }, data: { a: "1" } });
    await bound();
    const [data] = usingClaim().volumes ?? [];
    const settings = { name: "settings", configMap: { name: "settings" } };
    await fake.harness.createPod("web", {
      ...usingClaim(),
      volumes: [...(data === undefined ? [] : [data]), settings],
    });
    await fake.harness.until("web", isRunning);
    await fake.harness.client.patch(
      configMaps,
      { namespace: "default", name: "settings" },
      { type: "merge", body: { data: { a: "2" } } },
    );
    await settle(fake);
    expect(driver.journal).toEqual(["stage vol-1", "publish vol-1 rw"]);
  });

  it("of a device is not mounted as a directory", async () => {
    const made = await claim({}, { volumeMode: "Block" });
    await volume({ csi: CSI, volumeMode: "Block" }, made);
    await setStatus({ phase: "Bound" });
    await fake.harness.createPod("web", usingClaim());
    expect(await problem()).toContain(
      "volume v has volumeMode Block, but is specified in volumeMounts",
    );
  });
});

describe("after a restart", () => {
  it("the agent goes on with what is mounted, and takes it back when the pod goes", async () => {
    await bound();
    await fake.harness.createPod("web", usingClaim());
    await fake.harness.until("web", isRunning);
    await fake.harness.stopAgent();
    await fake.harness.startAgent();
    await fake.harness.deletePod("web", 1);
    await fake.harness.untilGone("web");
    expect(driver.journal.slice(-2)).toEqual(["unpublish vol-1", "unstage vol-1"]);
  });

  it("the agent takes back what belongs to pods that are gone", async () => {
    const kept = await startFakeHarness({ drivers, keepPods: true });
    await fake.harness.close();
    fake = kept;
    await bound();
    const pod = await fake.harness.createPod("web", usingClaim());
    await fake.harness.until("web", isRunning);
    await fake.harness.stopAgent();
    await fake.harness.deletePod("web", 0);
    expect(driver.journal).not.toContain("unpublish vol-1");
    await fake.harness.startAgent();
    await fake.harness.stopAgent();
    expect(driver.journal.slice(-2)).toEqual(["unpublish vol-1", "unstage vol-1"]);
    expect(await readdir(join(fake.harness.directory, "pods"))).not.toContain(pod.metadata.uid);
    await fake.harness.startAgent();
  });
});

describe("a volume that a driver does not take back", () => {
  it("keeps the pod, told in an Event for each of ever fewer tries", async () => {
    await bound();
    await fake.harness.createPod("web", usingClaim());
    await fake.harness.until("web", isRunning);
    driver.problems.set("unpublish", new VolumeDriverError("Internal", "busy"));
    await fake.harness.deletePod("web", 1);
    expect(await problem("web", "FailedUnMount")).toContain("busy");
    await pass(fake, 5 * 60_000, 60_000);
    const tries = driver.journal.filter((line) => line.startsWith("unpublish")).length;
    expect(tries).toBeGreaterThan(1);
    expect(tries).toBeLessThan(12);
    expect(await readdir(join(fake.harness.directory, "pods"))).toHaveLength(1);
    driver.problems.clear();
    await pass(fake, 122_000);
    await fake.harness.untilGone("web");
  });

  it("of a pod that is gone is taken back once its driver is there", async () => {
    await bound();
    await fake.harness.createPod("web", usingClaim());
    await fake.harness.until("web", isRunning);
    await fake.harness.stopAgent();
    await fake.harness.deletePod("web", 0);
    drivers.remove(driver);
    await fake.harness.startAgent();
    expect(driver.journal).not.toContain("unpublish vol-1");
    drivers.add(driver);
    await expect.poll(() => driver.journal.at(-1)).toBe("unstage vol-1");
    await fake.harness.stopAgent();
    expect(await readdir(join(fake.harness.directory, "pods"))).toEqual([]);
    await fake.harness.startAgent();
    expect(fake.harness.problems.splice(0)).toEqual([
      expect.stringContaining("an orphaned pod could not be stopped"),
    ]);
  });
});

describe("ephemeral volumes", () => {
  const template = {
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
  };
  const ephemeral = using([{ name: "v", ephemeral: { volumeClaimTemplate: template } }]);

  it("use the claim that was made for the pod", async () => {
    const pod = await fake.harness.createPod("web", ephemeral);
    await problem();
    const owner = {
      apiVersion: "v1",
      kind: "Pod",
      name: "web",
      uid: pod.metadata.uid ?? "",
      controller: true,
    };
    await bound(undefined, "web-v", { ownerReferences: [owner] });
    await fake.harness.until("web", isRunning);
  });

  it("do not take somebody else's claim of that name", async () => {
    await bound(undefined, "web-v");
    await fake.harness.createPod("web", ephemeral);
    expect(await problem()).toContain('PVC "web-v" was not created for pod');
  });
});

describe("inline volumes of a driver", () => {
  const inline = using([
    { name: "v", csi: { driver: "fake.example.com", volumeAttributes: { tier: "fast" } } },
  ]);

  it("are refused by drivers that have none", async () => {
    await fake.harness.create(csiDrivers, { metadata: { name: "fake.example.com" }, spec: {} });
    await fake.harness.createPod("web", inline);
    expect(await problem()).toContain(
      'volume mode "Ephemeral" not supported by driver fake.example.com (only supports ["Persistent"])',
    );
  });

  it("are published again every minute for drivers that ask for it", async () => {
    await fake.harness.create(csiDrivers, {
      metadata: { name: "fake.example.com" },
      spec: { volumeLifecycleModes: ["Ephemeral"], requiresRepublish: true },
    });
    await fake.harness.createPod("web", inline);
    await fake.harness.until("web", isRunning);
    await pass(fake, 59_000);
    expect(driver.journal).toHaveLength(1);
    await pass(fake, 2_000);
    expect(driver.journal).toHaveLength(2);
    await pass(fake, 61_000);
    expect(driver.journal).toHaveLength(3);
  });

  it("are published with what the driver wants to know of the pod", async () => {
    await fake.harness.create(csiDrivers, {
      metadata: { name: "fake.example.com" },
      spec: { volumeLifecycleModes: ["Ephemeral"], podInfoOnMount: true },
    });
    await fake.harness.createPod("web", inline);
    await fake.harness.until("web", isRunning);
    const [line = ""] = driver.journal;
    expect(line).toMatch(/^publish csi-[0-9a-f]{64} rw$/);
    expect(driver.requests[line]).toMatchObject({
      ephemeral: true,
      context: {
        tier: "fast",
        "csi.storage.k8s.io/pod.name": "web",
        "csi.storage.k8s.io/ephemeral": "true",
      },
    });
    await fake.harness.deletePod("web", 1);
    await fake.harness.untilGone("web");
    expect(driver.journal.at(-1)).toMatch(/^unpublish csi-/);
  });
});
