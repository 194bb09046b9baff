/** Health as the operator reports it: by the rules of users, and by the pods of workloads. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ApplicationStatus } from "../../../src/kube/kinds/application.ts";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import { deployments } from "../../../src/kube/kinds/deployment.ts";
import { healthChecks } from "../../../src/kube/kinds/healthcheck.ts";
import { pods } from "../../../src/kube/kinds/pod.ts";
import { replicaSets } from "../../../src/kube/kinds/replicaset.ts";
import { configMap, OperatedCluster } from "../operated-cluster.ts";

let cluster: OperatedCluster;
beforeEach(async () => {
  cluster = await OperatedCluster.start();
});
afterEach(() => cluster.stop());

const health = (): Promise<ApplicationStatus> => cluster.status();
const until = (status: string): Promise<{ status: string; message?: string }> =>
  cluster.until(async () => {
    const found = (await health()).health;
    return found?.status === status ? found : undefined;
  });

const CHECK = {
  apiVersion: "gantry.dev/v1",
  kind: "HealthCheck",
  metadata: { name: "settings" },
};

describe("rules of users", () => {
  it("HealthCheck in CEL, from when it is made until it is deleted", async () => {
    await cluster.push([configMap("a", { state: "bad" })]);
    await cluster.createApplication();
    await until("Healthy");
    const cel = { current: "data.state == 'good'", failed: "data.state == 'bad'" };
    await cluster.client.create(healthChecks, { ...CHECK, spec: { kind: "ConfigMap", cel } });
    expect((await until("Degraded")).message).toContain("ConfigMap/a");
    await cluster.push([configMap("a", { state: "good" })]);
    await until("Healthy");
    await cluster.push([configMap("a", { state: "other" })]);
    await until("Progressing");
    await cluster.delete(healthChecks, "settings");
    await until("Healthy");
  });

  it("Argo CD's ConfigMap, unchanged", async () => {
    await cluster.createNamespace("argocd");
    await cluster.push([configMap("a")]);
    await cluster.createApplication();
    await until("Healthy");
    const lua = `hs = {}
      hs.status = "Degraded"
      hs.message = "key is " .. obj.data.key
      return hs`;
    await cluster.client.create(configMaps, {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: {
        name: "argocd-cm",
        namespace: "argocd",
        labels: { "app.kubernetes.io/part-of": "argocd" },
      },
      data: { "resource.customizations.health.ConfigMap": lua },
    });
    expect((await until("Degraded")).message).toBe("ConfigMap/a: key is value");
  });

  it("spec.healthChecks, for this Application only", async () => {
    await cluster.push([configMap("a")]);
    const expressions = { apiVersion: "v1", kind: "ConfigMap", current: "data.key == 'other'" };
    await cluster.createApplication({ healthChecks: [expressions] });
    expect((await until("Progressing")).message).toContain("current expression does not hold");
  });

  it("a script that never ends holds up nobody", async () => {
    const lua = "while true do end";
    await cluster.client.create(healthChecks, { ...CHECK, spec: { kind: "ConfigMap", lua } });
    await cluster.push(Array.from({ length: 20 }, (_, index) => configMap(`a${index}`)));
    const startMs = performance.now();
    await cluster.createApplication();
    expect((await until("Unknown")).message).toContain("instructions");
    expect(performance.now() - startMs).toBeLessThan(10_000);
    expect(await cluster.data("a19")).toBeDefined();
  });
});

describe("pods of a workload", () => {
  const template = {
    metadata: { labels: { app: "web" } },
    spec: { containers: [{ name: "web", image: "web:1" }] },
  };
  const deployment = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web" },
    spec: { replicas: 1, selector: { matchLabels: { app: "web" } }, template },
  };
  const owner = (kind: string, name: string, uid: string): object => ({
    apiVersion: "apps/v1",
    kind,
    name,
    uid,
    controller: true,
  });

  async function startPod(revision: string): Promise<string> {
    const web = await cluster.until(() => cluster.find(deployments, "web"));
    const set = await cluster.client.create(replicaSets, {
      apiVersion: "apps/v1",
      kind: "ReplicaSet",
      metadata: {
        name: `web-${revision}`,
        namespace: "default",
        annotations: { "deployment.kubernetes.io/revision": revision },
        ownerReferences: [owner("Deployment", "web", web.metadata.uid ?? "")],
      },
      spec: { replicas: 1, selector: { matchLabels: { app: "web" } }, template },
    } as never);
    const name = `web-${revision}-pod`;
    await cluster.client.create(pods, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        name,
        namespace: "default",
        ownerReferences: [owner("ReplicaSet", set.metadata.name, set.metadata.uid ?? "")],
      },
      spec: template.spec,
    } as never);
    await cluster.settle();
    return name;
  }
  async function podStatus(name: string, status: object): Promise<void> {
    const patch = { type: "merge", body: { status } as never } as const;
    await cluster.client.patch(pods, { namespace: "default", name }, patch, {
      subresource: "status",
    });
    await cluster.settle();
  }
  const broken = {
    containerStatuses: [
      {
        name: "web",
        image: "web:1",
        imageID: "",
        ready: false,
        restartCount: 0,
        state: { waiting: { reason: "ErrImagePull", message: "not found" } },
      },
    ],
  };

  beforeEach(async () => {
    await cluster.push([deployment]);
    await cluster.createApplication();
    await until("Progressing");
  });

  it("that cannot start make it Degraded at once, and Progressing again when they can", async () => {
    const pod = await startPod("1");
    await podStatus(pod, broken);
    expect((await until("Degraded")).message).toBe(
      "Deployment/web: pod web-1-pod: container web: ErrImagePull: not found",
    );
    await podStatus(pod, { containerStatuses: null });
    await until("Progressing");
  });

  it("of an older revision do not count", async () => {
    const old = await startPod("1");
    await startPod("2");
    await podStatus(old, broken);
    await cluster.pass(1000);
    expect((await health()).health?.status).toBe("Progressing");
  });

  it("that fit no node make it Degraded after a while, with nothing else happening", async () => {
    const pod = await startPod("1");
    const lastTransitionTime = new Date(cluster.clock.now()).toISOString().replace(/\.\d+/, "");
    const unschedulable = { type: "PodScheduled", status: "False", reason: "Unschedulable" };
    await podStatus(pod, {
      conditions: [{ ...unschedulable, message: "0/1 nodes", lastTransitionTime }],
    });
    await cluster.pass(10_000);
    expect((await health()).health?.status).toBe("Progressing");
    await cluster.pass(6_000);
    expect((await until("Degraded")).message).toContain("no node takes the pod: 0/1 nodes");
  });
});
