import { afterEach, beforeEach, expect, test } from "vitest";
import { nodes } from "../../../src/kube/kinds/node.ts";
import { persistentVolumes } from "../../../src/kube/kinds/persistentvolume.ts";
import { persistentVolumeClaims } from "../../../src/kube/kinds/persistentvolumeclaim.ts";
import { pods } from "../../../src/kube/kinds/pod.ts";
import { storageClasses } from "../../../src/kube/kinds/storageclass.ts";
import { type Cluster, startCluster } from "../controllers/cluster.ts";
import { claim, podWithClaim, storageClass, told, volume } from "./storage-objects.ts";

let cluster: Cluster;
beforeEach(async () => {
  cluster = await startCluster();
});
afterEach(async () => {
  await cluster.stop();
});

const key = (name: string) => ({ namespace: "default", name });
const claimNow = (name: string) => cluster.get(persistentVolumeClaims, name);
const volumeNow = (name: string) => cluster.get(persistentVolumes, name);
const phaseOf = async (name: string) => (await claimNow(name))?.status?.phase;
const volumePhase = async (name: string) => (await volumeNow(name))?.status?.phase;
const bound = (name: string) => cluster.until(async () => (await phaseOf(name)) === "Bound");
const free = (name: string) => cluster.until(async () => (await volumePhase(name)) === "Available");
const addVolume = (...args: Parameters<typeof volume>) =>
  cluster.client.create(persistentVolumes, volume(...args));
const addClaim = (...args: Parameters<typeof claim>) =>
  cluster.client.create(persistentVolumeClaims, claim(...args));

test("a claim gets the smallest volume that fits, and both name each other", async () => {
  for (const [name, size] of [
    ["large", "10Gi"],
    ["fitting", "2Gi"],
    ["small", "512Mi"],
  ] as const) {
    await addVolume(name, size);
    await free(name);
  }
  await addClaim("data", "1Gi");
  await bound("data");
  const [has, is] = [await claimNow("data"), await volumeNow("fitting")];
  expect(has?.spec?.volumeName).toBe("fitting");
  expect(has?.status).toMatchObject({
    capacity: { storage: "2Gi" },
    accessModes: ["ReadWriteOnce"],
  });
  expect(has?.metadata.annotations).toMatchObject({
    "pv.kubernetes.io/bind-completed": "yes",
    "pv.kubernetes.io/bound-by-controller": "yes",
  });
  expect(is?.spec?.claimRef).toMatchObject({ ...key("data"), uid: has?.metadata.uid });
  expect(is?.status?.phase).toBe("Bound");
  expect(is?.status?.lastPhaseTransitionTime).toBeDefined();
});

test("class, access modes, mode and selector must fit; what does not is left alone", async () => {
  await addVolume("other-class", "1Gi", { storageClassName: "fast" });
  await addVolume("read-only", "1Gi", { accessModes: ["ReadOnlyMany"] });
  await addVolume("device", "1Gi", { volumeMode: "Block" });
  await addVolume("unlabelled", "1Gi");
  const selector = { matchLabels: { disk: "a" } };
  await addClaim("data", "1Gi", { selector });
  await cluster.settle();
  expect(await phaseOf("data")).toBe("Pending");
  expect(await told(cluster.client, "data")).toContain(
    "FailedBinding: no persistent volumes available for this claim and no storage class is set",
  );
  await addVolume("labelled", "1Gi", {}, { labels: { disk: "a" } });
  await bound("data");
  expect((await claimNow("data"))?.spec?.volumeName).toBe("labelled");
});

test("many claims at once never share a volume, and none gets two", async () => {
  const numbers = Array.from({ length: 12 }, (_, index) => index);
  await Promise.all(numbers.map((number) => addVolume(`v${number}`)));
  await Promise.all(numbers.map((number) => addClaim(`c${number}`)));
  await cluster.until(async () => {
    const all = await cluster.list(persistentVolumeClaims);
    return all.every(({ status }) => status?.phase === "Bound");
  });
  await cluster.settle();
  const claims = await cluster.list(persistentVolumeClaims);
  const volumes = await cluster.list(persistentVolumes);
  expect(new Set(claims.map(({ spec }) => spec?.volumeName)).size).toBe(12);
  for (const one of volumes) {
    const owner = claims.find(({ metadata }) => metadata.uid === one.spec?.claimRef?.uid);
    expect(owner?.spec?.volumeName).toBe(one.metadata.name);
  }
});

test("a volume reserved by name goes to that claim only, whichever comes first", async () => {
  await addVolume("reserved", "1Gi", { claimRef: key("chosen") });
  await free("reserved");
  await addClaim("other");
  await cluster.settle();
  expect(await phaseOf("other")).toBe("Pending");
  await addClaim("chosen");
  await bound("chosen");
  const { spec, metadata } = (await volumeNow("reserved")) ?? {};
  expect(spec?.claimRef?.uid).toBe((await claimNow("chosen"))?.metadata.uid);
  // Reserved by somebody, so nobody but them may take it back.
  expect(metadata?.annotations?.["pv.kubernetes.io/bound-by-controller"]).toBeUndefined();
});

test("a claim that names a volume gets that one or none, and is told why not", async () => {
  await addVolume("small", "1Gi");
  await addVolume("fitting", "5Gi");
  await addClaim("data", "2Gi", { volumeName: "small" });
  await cluster.settle();
  expect(await phaseOf("data")).toBe("Pending");
  expect(await told(cluster.client, "data")).toContain(
    'VolumeMismatch: Cannot bind to requested volume "small": requested PV is too small',
  );
  await addClaim("early", "2Gi", { volumeName: "late" });
  await cluster.settle();
  expect(await phaseOf("early")).toBe("Pending");
  await addVolume("late", "2Gi");
  await bound("early");
  await addClaim("second", "2Gi", { volumeName: "late" });
  await cluster.settle();
  expect(await told(cluster.client, "second")).toContain(
    'FailedBinding: volume "late" already bound to a different claim.',
  );
});

test("a claim whose volume is gone is lost, and stays so", async () => {
  await addVolume("only");
  await addClaim("data");
  await bound("data");
  const { finalizers: _, ...metadata } = (await volumeNow("only"))?.metadata ?? { name: "only" };
  await cluster.client.delete(persistentVolumes, { name: "only" });
  // Held by its protection: somebody forces it.
  expect((await volumeNow("only"))?.metadata.deletionTimestamp).toBeDefined();
  await cluster.client.patch(
    persistentVolumes,
    { name: metadata.name },
    { type: "merge", body: { metadata: { finalizers: null } } },
  );
  await cluster.until(async () => (await phaseOf("data")) === "Lost");
  await addVolume("another");
  await cluster.settle();
  expect(await phaseOf("data")).toBe("Lost");
  const lost = (await told(cluster.client, "data")).filter((line) => line.startsWith("ClaimLost"));
  expect(lost).toEqual([
    "ClaimLost: Bound claim has lost its PersistentVolume. Data on the volume is lost!",
  ]);
});

test("a retained volume is released, never bound again until its claimRef is cleared", async () => {
  await addVolume("kept", "1Gi", { persistentVolumeReclaimPolicy: "Retain" });
  await addClaim("data");
  await bound("data");
  await cluster.client.delete(persistentVolumeClaims, key("data"));
  await cluster.until(async () => (await volumePhase("kept")) === "Released");
  await addClaim("data");
  await cluster.settle();
  expect(await phaseOf("data")).toBe("Pending");
  expect(await volumePhase("kept")).toBe("Released");
  await cluster.client.patch(
    persistentVolumes,
    { name: "kept" },
    { type: "merge", body: { spec: { claimRef: null } } },
  );
  await bound("data");
});

test.each([
  ["Recycle", "VolumeFailedRecycle: No recycler plugin found for the volume!"],
  ["Delete", 'VolumeFailedDelete: error getting deleter volume plugin for volume "mine"'],
])("reclaim policy %s of a volume made by hand fails clearly", async (policy, said) => {
  await addVolume("mine", "1Gi", { persistentVolumeReclaimPolicy: policy });
  await addClaim("data");
  await bound("data");
  await cluster.client.delete(persistentVolumeClaims, key("data"));
  await cluster.until(async () => (await volumePhase("mine")) === "Failed");
  expect(await told(cluster.client, "mine")).toContainEqual(expect.stringContaining(said));
  expect((await volumeNow("mine"))?.status?.message).not.toBe("");
});

test("a volume whose claim bound elsewhere is free again", async () => {
  await addVolume("first");
  await free("first");
  const taken = await addClaim("data", "1Gi", { volumeName: "second" });
  await cluster.client.patch(
    persistentVolumes,
    { name: "first" },
    {
      type: "merge",
      body: {
        metadata: { annotations: { "pv.kubernetes.io/bound-by-controller": "yes" } },
        spec: { claimRef: { ...key("data"), uid: taken.metadata.uid ?? "" } },
      },
    },
  );
  await addVolume("second");
  await bound("data");
  await free("first");
  expect((await volumeNow("first"))?.spec?.claimRef).toBeUndefined();
});

test('class "" means no class, and no class means the newest default, also later', async () => {
  await addClaim("none", "1Gi", { storageClassName: "" });
  await addClaim("any");
  await cluster.settle();
  expect((await claimNow("any"))?.spec?.storageClassName).toBeUndefined();
  await cluster.client.create(storageClasses, storageClass("old", {}, true));
  await cluster.until(async () => (await claimNow("any"))?.spec?.storageClassName === "old");
  expect((await claimNow("none"))?.spec?.storageClassName).toBe("");
  await cluster.clock.advance(2_000);
  await cluster.client.create(storageClasses, storageClass("new", {}, true));
  expect((await addClaim("later")).spec?.storageClassName).toBe("new");
});

test("a claim of a class waits for its provisioner, which it names", async () => {
  await cluster.client.create(storageClasses, storageClass("disks"));
  await addClaim("data", "1Gi", { storageClassName: "disks" });
  await cluster.settle();
  expect((await claimNow("data"))?.metadata.annotations).toMatchObject({
    "volume.kubernetes.io/storage-provisioner": "example.com/disks",
    "volume.beta.kubernetes.io/storage-provisioner": "example.com/disks",
  });
  expect(await told(cluster.client, "data")).toContainEqual(
    expect.stringMatching(/^ExternalProvisioning: Waiting for a volume to be created/),
  );
  await addClaim("lost", "1Gi", { storageClassName: "missing" });
  await cluster.settle();
  expect(await told(cluster.client, "lost")).toEqual([
    'ProvisioningFailed: storageclass.storage.k8s.io "missing" not found',
  ]);
});

test("with WaitForFirstConsumer nothing is bound before a node is chosen, then what it reaches", async () => {
  await cluster.client.create(
    storageClasses,
    storageClass("late", {
      volumeBindingMode: "WaitForFirstConsumer",
      provisioner: "kubernetes.io/no-provisioner",
    }),
  );
  for (const name of ["a", "b"])
    await cluster.client.create(nodes, {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name, labels: { "kubernetes.io/hostname": name } },
    });
  const on = (node: string) => ({
    storageClassName: "late",
    local: { path: "/disk" },
    hostPath: undefined,
    nodeAffinity: {
      required: {
        nodeSelectorTerms: [
          {
            matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: [node] }],
          },
        ],
      },
    },
  });
  const { hostPath: _, ...onA } = on("a");
  const { hostPath: __, ...onB } = on("b");
  const without = (name: string, spec: object) => {
    const made = volume(name);
    const { hostPath: ___, ...rest } = made.spec ?? {};
    return cluster.client.create(persistentVolumes, { ...made, spec: { ...rest, ...spec } });
  };
  await without("disk-a", onA);
  await without("disk-b", onB);
  await addClaim("data", "1Gi", { storageClassName: "late" });
  await cluster.settle();
  expect(await phaseOf("data")).toBe("Pending");
  expect(await told(cluster.client, "data")).toEqual([
    "WaitForFirstConsumer: waiting for first consumer to be created before binding",
  ]);
  await cluster.client.patch(persistentVolumeClaims, key("data"), {
    type: "merge",
    body: { metadata: { annotations: { "volume.kubernetes.io/selected-node": "b" } } },
  });
  await bound("data");
  expect((await claimNow("data"))?.spec?.volumeName).toBe("disk-b");
});

test("a deleted claim stays until no pod uses it, a deleted volume until no claim has it", async () => {
  await addVolume("disk");
  await addClaim("data");
  await bound("data");
  await cluster.client.create(pods, podWithClaim("user", "data"));
  await cluster.until(async () => (await cluster.get(pods, "user"))?.spec?.nodeName !== undefined);
  await cluster.client.delete(persistentVolumeClaims, key("data"));
  await cluster.client.delete(persistentVolumes, { name: "disk" });
  await cluster.settle();
  const { finalizers, deletionTimestamp } = (await claimNow("data"))?.metadata ?? {};
  expect(finalizers).toEqual(["kubernetes.io/pvc-protection"]);
  expect(deletionTimestamp).toBeDefined();
  expect((await volumeNow("disk"))?.metadata.finalizers).toEqual(["kubernetes.io/pv-protection"]);
  await cluster.client.delete(pods, key("user"));
  await cluster.until(async () => (await claimNow("data")) === undefined);
  await cluster.until(async () => (await volumeNow("disk")) === undefined);
});

test("an ephemeral volume gets a claim of its pod, but never another's", async () => {
  const template = { spec: claim("x").spec ?? {}, metadata: { labels: { kind: "scratch" } } };
  const pod = podWithClaim("work", "unused");
  const [container] = pod.spec?.containers ?? [];
  const withScratch = {
    ...pod,
    spec: {
      containers: container === undefined ? [] : [container],
      volumes: [{ name: "data", ephemeral: { volumeClaimTemplate: template } }],
    },
  };
  await addClaim("other-data");
  await cluster.client.create(pods, withScratch);
  await cluster.client.create(pods, {
    ...withScratch,
    metadata: { namespace: "default", name: "other" },
  });
  const made = await cluster.until(() => claimNow("work-data"));
  expect(made.metadata).toMatchObject({
    labels: { kind: "scratch" },
    ownerReferences: [{ kind: "Pod", name: "work", controller: true }],
  });
  await cluster.settle();
  expect(await told(cluster.client, "other")).toContainEqual(
    expect.stringMatching(/^FailedBinding: .*was not created for pod other \(pod is not owner\)/),
  );
});
