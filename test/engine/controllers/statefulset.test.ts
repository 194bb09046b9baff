import type { StatefulSetSpec } from "kubernetes-types/apps/v1";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Client } from "../../../src/client/client.ts";
import { controllerRevisions } from "../../../src/kube/kinds/controllerrevision.ts";
import { events } from "../../../src/kube/kinds/event.ts";
import { type Pod, pods } from "../../../src/kube/kinds/pod.ts";
import { type StatefulSet, statefulSets } from "../../../src/kube/kinds/statefulset.ts";
import { type Cluster, startCluster } from "./cluster.ts";

let cluster: Cluster;
/** Pods that the controllers created (+) and deleted (-), in order. */
let steps: string[];
beforeEach(async () => {
  steps = [];
  cluster = await startCluster({ wrap: recording });
});
afterEach(() => cluster.stop());

const key = { namespace: "default", name: "db" };
const labels = { app: "db" };
const template = (image: string) => ({
  metadata: { labels },
  spec: { containers: [{ name: "app", image }] },
});
const statefulSet = (spec: Partial<StatefulSetSpec> = {}): StatefulSet => ({
  apiVersion: "apps/v1",
  kind: "StatefulSet",
  metadata: { ...key },
  spec: {
    replicas: 3,
    serviceName: "db",
    selector: { matchLabels: labels },
    template: template("v1"),
    ...spec,
  },
});
const start = async (spec: Partial<StatefulSetSpec> = {}): Promise<void> => {
  await cluster.client.create(statefulSets, statefulSet(spec));
  await cluster.settle();
};
const change = async (spec: object): Promise<void> => {
  await cluster.client.patch(statefulSets, key, { type: "merge", body: { spec: { ...spec } } });
  await cluster.settle();
};
const imageOf = ({ spec }: Pod): string => spec?.containers[0]?.image ?? "";
const images = async (): Promise<Record<string, string>> =>
  Object.fromEntries(
    (await cluster.list(pods)).map((pod): [string, string] => [pod.metadata.name, imageOf(pod)]),
  );
const names = async (): Promise<string[]> => Object.keys(await images()).sort();
const status = async (): Promise<Partial<NonNullable<StatefulSet["status"]>>> =>
  (await cluster.get(statefulSets, "db"))?.status ?? {};
const setReady = async (name: string, isReady: boolean): Promise<void> => {
  const pod = await cluster.client.get(pods, { namespace: "default", name });
  const lastTransitionTime = new Date(cluster.clock.now()).toISOString();
  const conditions = [{ type: "Ready", status: isReady ? "True" : "False", lastTransitionTime }];
  const next = { ...pod, status: { ...pod.status, phase: "Running", conditions } };
  await cluster.client.update(pods, next, { subresource: "status" });
  await cluster.settle();
};
function recording(client: Client): Client {
  return {
    resourceFor: (apiVersion, kind) => client.resourceFor(apiVersion, kind),
    resources: () => client.resources(),
    get: (resource, at, options) => client.get(resource, at, options),
    list: (resource, options) => client.list(resource, options),
    watch: (resource, options) => client.watch(resource, options),
    async create(resource, object, options) {
      const created = await client.create(resource, object, options);
      if (resource.kind === "Pod") steps.push(`+${created.metadata.name}`);
      return created;
    },
    update: (resource, object, options) => client.update(resource, object, options),
    patch: (resource, at, patch, options) => client.patch(resource, at, patch, options),
    async delete(resource, at, options) {
      const left = await client.delete(resource, at, options);
      if (resource.kind === "Pod") steps.push(`-${at.name}`);
      return left;
    },
    deleteCollection: (resource, options) => client.deleteCollection(resource, options),
    logs: (at, options) => client.logs(at, options),
  };
}
const patchTemplate = (image: string) => change({ template: template(image) });

describe("a StatefulSet", () => {
  test("gives each pod a name, a host name and labels of its own", async () => {
    await start();
    expect(await names()).toEqual(["db-0", "db-1", "db-2"]);
    const pod = await cluster.get(pods, "db-1");
    const { updateRevision } = await status();
    expect(pod).toMatchObject({
      metadata: {
        labels: {
          app: "db",
          "statefulset.kubernetes.io/pod-name": "db-1",
          "apps.kubernetes.io/pod-index": "1",
          "controller-revision-hash": updateRevision,
        },
        ownerReferences: [{ kind: "StatefulSet", name: "db", controller: true }],
      },
      spec: { hostname: "db-1", subdomain: "db" },
    });
    expect(await status()).toMatchObject({
      observedGeneration: 1,
      replicas: 3,
      readyReplicas: 3,
      availableReplicas: 3,
      currentReplicas: 3,
      updatedReplicas: 3,
      currentRevision: updateRevision,
      collisionCount: 0,
    });
  });

  test("makes a pod only when all before it work, and takes the last away first", async () => {
    await start({ template: template("bad") });
    expect(await names()).toEqual(["db-0"]);
    await setReady("db-0", true);
    expect(await names()).toEqual(["db-0", "db-1"]);
    await setReady("db-1", true);
    await setReady("db-2", true);
    // What was ready and is not any more stops the way up.
    await setReady("db-0", false);
    await change({ replicas: 4 });
    expect(await names()).toEqual(["db-0", "db-1", "db-2"]);
    // And the way down.
    await change({ replicas: 1 });
    expect(await names()).toEqual(["db-0", "db-1", "db-2"]);
    await setReady("db-0", true);
    expect(await names()).toEqual(["db-0"]);
    expect(steps).toEqual(["+db-0", "+db-1", "+db-2", "-db-2", "-db-1"]);
  });

  test("waits for minReadySeconds before the next", async () => {
    await start({ minReadySeconds: 30 });
    expect(await names()).toEqual(["db-0"]);
    expect(await status()).toMatchObject({ readyReplicas: 1, availableReplicas: 0 });
    await cluster.clock.advance(30_000);
    await cluster.settle();
    expect(await names()).toEqual(["db-0", "db-1"]);
    expect(await status()).toMatchObject({ readyReplicas: 2, availableReplicas: 1 });
  });

  test("is parallel when told so, whatever works", async () => {
    await start({ podManagementPolicy: "Parallel", template: template("bad") });
    expect(await names()).toEqual(["db-0", "db-1", "db-2"]);
    await change({ replicas: 0 });
    expect(await names()).toEqual([]);
  });

  test("counts from ordinals.start, and moves when that changes", async () => {
    await start({ replicas: 2, ordinals: { start: 5 } });
    expect(await names()).toEqual(["db-5", "db-6"]);
    await change({ ordinals: { start: 6 } });
    expect(await names()).toEqual(["db-6", "db-7"]);
  });

  test("makes a pod again that was deleted or has ended, under the same name", async () => {
    await start();
    const before = await cluster.client.get(pods, { namespace: "default", name: "db-1" });
    await cluster.client.delete(pods, { namespace: "default", name: "db-1" });
    await cluster.settle();
    const second = await cluster.client.get(pods, { namespace: "default", name: "db-1" });
    expect(second.metadata.uid).not.toBe(before.metadata.uid);
    const ended = { ...second, status: { ...second.status, phase: "Failed" } };
    await cluster.client.update(pods, ended, { subresource: "status" });
    await cluster.settle();
    const third = await cluster.client.get(pods, { namespace: "default", name: "db-1" });
    expect(third.metadata.uid).not.toBe(second.metadata.uid);
    expect(third.status?.phase).toBe("Running");
  });

  test("restores the labels that a pod is found by", async () => {
    await start({ replicas: 1 });
    const metadata = { labels: { "statefulset.kubernetes.io/pod-name": "else" } };
    await cluster.client.patch(
      pods,
      { namespace: "default", name: "db-0" },
      { type: "merge", body: { metadata } },
    );
    await cluster.settle();
    expect((await cluster.get(pods, "db-0"))?.metadata.labels).toMatchObject({
      "statefulset.kubernetes.io/pod-name": "db-0",
    });
  });

  test("waits for a stranger that has one of its names, and takes it when it is free", async () => {
    await cluster.client.create(pods, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { namespace: "default", name: "db-0" },
      spec: { containers: [{ name: "app", image: "v1" }] },
    });
    await start({ replicas: 1 });
    expect((await cluster.list(events)).map(({ reason }) => reason)).toContain("FailedCreate");
    await cluster.client.delete(pods, { namespace: "default", name: "db-0" });
    await cluster.settle();
    expect((await cluster.get(pods, "db-0"))?.metadata.ownerReferences).toHaveLength(1);
  });

  test("leaves its pods when it is deleted as an orphan, and adopts them when it is back", async () => {
    await start();
    const uids = (list: readonly Pod[]) => list.map(({ metadata }) => metadata.uid ?? "").sort();
    const before = uids(await cluster.list(pods));
    await cluster.client.delete(statefulSets, key, { propagationPolicy: "Orphan" });
    await cluster.settle();
    await start();
    expect(uids(await cluster.list(pods))).toEqual(before);
    expect(await cluster.list(controllerRevisions)).toHaveLength(1);
    await cluster.client.delete(statefulSets, key, { propagationPolicy: "Background" });
    await cluster.settle();
    expect(await names()).toEqual([]);
    expect(await cluster.list(controllerRevisions)).toEqual([]);
  });

  test("says why there are no pods when a claim cannot be made", async () => {
    await start({
      volumeClaimTemplates: [
        {
          metadata: { name: "data" },
          spec: { accessModes: [], resources: { requests: { storage: "1Gi" } } },
        },
      ],
    });
    expect(await names()).toEqual([]);
    const [condition] = (await status()).conditions ?? [];
    expect(condition).toMatchObject({
      type: "VolumeClaimFailure",
      status: "True",
      reason: "FailedCreate",
    });
    const told = (await cluster.list(events)).find(({ reason }) => reason === "FailedCreate");
    expect(told?.message).toMatch(/cannot create the claim data-db-0: .*access mode is required/);
  });
});

describe("an update of a StatefulSet", () => {
  test("goes from the last pod to the first, one at a time", async () => {
    await start();
    await patchTemplate("v2");
    expect(await images()).toEqual({ "db-0": "v2", "db-1": "v2", "db-2": "v2" });
    expect(steps.slice(3)).toEqual(["-db-2", "+db-2", "-db-1", "+db-1", "-db-0", "+db-0"]);
    const { currentRevision, updateRevision } = await status();
    expect(currentRevision).toBe(updateRevision);
    expect(await status()).toMatchObject({ currentReplicas: 3, updatedReplicas: 3 });
    expect(
      (await cluster.list(controllerRevisions))
        .map(({ revision }) => revision)
        .sort((a, b) => a - b),
    ).toEqual([1, 2]);
  });

  test("stops at a pod that does not work, and touches no other", async () => {
    await start();
    await patchTemplate("bad");
    expect(await images()).toEqual({ "db-0": "v1", "db-1": "v1", "db-2": "bad" });
    expect(await status()).toMatchObject({
      readyReplicas: 2,
      currentReplicas: 2,
      updatedReplicas: 1,
    });
    const { currentRevision, updateRevision } = await status();
    expect(currentRevision).not.toBe(updateRevision);
  });

  test("that is rolled back does not wait for the broken pod, and brings the old revision back", async () => {
    await start();
    const first = (await status()).updateRevision;
    await patchTemplate("bad");
    await patchTemplate("v1");
    expect(await images()).toEqual({ "db-0": "v1", "db-1": "v1", "db-2": "v1" });
    expect(steps.slice(3)).toEqual(["-db-2", "+db-2", "-db-2", "+db-2"]);
    expect(await status()).toMatchObject({ currentRevision: first, updateRevision: first });
    const revisions = await cluster.list(controllerRevisions);
    expect(revisions.map(({ revision }) => revision).sort((a, b) => a - b)).toEqual([2, 3]);
  });

  test("leaves pods below the partition as they are, also when they are made again", async () => {
    await start({ updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 2 } } });
    await patchTemplate("v2");
    expect(await images()).toEqual({ "db-0": "v1", "db-1": "v1", "db-2": "v2" });
    expect(await status()).toMatchObject({ currentReplicas: 2, updatedReplicas: 1 });
    for (const name of ["db-0", "db-2"])
      await cluster.client.delete(pods, { namespace: "default", name });
    await cluster.settle();
    expect(await images()).toEqual({ "db-0": "v1", "db-1": "v1", "db-2": "v2" });
    await change({ updateStrategy: { rollingUpdate: { partition: 0 } } });
    expect(await images()).toEqual({ "db-0": "v2", "db-1": "v2", "db-2": "v2" });
  });

  test("OnDelete waits until pods are deleted by somebody", async () => {
    await start({ updateStrategy: { type: "OnDelete" } });
    await patchTemplate("v2");
    expect(await images()).toEqual({ "db-0": "v1", "db-1": "v1", "db-2": "v1" });
    await cluster.client.delete(pods, { namespace: "default", name: "db-1" });
    await cluster.settle();
    expect(await images()).toEqual({ "db-0": "v1", "db-1": "v2", "db-2": "v1" });
  });

  test("takes maxUnavailable pods at once", async () => {
    await start({
      replicas: 4,
      podManagementPolicy: "Parallel",
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 2 } },
    });
    await patchTemplate("bad");
    expect(await images()).toEqual({ "db-0": "v1", "db-1": "v1", "db-2": "bad", "db-3": "bad" });
  });

  test("counts a pod only when Services route to it", async () => {
    await start();
    const unrouted = async (name: string): Promise<void> => {
      const pod = await cluster.client.get(pods, { namespace: "default", name });
      const conditions = [
        ...(pod.status?.conditions ?? []),
        { type: "gantry.dev/Routed", status: "False" },
      ];
      await cluster.client.update(
        pods,
        { ...pod, status: { ...pod.status, conditions } },
        { subresource: "status" },
      );
      await cluster.settle();
    };
    await unrouted("db-2");
    await patchTemplate("v2");
    expect(await images()).toEqual({ "db-0": "v1", "db-1": "v1", "db-2": "v1" });
    await setReady("db-2", true);
    expect(await images()).toEqual({ "db-0": "v2", "db-1": "v2", "db-2": "v2" });
  });

  test("keeps revisionHistoryLimit revisions besides those in use", async () => {
    await start({ replicas: 1, revisionHistoryLimit: 1 });
    for (const image of ["v2", "v3", "v4"]) await patchTemplate(image);
    const revisions = await cluster.list(controllerRevisions);
    expect(revisions.map(({ revision }) => revision).sort((a, b) => a - b)).toEqual([3, 4]);
  });
});

describe("the API server", () => {
  test.each<[string, object]>([
    ["its selector", { selector: { matchLabels: { app: "other" } } }],
    ["its service", { serviceName: "other" }],
    ["how pods are managed", { podManagementPolicy: "Parallel" }],
  ])("keeps %s of a StatefulSet", async (_what, spec) => {
    await start({ replicas: 0 });
    await expect(change(spec)).rejects.toThrow(
      /updates to statefulset spec for fields other than 'replicas', .* are forbidden/,
    );
  });

  test("lets go of the rolling-update fields when an apply asks for OnDelete", async () => {
    const apply = async (type: string): Promise<void> => {
      const body = { ...statefulSet({ replicas: 0, updateStrategy: { type } }) };
      await cluster.client.patch(
        statefulSets,
        key,
        { type: "apply", body: body as never },
        { fieldManager: "me", force: true },
      );
    };
    await apply("RollingUpdate");
    await apply("OnDelete");
    expect((await cluster.get(statefulSets, "db"))?.spec?.updateStrategy).toEqual({
      type: "OnDelete",
    });
  });
});
