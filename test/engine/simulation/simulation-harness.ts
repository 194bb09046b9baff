import { Informers } from "../../../src/client/informers.ts";
import { startControllers } from "../../../src/engine/controllers/index.ts";
import { simulatedConnection } from "../../../src/engine/simulation/simulated-connection.ts";
import { startSimulation } from "../../../src/engine/simulation/simulation.ts";
import { namespaces } from "../../../src/kube/kinds/namespace.ts";
import { type Node, nodes } from "../../../src/kube/kinds/node.ts";
import { type Pod, pods } from "../../../src/kube/kinds/pod.ts";
import { isStatus } from "../../../src/kube/status-error.ts";
import { startServer, type TestServer } from "../apiserver/test-server.ts";

export interface SimulatedCluster extends TestServer {
  node(name: string): Promise<Node>;
  /** Undefined when it is gone. */
  pod(name: string): Promise<Pod | undefined>;
  /** Lets time pass in small steps. */
  pass(ms: number): Promise<void>;
  addNode(name: string, annotations?: Record<string, string>, node?: Partial<Node>): Promise<void>;
  addPod(name: string, nodeName: string, options?: PodOptions): Promise<void>;
  annotate(name: string, annotations: Record<string, string | null>): Promise<void>;
  /** The controllers and the simulation start anew, as after a restart of the engine. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}
export interface PodOptions {
  readonly annotations?: Record<string, string>;
  readonly finalizers?: string[];
  readonly spec?: Partial<NonNullable<Pod["spec"]>>;
}

const STEP_MS = 500;

/** An API server with simulated nodes, and all controllers where asked for. */
export async function startSimulatedCluster(
  options: { readonly controllers?: boolean } = {},
): Promise<SimulatedCluster> {
  const test = await startServer();
  const { client, clock, server } = test;
  const metadata = { name: "kube-node-lease" };
  await client.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata });
  const begin = async () => {
    const informers = new Informers(client, { clock });
    const controllers =
      options.controllers === true
        ? await startControllers({ client, informers, clock })
        : undefined;
    informers.start();
    const simulation = await startSimulation({
      client,
      informers,
      clock,
      connect: (nodeName) => server.nodes.connect(nodeName, simulatedConnection(clock)),
    });
    return async () => {
      await simulation.stop();
      const stopped = controllers?.stop();
      await clock.advance(10_000);
      await stopped;
      await informers.stop();
    };
  };
  let end = await begin();
  return {
    ...test,
    node: (name) => client.get(nodes, { name }),
    async pod(name) {
      try {
        return await client.get(pods, { namespace: "default", name });
      } catch (error) {
        if (isStatus(error, "NotFound")) return undefined;
        throw error;
      }
    },
    async pass(ms) {
      for (let left = ms; left > 0; left -= STEP_MS) await clock.advance(Math.min(left, STEP_MS));
      for (let turn = 0; turn < 50; turn++) await clock.advance(0);
    },
    async addNode(name, annotations = {}, node = {}) {
      await client.create(nodes, {
        apiVersion: "v1",
        kind: "Node",
        ...node,
        metadata: {
          name,
          annotations: { "simulation.gantry.dev/node": "true", ...annotations },
          ...node.metadata,
        },
      });
    },
    async addPod(name, nodeName, { annotations, finalizers, spec } = {}) {
      await client.create(pods, {
        apiVersion: "v1",
        kind: "Pod",
        metadata: {
          namespace: "default",
          name,
          ...(annotations === undefined ? {} : { annotations }),
          ...(finalizers === undefined ? {} : { finalizers }),
        },
        spec: { nodeName, containers: [{ name: "app", image: "app:1" }], ...spec },
      });
    },
    async annotate(name, annotations) {
      const body = { metadata: { annotations } };
      await client.patch(nodes, { name }, { type: "merge", body });
    },
    async restart() {
      await end();
      end = await begin();
    },
    async stop() {
      await end();
      await server.close();
    },
  };
}
