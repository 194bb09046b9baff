/**
 * Every way in which pods are replaced or removed, on several nodes, at full load through a Service
 * and through an Ingress, on kept connections and new ones: no request fails. The programs end at
 * once on SIGTERM and have no preStop hook.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type DaemonSet, daemonSets } from "../../src/kube/kinds/daemonset.ts";
import { type Deployment, deployments } from "../../src/kube/kinds/deployment.ts";
import { ingresses } from "../../src/kube/kinds/ingress.ts";
import { nodes } from "../../src/kube/kinds/node.ts";
import { type Pod, pods } from "../../src/kube/kinds/pod.ts";
import { podDisruptionBudgets } from "../../src/kube/kinds/poddisruptionbudget.ts";
import { priorityClasses } from "../../src/kube/kinds/priorityclass.ts";
import { replicationControllers } from "../../src/kube/kinds/replicationcontroller.ts";
import { services } from "../../src/kube/kinds/service.ts";
import { type StatefulSet, statefulSets } from "../../src/kube/kinds/statefulset.ts";
import { isStatus } from "../../src/kube/status-error.ts";
import { podTemplateOf } from "./app-manifests.ts";
import { serviceUrl, until, untilPods } from "./cluster-state.ts";
import { Load } from "./load.ts";
import { SeveralNodes } from "./several-nodes.ts";

const NODES = ["a", "b", "c"];
/** Requests of each kind that pass before and after each step. */
const BRIEF = 60;
const SLOW = 6;

describe("on several nodes", () => {
  let cluster: SeveralNodes;
  let loads: Load[] = [];

  beforeAll(async () => {
    cluster = await SeveralNodes.start(...NODES);
  });
  afterEach(async () => {
    await Promise.all(loads.map((load) => load.stop()));
    loads = [];
    for (const kind of [deployments, statefulSets, daemonSets, replicationControllers] as const)
      await cluster.client.deleteCollection(kind, { namespace: "default" });
    for (const kind of [ingresses, podDisruptionBudgets] as const)
      await cluster.client.deleteCollection(kind, { namespace: "default" });
    await cluster.client.deleteCollection(services, {
      namespace: "default",
      fieldSelector: "metadata.name!=kubernetes",
    });
    await untilPods(cluster.client, (all) => all.length === 0);
  });
  afterAll(async () => {
    await cluster?.close();
    expect(cluster.errors).toEqual([]);
  });

  const key = (name: string) => ({ namespace: "default", name });
  /** What every workload here has: a selector and a template of one version. */
  const specOf = (name: string, version: string, podSpec: object = {}) => ({
    selector: { matchLabels: { app: name } },
    template: podTemplateOf({
      name,
      version,
      container: { resources: { requests: { cpu: "1m" } } },
      podSpec: {
        automountServiceAccountToken: false,
        terminationGracePeriodSeconds: 20,
        ...podSpec,
      },
    }),
  });
  const versionOf = ({ spec }: Pod): string => spec?.containers[0]?.env?.[0]?.value ?? "";
  const isAvailable = ({ metadata, status }: Pod): boolean =>
    metadata.deletionTimestamp === undefined &&
    status?.conditions?.find(({ type }) => type === "Ready")?.status === "True" &&
    status.conditions.find(({ type }) => type === "gantry.dev/Routed")?.status !== "False";
  /** So many pods of this version serve, and no others are left. */
  const serving = (count: number, version: string) =>
    untilPods(
      cluster.client,
      (all) =>
        all.length === count && all.every((pod) => versionOf(pod) === version && isAvailable(pod)),
      { timeoutMs: 45_000 },
    );

  /** Clients through the Service and through an Ingress, with and without keep-alive. */
  async function startLoad(name: string): Promise<void> {
    await cluster.create(services, {
      metadata: { name },
      spec: { selector: { app: name }, ports: [{ name: "http", port: 80, targetPort: "http" }] },
    });
    const service = { name, port: { name: "http" } };
    await cluster.create(ingresses, {
      metadata: { name },
      spec: {
        rules: [{ http: { paths: [{ path: "/", pathType: "Prefix", backend: { service } }] } }],
      },
    });
    const direct = await serviceUrl(cluster.client, name);
    // The Ingress is found a moment after it is made.
    const probe = async (): Promise<boolean> =>
      (await fetch(cluster.ingressUrl)).ok && (await fetch(direct)).ok;
    await expect.poll(() => probe().catch(() => false), { timeout: 10_000 }).toBe(true);
    loads = [direct, cluster.ingressUrl].flatMap((url) => [
      new Load(url, { keepAlive: true, clients: 2, path: "/brief", method: "POST" }),
      // So many and so slow that every pod has one at any time.
      new Load(url, { keepAlive: false, clients: 6, path: "/slow", method: "POST" }),
    ]);
    await more();
  }
  const more = () =>
    Promise.all(loads.map((load, index) => load.more(index % 2 === 0 ? BRIEF : SLOW)));
  async function outcome(): Promise<{ failures: object; versions: string[] }> {
    await more();
    const tallies = await Promise.all(loads.map((load) => load.stop()));
    const versions = new Set(tallies.flatMap(({ answers }) => [...answers.keys()]));
    return {
      failures: Object.fromEntries(tallies.flatMap(({ failures }) => [...failures])),
      versions: [...versions].toSorted(),
    };
  }

  test("a StatefulSet is updated, from the last to the first", async () => {
    const set = (version: string): Pick<StatefulSet, "metadata" | "spec"> => ({
      metadata: { name: "db" },
      spec: { ...specOf("db", version), serviceName: "db", replicas: 3 },
    });
    await cluster.create(statefulSets, set("1"));
    await serving(3, "1");
    await startLoad("db");
    const body = { spec: { template: specOf("db", "2").template } };
    await cluster.client.patch(statefulSets, key("db"), { type: "strategic", body });
    await serving(3, "2");
    expect(await outcome()).toEqual({ failures: {}, versions: ["1", "2"] });
  });

  test.each([
    ["one node after the other", { maxUnavailable: 1 }],
    ["with a surge", { maxSurge: 1, maxUnavailable: 0 }],
  ])("a DaemonSet is updated %s", async (_how, rollingUpdate) => {
    const set = (version: string): Pick<DaemonSet, "metadata" | "spec"> => ({
      metadata: { name: "log" },
      spec: { ...specOf("log", version), updateStrategy: { type: "RollingUpdate", rollingUpdate } },
    });
    await cluster.create(daemonSets, set("1"));
    await serving(3, "1");
    await startLoad("log");
    const body = { spec: { template: specOf("log", "2").template } };
    await cluster.client.patch(daemonSets, key("log"), { type: "strategic", body });
    await serving(3, "2");
    expect(await outcome()).toEqual({ failures: {}, versions: ["1", "2"] });
  });

  test("a ReplicationController is scaled down, and its pods are deleted one by one", async () => {
    const { template } = specOf("old", "1");
    await cluster.create(replicationControllers, {
      metadata: { name: "old" },
      spec: { replicas: 4, selector: { app: "old" }, template },
    });
    await serving(4, "1");
    await startLoad("old");
    await cluster.client.patch(replicationControllers, key("old"), {
      type: "merge",
      body: { spec: { replicas: 2 } },
    });
    for (const { metadata } of await serving(2, "1")) {
      await cluster.client.delete(pods, key(metadata.name));
      await untilPods(
        cluster.client,
        (all) =>
          all.length === 2 &&
          all.every((pod) => pod.metadata.uid !== metadata.uid && isAvailable(pod)),
      );
    }
    expect(await outcome()).toEqual({ failures: {}, versions: ["1"] });
  });

  const deployment = (
    version: string,
    replicas: number,
    podSpec: object = {},
  ): Pick<Deployment, "metadata" | "spec"> => ({
    metadata: { name: "web" },
    spec: { ...specOf("web", version, podSpec), replicas },
  });

  test("nodes are drained, one after the other, within the budget", async () => {
    await cluster.create(deployments, deployment("1", 4));
    await cluster.create(podDisruptionBudgets, {
      metadata: { name: "web" },
      spec: { maxUnavailable: 1, selector: { matchLabels: { app: "web" } } },
    });
    await serving(4, "1");
    await startLoad("web");
    for (const name of ["a", "b"]) {
      await cordon(name, true);
      await drain(name);
      await cordon(name, false);
    }
    await serving(4, "1");
    expect(await outcome()).toEqual({ failures: {}, versions: ["1"] });
  });

  const cordon = (name: string, unschedulable: boolean) =>
    cluster.client.patch(nodes, { name }, { type: "merge", body: { spec: { unschedulable } } });

  /** As kubectl does it: all at once, and again what the budget holds back. */
  async function drain(nodeName: string): Promise<void> {
    const here = ({ spec }: Pod): boolean => spec?.nodeName === nodeName;
    const { items } = await cluster.client.list(pods, { namespace: "default" });
    await Promise.all(
      items.filter(here).map(async ({ metadata }) => {
        for (;;) {
          try {
            return await cluster.evict(metadata.name);
          } catch (error) {
            if (!isStatus(error, "TooManyRequests")) throw error;
            await until(
              cluster.client,
              podDisruptionBudgets,
              "web",
              ({ status }) => (status?.disruptionsAllowed ?? 0) > 0,
            );
          }
        }
      }),
    );
    await untilPods(cluster.client, (all) => !all.some(here));
  }

  test("a pod of higher priority takes the place of one", async () => {
    const [node] = (await cluster.client.list(nodes)).items;
    const cores = Number.parseInt(node?.status?.allocatable?.["cpu"] ?? "0", 10);
    // One on each node, and no room for a second.
    const large = { resources: { requests: { cpu: `${cores * 600}m` } } };
    const { spec } = deployment("1", 3);
    const containers = spec?.template.spec?.containers.map((one) => ({ ...one, ...large })) ?? [];
    await cluster.create(deployments, {
      metadata: { name: "web" },
      spec: {
        ...specOf("web", "1"),
        replicas: 3,
        template: {
          metadata: { labels: { app: "web" } },
          spec: { ...spec?.template.spec, containers },
        },
      },
    });
    await serving(3, "1");
    await startLoad("web");
    await cluster.create(priorityClasses, { metadata: { name: "urgent" }, value: 1000 });
    await cluster.create(pods, {
      metadata: { name: "urgent" },
      spec: {
        priorityClassName: "urgent",
        automountServiceAccountToken: false,
        terminationGracePeriodSeconds: 1,
        containers: [{ name: "main", image: "x", command: ["/bin/sleep", "600"], ...large }],
      },
    });
    await until(cluster.client, pods, "urgent", ({ status }) => status?.phase === "Running");
    await more();
    await cluster.client.delete(pods, key("urgent"));
    await serving(3, "1");
    expect(await outcome()).toEqual({ failures: {}, versions: ["1"] });
  });

  test("node agents are restarted in the middle of an update", async () => {
    await cluster.create(deployments, deployment("1", 3));
    await serving(3, "1");
    await startLoad("web");
    const body = { spec: { template: specOf("web", "2").template } };
    await cluster.client.patch(deployments, key("web"), { type: "strategic", body });
    for (const name of NODES) await cluster.restartAgent(name);
    await serving(3, "2");
    expect(await outcome()).toEqual({ failures: {}, versions: ["1", "2"] });
  });
});
