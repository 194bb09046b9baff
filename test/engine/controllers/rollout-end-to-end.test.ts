import { afterEach, expect, test } from "vitest";
import { deployments } from "../../../src/kube/kinds/deployment.ts";
import { endpointSlices } from "../../../src/kube/kinds/endpointslice.ts";
import { endpoints } from "../../../src/kube/kinds/endpoints.ts";
import { events } from "../../../src/kube/kinds/event.ts";
import { pods } from "../../../src/kube/kinds/pod.ts";
import { replicaSets } from "../../../src/kube/kinds/replicaset.ts";
import { services } from "../../../src/kube/kinds/service.ts";
import { type Cluster, setImage, startCluster, webDeployment } from "./cluster.ts";

let cluster: Cluster;
afterEach(() => cluster.stop());

const images = async (): Promise<string[]> =>
  (await cluster.list(pods)).map(({ spec }) => spec?.containers[0]?.image ?? "").sort();

async function rolledOut(image: string, replicas: number): Promise<void> {
  await cluster.until(async () => {
    const { status, metadata } = (await cluster.get(deployments, "web")) ?? {};
    const done = status?.conditions?.some(({ reason }) => reason === "NewReplicaSetAvailable");
    const observed = status?.observedGeneration === metadata?.generation;
    return done === true && observed && (await images()).every((found) => found === image);
  });
  expect(await images()).toEqual(Array.from({ length: replicas }, () => image));
}

test("a Deployment becomes pods, a new image replaces them, the Service follows", async () => {
  cluster = await startCluster();
  const { client } = cluster;
  await client.create(services, {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace: "default", name: "web", labels: { team: "a" } },
    spec: { selector: { app: "web" }, ports: [{ name: "http", port: 80, targetPort: "http" }] },
  });
  await client.create(deployments, webDeployment(3));
  await rolledOut("v1", 3);
  await setImage(client, "v2");
  await rolledOut("v2", 3);
  await cluster.settle();

  const web = await cluster.get(deployments, "web");
  expect(web?.metadata.annotations?.["deployment.kubernetes.io/revision"]).toBe("2");
  expect(web?.status).toMatchObject({ replicas: 3, updatedReplicas: 3, availableReplicas: 3 });
  const sets = await cluster.list(replicaSets);
  expect(new Set(sets.map(({ spec }) => spec?.replicas))).toEqual(new Set([0, 3]));
  for (const set of sets)
    expect(set.metadata.name).toBe(`web-${set.metadata.labels?.["pod-template-hash"]}`);

  const running = await cluster.list(pods);
  const slices = await cluster.list(endpointSlices);
  // One slice per pod: each listens on a port of its own.
  expect(slices).toHaveLength(3);
  const targets = slices.flatMap((slice) => slice.endpoints.map(({ targetRef }) => targetRef?.uid));
  expect(new Set(targets)).toEqual(new Set(running.map(({ metadata }) => metadata.uid)));
  for (const slice of slices) {
    const pod = running.find(({ metadata }) => metadata.uid === slice.endpoints[0]?.targetRef?.uid);
    const mapped = JSON.parse(
      pod?.metadata.annotations?.["gantry.dev/host-ports"] ?? "{}",
    ) as Record<string, number>;
    expect(slice).toMatchObject({
      addressType: "IPv4",
      ports: [{ name: "http", port: mapped["8080"], protocol: "TCP" }],
      endpoints: [
        {
          addresses: ["127.0.0.1"],
          conditions: { ready: true, serving: true, terminating: false },
          nodeName: "node-1",
        },
      ],
      metadata: {
        labels: {
          team: "a",
          "kubernetes.io/service-name": "web",
          "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        },
        ownerReferences: [{ kind: "Service", name: "web", controller: true }],
      },
    });
  }
  const legacy = await cluster.get(endpoints, "web");
  expect(legacy?.subsets).toHaveLength(3);

  const told = (await cluster.list(events)).map(({ reason }) => reason);
  expect(told).toContain("ScalingReplicaSet");
  expect(told).toContain("SuccessfulCreate");
  expect(told).toContain("SuccessfulDelete");
});

test("a version that does not start leaves the old one serving; going back cleans up", async () => {
  cluster = await startCluster();
  const { client } = cluster;
  await client.create(deployments, webDeployment(4));
  await rolledOut("v1", 4);
  await setImage(client, "bad");
  await cluster.settle();
  // A quarter may be unavailable, a quarter more may exist.
  expect((await images()).filter((image) => image === "v1")).toHaveLength(3);
  expect((await images()).filter((image) => image === "bad")).toHaveLength(2);
  await setImage(client, "v1");
  await rolledOut("v1", 4);
  expect(await cluster.list(replicaSets)).toHaveLength(2);
});

test("what is not wanted any more is not written any more: a settled cluster is silent", async () => {
  cluster = await startCluster();
  const { client, store, clock } = cluster;
  await client.create(deployments, webDeployment(2));
  await rolledOut("v1", 2);
  await cluster.settle();
  const { revision } = store;
  // Less than an hour, when Events begin to expire.
  await clock.advance(1_800_000);
  const written = (plural: string) => {
    const resource = store.resources().find((each) => each.plural === plural);
    const items = resource === undefined ? [] : store.list(resource).items;
    return items.filter((item) => item.revision > revision).length;
  };
  expect(written("leases")).toBe(1);
  const others = store.resources().flatMap(({ plural }) => (plural === "leases" ? [] : [plural]));
  expect(others.filter((plural) => written(plural) > 0)).toEqual([]);
});

test("a name that a foreign ReplicaSet has is avoided by hashing again", async () => {
  cluster = await startCluster();
  const { client } = cluster;
  await client.create(deployments, webDeployment(1));
  await rolledOut("v1", 1);
  const [own] = await cluster.list(replicaSets);
  const name = own?.metadata.name ?? "";
  await client.delete(deployments, { namespace: "default", name: "web" });
  await cluster.until(async () => (await cluster.list(replicaSets)).length === 0);
  const labels = { app: "other" };
  await client.create(replicaSets, {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: { namespace: "default", name },
    spec: {
      replicas: 0,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: "x", image: "x" }] } },
    },
  });
  await client.create(deployments, webDeployment(1));
  await rolledOut("v1", 1);
  expect((await cluster.get(deployments, "web"))?.status?.collisionCount).toBe(1);
  const names = (await cluster.list(replicaSets)).map(({ metadata }) => metadata.name);
  expect(names).toHaveLength(2);
  expect(names).toContain(name);
});

test("Recreate: the new version starts after the last old pod is gone", async () => {
  cluster = await startCluster();
  const { client } = cluster;
  const { spec, ...rest } = webDeployment(3);
  const { selector = {}, template = {} } = spec ?? {};
  const strategy = { type: "Recreate" };
  await client.create(deployments, {
    ...rest,
    spec: { replicas: 3, selector, template, strategy },
  });
  await rolledOut("v1", 3);
  await setImage(client, "v2");
  await cluster.until(async () => {
    const found = new Set(await images());
    expect(found.size).toBeLessThan(2);
    return found.has("v2");
  });
  await rolledOut("v2", 3);
});

test("the progress deadline is told when it passes, though nothing else happens", async () => {
  cluster = await startCluster();
  const { client, clock } = cluster;
  const { spec, ...rest } = webDeployment(1, "bad");
  const { selector = {}, template = {} } = spec ?? {};
  await client.create(deployments, {
    ...rest,
    spec: { replicas: 1, progressDeadlineSeconds: 60, selector, template },
  });
  await cluster.settle();
  const progressing = async () => {
    const { status } = (await cluster.get(deployments, "web")) ?? {};
    return status?.conditions?.find(({ type }) => type === "Progressing")?.reason;
  };
  expect(await progressing()).toBe("ReplicaSetUpdated");
  await clock.advance(61_000);
  await cluster.settle();
  expect(await progressing()).toBe("ProgressDeadlineExceeded");
});
