/** Pods and their claims, with the volume controllers played by the test. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { csiDrivers } from "../../../src/kube/kinds/csidriver.ts";
import { csiNodes } from "../../../src/kube/kinds/csinode.ts";
import { csiStorageCapacities } from "../../../src/kube/kinds/csistoragecapacity.ts";
import {
  type PersistentVolume,
  persistentVolumes,
} from "../../../src/kube/kinds/persistentvolume.ts";
import {
  type PersistentVolumeClaim,
  persistentVolumeClaims,
} from "../../../src/kube/kinds/persistentvolumeclaim.ts";
import { type Pod, pods } from "../../../src/kube/kinds/pod.ts";
import { storageClasses } from "../../../src/kube/kinds/storageclass.ts";
import { ManualClock } from "../../manual-clock.ts";
import {
  type Harness,
  isBound,
  isUnschedulable,
  scheduledCondition,
  startHarness,
} from "./scheduler-harness.ts";

let harness: Harness;
let clock: ManualClock;
beforeEach(async () => {
  clock = new ManualClock();
  harness = await startHarness({ clock });
  await harness.addNode("a", { labels: { zone: "1" } });
  await harness.addNode("b", { labels: { zone: "2" } });
});
afterEach(() => harness.stop());

const SELECTED = "volume.kubernetes.io/selected-node";
const mounting = (...claims: string[]) => ({
  containers: [{ name: "c", image: "x" }],
  volumes: claims.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } })),
});
const inZone = (zone: string) => ({
  required: {
    nodeSelectorTerms: [{ matchExpressions: [{ key: "zone", operator: "In", values: [zone] }] }],
  },
});

async function addClass(name: string, rest: object = {}): Promise<void> {
  await harness.client.create(storageClasses, {
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: { name },
    provisioner: "disks.example.com",
    volumeBindingMode: "WaitForFirstConsumer",
    ...rest,
  });
}
async function addClaim(name: string, spec: object = {}): Promise<PersistentVolumeClaim> {
  return harness.client.create(persistentVolumeClaims, {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { namespace: "default", name },
    spec: {
      accessModes: ["ReadWriteOnce"],
      storageClassName: "late",
      resources: { requests: { storage: "1Gi" } },
      ...spec,
    },
  });
}
async function addVolume(name: string, spec: object = {}): Promise<void> {
  const volume: PersistentVolume = {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name },
    spec: {
      accessModes: ["ReadWriteOnce"],
      capacity: { storage: "1Gi" },
      storageClassName: "late",
      csi: { driver: "disks.example.com", volumeHandle: name },
      ...spec,
    },
  };
  await harness.client.create(persistentVolumes, volume);
  const body = { status: { phase: "Available" } };
  await harness.client.patch(
    persistentVolumes,
    { name },
    { type: "merge", body },
    { subresource: "status" },
  );
}
/** Lets back-offs end until the pod is bound. */
async function untilBound(name: string): Promise<string | undefined> {
  let bound: Pod | undefined;
  const waiting = harness.until(name, isBound).then((found) => (bound = found));
  while (bound === undefined) await clock.advance(100);
  return (await waiting).spec?.nodeName;
}
/** As the volume controller does once a claim has its volume. */
async function bind(claim: string, volumeName: string): Promise<void> {
  const key = { namespace: "default", name: claim };
  const body = { spec: { volumeName } };
  await harness.client.patch(persistentVolumeClaims, key, { type: "merge", body });
  const status = { status: { phase: "Bound" } };
  await harness.client.patch(
    persistentVolumeClaims,
    key,
    { type: "merge", body: status },
    { subresource: "status" },
  );
}
const selectedNode = ({ metadata }: PersistentVolumeClaim) => metadata.annotations?.[SELECTED];
/** What stands in the condition before the list of nodes. */
const reasonOf = async (name: string): Promise<string> => {
  const { message = "" } = scheduledCondition(await harness.until(name, isUnschedulable)) ?? {};
  return message.replace(/ preemption:.*/, "");
};

describe("a pod waits, and says for what", () => {
  test("for a claim that does not exist", async () => {
    await harness.addPod("web", mounting("data"));
    expect(await reasonOf("web")).toBe(
      '0/2 nodes are available: persistentvolumeclaim "data" not found.',
    );
    await addClass("late");
    await addVolume("disk");
    await addClaim("data", { volumeName: "disk" });
    await bind("data", "disk");
    await untilBound("web");
  });
  test("for a claim that is bound by others, which has not happened", async () => {
    await addClass("early", { volumeBindingMode: "Immediate" });
    await addClaim("data", { storageClassName: "early" });
    await harness.addPod("web", mounting("data"));
    expect(await reasonOf("web")).toBe(
      "0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
    );
  });
  test("for a class that does not exist", async () => {
    await addClaim("data", { storageClassName: "nowhere" });
    await harness.addPod("web", mounting("data"));
    expect(await reasonOf("web")).toBe(
      '0/2 nodes are available: storageclass.storage.k8s.io "nowhere" not found.',
    );
  });
  test("for a volume made by hand, where the class makes none", async () => {
    await addClass("late", { provisioner: "kubernetes.io/no-provisioner" });
    await addClaim("data");
    await harness.addPod("web", mounting("data"));
    expect(await reasonOf("web")).toBe(
      "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind.",
    );
    await addVolume("disk", { nodeAffinity: inZone("2") });
    const given = await harness.untilObject(
      persistentVolumes,
      "disk",
      ({ spec }) => spec?.claimRef !== undefined,
    );
    expect(given.spec?.claimRef).toMatchObject({ namespace: "default", name: "data" });
    await bind("data", "disk");
    expect(await untilBound("web")).toBe("b");
  });
});

test("goes where its volume is", async () => {
  await addClass("late");
  await addVolume("disk", { nodeAffinity: inZone("2") });
  await addClaim("data", { volumeName: "disk" });
  await bind("data", "disk");
  await harness.addPod("web", mounting("data"));
  expect(await untilBound("web")).toBe("b");
  await harness.addPod("misled", { ...mounting("data"), nodeSelector: { zone: "1" } });
  expect(await reasonOf("misled")).toBe(
    "0/2 nodes are available: 1 node(s) didn't match PersistentVolume's node affinity, 1 node(s) didn't match Pod's node affinity/selector.",
  );
});

test("a volume that carries a zone keeps its pod there", async () => {
  const zone = "topology.kubernetes.io/zone";
  await harness.addNode("c", { labels: { [zone]: "east" } });
  await harness.addNode("d", { labels: { [zone]: "west" } });
  await addClass("late");
  await addVolume("disk");
  const labels = { [zone]: "west__north" };
  const body = { metadata: { labels } };
  await harness.client.patch(persistentVolumes, { name: "disk" }, { type: "merge", body });
  await addClaim("data", { volumeName: "disk" });
  await bind("data", "disk");
  const spec = {
    ...mounting("data"),
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: zone, operator: "Exists" }] }],
        },
      },
    },
  };
  await harness.addPod("web", spec);
  expect(await untilBound("web")).toBe("d");
});

describe("WaitForFirstConsumer", () => {
  test("tells the provisioner the node, and binds the pod once the volume is there", async () => {
    await addClass("late", {
      allowedTopologies: [{ matchLabelExpressions: [{ key: "zone", values: ["1"] }] }],
    });
    await addClaim("data");
    await harness.addPod("web", mounting("data"));
    const asked = await harness.untilObject(
      persistentVolumeClaims,
      "data",
      (claim) => selectedNode(claim) !== undefined,
    );
    expect(selectedNode(asked)).toBe("a");
    // Others are not held up by it.
    await harness.addPod("other");
    await harness.until("other", isBound);
    const key = { namespace: "default", name: "web" };
    expect(isBound(await harness.client.get(pods, key))).toBe(false);
    await addVolume("made", { nodeAffinity: inZone("1") });
    await bind("data", "made");
    expect(await untilBound("web")).toBe("a");
  });
  test("gives the smallest volume that is large enough, and never one to two claims", async () => {
    await addClass("late", { provisioner: "kubernetes.io/no-provisioner" });
    await addVolume("small", { capacity: { storage: "512Mi" } });
    await addVolume("large", { capacity: { storage: "100Gi" } });
    await addVolume("fitting", { capacity: { storage: "2Gi" } });
    await addClaim("data");
    await addClaim("more");
    await harness.addPod("web", mounting("data"));
    await harness.addPod("db", mounting("more"));
    const isGiven = ({ spec }: PersistentVolume): boolean => spec?.claimRef !== undefined;
    const first = await harness.untilObject(persistentVolumes, "fitting", isGiven);
    const second = await harness.untilObject(persistentVolumes, "large", isGiven);
    expect(new Set([first.spec?.claimRef?.name, second.spec?.claimRef?.name])).toEqual(
      new Set(["data", "more"]),
    );
  });
  test("tries elsewhere when the provisioner gives the node back", async () => {
    await addClass("late");
    await addClaim("data");
    await harness.addPod("web", mounting("data"));
    const isAsked = (claim: PersistentVolumeClaim): boolean => selectedNode(claim) !== undefined;
    const asked = await harness.untilObject(persistentVolumeClaims, "data", isAsked);
    const key = { namespace: "default", name: "data" };
    const body = { metadata: { annotations: { [SELECTED]: null } } };
    await harness.client.patch(persistentVolumeClaims, key, { type: "merge", body });
    await clock.advance(1_000);
    const again = await harness.untilObject(
      persistentVolumeClaims,
      "data",
      (claim) =>
        isAsked(claim) && claim.metadata.resourceVersion !== asked.metadata.resourceVersion,
    );
    await addVolume("made");
    await bind("data", "made");
    expect(await untilBound("web")).toBe(selectedNode(again));
  });
  test("forgets a node that went away before it had the volume", async () => {
    await addClass("late");
    await addClaim("data");
    const key = { namespace: "default", name: "data" };
    const body = { metadata: { annotations: { [SELECTED]: "gone" } } };
    await harness.client.patch(persistentVolumeClaims, key, { type: "merge", body });
    await harness.addPod("web", mounting("data"));
    const asked = await harness.untilObject(
      persistentVolumeClaims,
      "data",
      (claim) => selectedNode(claim) !== "gone",
    );
    expect(selectedNode(asked)).toMatch(/^[ab]$/);
  });
  test("gives up waiting after ten minutes, and says so", async () => {
    await addClass("late");
    await addClaim("data");
    await harness.addPod("web", mounting("data"));
    await harness.untilObject(
      persistentVolumeClaims,
      "data",
      (claim) => selectedNode(claim) !== undefined,
    );
    await clock.advance(599_000);
    expect(harness.scheduler.pending).toBe(1);
    await clock.advance(1_000);
    expect(await harness.eventsOf("web")).toContain(
      "FailedScheduling: binding rejected: binding volumes: no volume for default/data within 600 s",
    );
  });
  test("stops waiting when the pod goes", async () => {
    await addClass("late");
    await addClaim("data");
    await harness.addNode("only", { allocatable: { cpu: "100" } });
    const container = { name: "c", image: "x", resources: { requests: { cpu: "60" } } };
    await harness.addPod("web", { ...mounting("data"), containers: [container] });
    await harness.untilObject(
      persistentVolumeClaims,
      "data",
      (claim) => selectedNode(claim) === "only",
    );
    await harness.client.delete(pods, { namespace: "default", name: "web" });
    // Its room is free for the next.
    await harness.addPod("next", { containers: [container] });
    expect((await harness.until("next", isBound)).spec?.nodeName).toBe("only");
  });
  test("asks only where the driver has room", async () => {
    await addClass("late");
    await harness.client.create(csiDrivers, {
      apiVersion: "storage.k8s.io/v1",
      kind: "CSIDriver",
      metadata: { name: "example.com" },
      spec: { storageCapacity: true },
    });
    await addClass("tracked", { provisioner: "example.com" });
    await addClaim("data", { storageClassName: "tracked" });
    await harness.addPod("web", mounting("data"));
    expect(await reasonOf("web")).toBe(
      "0/2 nodes are available: 2 node(s) did not have enough free storage.",
    );
    await harness.client.create(csiStorageCapacities, {
      apiVersion: "storage.k8s.io/v1",
      kind: "CSIStorageCapacity",
      metadata: { namespace: "default", name: "zone-2" },
      storageClassName: "tracked",
      capacity: "5Gi",
      nodeTopology: { matchLabels: { zone: "2" } },
    });
    const asked = await harness.untilObject(
      persistentVolumeClaims,
      "data",
      (claim) => selectedNode(claim) !== undefined,
    );
    expect(selectedNode(asked)).toBe("b");
  });
});

test("a claim of mode ReadWriteOncePod has one pod", async () => {
  await addClass("late");
  await addVolume("disk", { accessModes: ["ReadWriteOncePod"] });
  await addClaim("data", { volumeName: "disk", accessModes: ["ReadWriteOncePod"] });
  await bind("data", "disk");
  await harness.addPod("first", mounting("data"));
  await harness.until("first", isBound);
  await harness.addPod("second", mounting("data"));
  expect(await reasonOf("second")).toBe(
    "0/2 nodes are available: 2 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode.",
  );
  const key = { namespace: "default", name: "first" };
  await harness.client.delete(pods, key, { gracePeriodSeconds: 0 });
  await untilBound("second");
});

test("a node takes as many volumes as its driver can attach, counting each once", async () => {
  await addClass("late");
  for (const nodeName of ["a", "b"])
    await harness.client.create(csiNodes, {
      apiVersion: "storage.k8s.io/v1",
      kind: "CSINode",
      metadata: { name: nodeName },
      spec: {
        drivers: [{ name: "disks.example.com", nodeID: nodeName, allocatable: { count: 1 } }],
      },
    });
  for (const name of ["one", "two", "three"]) {
    await addVolume(name, { accessModes: ["ReadWriteMany"] });
    await addClaim(name, { volumeName: name, accessModes: ["ReadWriteMany"] });
    await bind(name, name);
  }
  await harness.addPod("first", { ...mounting("one"), nodeSelector: { zone: "1" } });
  await harness.until("first", isBound);
  await harness.addPod("sharing", { ...mounting("one"), nodeSelector: { zone: "1" } });
  await harness.until("sharing", isBound);
  await harness.addPod("second", mounting("two"));
  expect(await untilBound("second")).toBe("b");
  await harness.addPod("third", mounting("three"));
  expect(await reasonOf("third")).toBe(
    "0/2 nodes are available: 2 node(s) exceed max volume count.",
  );
});
