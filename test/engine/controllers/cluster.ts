import { type Client } from "../../../src/client/client.ts";
import type { Clock } from "../../../src/client/clock.ts";
import { Informers } from "../../../src/client/informers.ts";
import { startControllers } from "../../../src/engine/controllers/index.ts";
import type { Resource } from "../../../src/kube/kind.ts";
import { type Deployment, deployments } from "../../../src/kube/kinds/deployment.ts";
import { leases } from "../../../src/kube/kinds/lease.ts";
import { namespaces } from "../../../src/kube/kinds/namespace.ts";
import { nodes } from "../../../src/kube/kinds/node.ts";
import { type Pod, pods } from "../../../src/kube/kinds/pod.ts";
import type { KubeObject, ObjectKey } from "../../../src/kube/object.ts";
import { isStatus } from "../../../src/kube/status-error.ts";
import { startServer, type TestServer } from "../apiserver/test-server.ts";

export interface ClusterOptions {
  /** What the controllers see instead of the server's own client, e.g. one that fails. */
  readonly wrap?: (client: Client) => Client;
  /** Whether a simulated kubelet runs pods. @default true */
  readonly kubelet?: boolean;
}
export interface Cluster extends TestServer {
  /** Lets time pass and things happen until `check` holds; its result. */
  until<R>(check: () => R | Promise<R>): Promise<NonNullable<R>>;
  /** Lets things happen until nothing is written any more. */
  settle(): Promise<void>;
  get<T extends KubeObject>(resource: Resource<T>, name: string): Promise<T | undefined>;
  list<T extends KubeObject>(resource: Resource<T>): Promise<readonly T[]>;
  stop(): Promise<void>;
}

/** Real time that a test may wait for simulated events. */
const PATIENCE_MS = 20_000;
const STEP_MS = 50;

/** An API server with all controllers, on simulated time. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const server = await startServer();
  const { client, clock, store } = server;
  const seen = options.wrap?.(client) ?? client;
  const informers = new Informers(seen, { clock });
  const controllers = await startControllers({ client: seen, informers, clock });
  await client.create(namespaces, {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "kube-node-lease" },
  });
  const stopBeating = keepAlive(client, clock);
  const kubelet = options.kubelet === false ? undefined : await startKubelet(client, clock);
  const until: Cluster["until"] = async (check) => {
    const deadlineMs = performance.now() + PATIENCE_MS;
    for (;;) {
      const result = await check();
      if (result) return result;
      if (performance.now() > deadlineMs) throw new Error(`never happened: ${check.toString()}`);
      await clock.advance(STEP_MS);
    }
  };
  return {
    ...server,
    until,
    async settle() {
      let [quiet, revision] = [0, store.revision];
      await until(async () => {
        quiet = store.revision === revision ? quiet + 1 : 0;
        revision = store.revision;
        return quiet > 30;
      });
    },
    async get(resource, name) {
      try {
        return await client.get(resource, locate(resource, name));
      } catch (error) {
        if (isStatus(error, "NotFound")) return undefined;
        throw error;
      }
    },
    async list(resource) {
      return (await client.list(resource)).items;
    },
    async stop() {
      stopBeating();
      await kubelet?.stop();
      const stopped = controllers.stop();
      await clock.advance(10_000);
      await stopped;
      await informers.stop();
      await server.server.close();
    },
  };
}

function locate(resource: Resource, name: string): ObjectKey {
  return resource.namespaced ? { namespace: "default", name } : { name };
}

export const NODE = "node-1";

/** Binds pods, makes them ready unless their image is `bad`, and removes those that are deleted. */
async function startKubelet(client: Client, clock: Clock): Promise<{ stop(): Promise<void> }> {
  await client.create(nodes, { apiVersion: "v1", kind: "Node", metadata: { name: NODE } });
  // Watches end with the server's time: what waits to open the next one must go by the same.
  const informers = new Informers(client, { clock });
  const informer = informers.of(pods);
  let port = 20_000;
  informer.onChange(({ type, object }) => {
    if (type === "DELETED") return;
    void settle(object).catch((error: unknown) => {
      // The next event brings the pod back.
      if (!isStatus(error, "Conflict", "NotFound")) throw error;
    });
  });
  informers.start();
  await informers.synced();
  return { stop: () => informers.stop() };

  async function settle(pod: Pod): Promise<void> {
    const { namespace = "", name, deletionTimestamp } = pod.metadata;
    const key = { namespace, name };
    if (pod.spec?.nodeName === undefined) {
      const binding = {
        apiVersion: "v1",
        kind: "Binding",
        metadata: key,
        target: { kind: "Node", name: NODE },
      };
      await client.create(pods, binding, { subresource: "binding" });
    } else if (deletionTimestamp !== undefined) {
      const { phase } = pod.status ?? {};
      // How it ended is told before it goes: whoever holds it with a finalizer wants to know.
      if (phase === "Running" && (pod.metadata.finalizers ?? []).length > 0) {
        const status = { ...pod.status, phase: "Failed" };
        await client.update(pods, { ...pod, status }, { subresource: "status" });
      }
      await client.delete(pods, key, { gracePeriodSeconds: 0 });
    } else if ((pod.status?.phase ?? "Pending") === "Pending") {
      const [container] = pod.spec.containers;
      const containerPort = container?.ports?.[0]?.containerPort;
      if (
        containerPort !== undefined &&
        pod.metadata.annotations?.["gantry.dev/host-ports"] === undefined
      ) {
        const annotations = {
          "gantry.dev/host-ports": JSON.stringify({ [containerPort]: port++ }),
        };
        await client.patch(pods, key, { type: "merge", body: { metadata: { annotations } } });
        return;
      }
      const status = container?.image === "bad" ? "False" : "True";
      const ready = {
        type: "Ready",
        status,
        lastTransitionTime: pod.metadata.creationTimestamp ?? "",
      };
      await client.update(
        pods,
        {
          ...pod,
          status: {
            phase: "Running",
            startTime: pod.metadata.creationTimestamp ?? "",
            podIP: "127.0.0.1",
            podIPs: [{ ip: "127.0.0.1" }],
            conditions: [ready],
          },
        },
        { subresource: "status" },
      );
    }
  }
}

/** Often enough for no node to count as lost. */
const HEARTBEAT_MS = 40_000;

/** Every node there is has an agent that is heard of. */
function keepAlive(client: Client, clock: Clock): () => void {
  const namespace = "kube-node-lease";
  const beat = async (): Promise<void> => {
    const { items } = await client.list(nodes);
    for (const { metadata } of items) {
      const key = { namespace, name: metadata.name };
      const spec = { holderIdentity: key.name, renewTime: new Date(clock.now()).toISOString() };
      const patch = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: key, spec };
      await client.patch(
        leases,
        key,
        { type: "apply", body: patch },
        { fieldManager: "kubelet", force: true },
      );
    }
  };
  const again = (): void => {
    // The server may be gone by then.
    beat().catch(() => undefined);
    cancel = clock.after(HEARTBEAT_MS, again);
  };
  let cancel = clock.after(HEARTBEAT_MS, again);
  return () => cancel();
}

export function webDeployment(replicas: number, image = "v1"): Deployment {
  const labels = { app: "web" };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { namespace: "default", name: "web" },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          containers: [{ name: "app", image, ports: [{ name: "http", containerPort: 8080 }] }],
        },
      },
    },
  };
}

/** Changes the image of the Deployment `web`. */
export async function setImage(client: Client, image: string): Promise<void> {
  const containers = [{ name: "app", image }];
  const body = { spec: { template: { spec: { containers } } } };
  await client.patch(
    deployments,
    { namespace: "default", name: "web" },
    { type: "strategic", body },
  );
}
