/**
 * A cluster of several nodes in this process: API server, controllers, scheduler, proxies, and one
 * node agent with real processes for each node. All nodes are this machine, so they share ports.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/client/clock.ts";
import { Informers } from "../../src/client/informers.ts";
import { type Logger, silentLogger } from "../../src/client/logger.ts";
import { stopInReverse } from "../../src/client/stop-in-reverse.ts";
import { type ApiServer, createApiServer } from "../../src/engine/apiserver/api-server.ts";
import { bootstrap } from "../../src/engine/apiserver/bootstrap.ts";
import { InProcessClient } from "../../src/engine/apiserver/in-process-client.ts";
import { issueSelfSigned } from "../../src/engine/apiserver/pki/certificates.ts";
import { MASTERS_GROUP } from "../../src/engine/apiserver/request-context.ts";
import { startControllers } from "../../src/engine/controllers/index.ts";
import { createRoutingBoard } from "../../src/engine/network/in-process-board.ts";
import { createIngressProxy } from "../../src/engine/network/ingress/ingress-proxy.ts";
import { createServiceProxy } from "../../src/engine/network/service-proxy.ts";
import { type NodeAgent, startNodeAgent } from "../../src/engine/node/node-agent.ts";
import { openProcessRuntime } from "../../src/engine/node/runtime/process/process-runtime.ts";
import { startScheduler } from "../../src/engine/scheduler/scheduler.ts";
import { MemoryStore } from "../../src/engine/store/memory-store.ts";
import type { Resource } from "../../src/kube/kind.ts";
import { pods } from "../../src/kube/kinds/pod.ts";
import type { KubeObject } from "../../src/kube/object.ts";

const clock = systemClock;
const recorder = { record: () => undefined, flush: () => Promise.resolve(), dropped: 0 };

export class SeveralNodes {
  readonly client: InProcessClient;
  /** What was logged as an error. */
  readonly errors: unknown[] = [];
  readonly #directory: string;
  readonly #server: ApiServer;
  readonly #board = createRoutingBoard();
  readonly #informers: Informers;
  readonly #logger: Logger;
  readonly #agents = new Map<string, NodeAgent>();
  readonly #stops: (() => unknown)[] = [];
  #ingressPort = 0;

  private constructor(directory: string) {
    this.#directory = directory;
    const store = new MemoryStore();
    this.#server = createApiServer({ store });
    this.client = new InProcessClient(this.#server, { name: "admin", groups: [MASTERS_GROUP] });
    this.#logger = {
      ...silentLogger,
      error: (fields, message) => this.errors.push({ message, ...fields }),
    };
    this.#informers = new Informers(this.client, { clock, logger: this.#logger });
    this.#stops.push(
      () => rm(directory, { recursive: true, force: true }),
      () => store.close(),
      () => this.#server.close(),
      () => this.#informers.stop(),
    );
  }

  static async start(...names: readonly string[]): Promise<SeveralNodes> {
    const cluster = new SeveralNodes(await mkdtemp(join(tmpdir(), "gantry-nodes-")));
    await cluster.#start();
    for (const name of names) await cluster.#startAgent(name);
    return cluster;
  }

  get ingressUrl(): string {
    return `http://127.0.0.1:${this.#ingressPort}`;
  }

  /** Stops the agent of a node, whose pods go on, and starts another. */
  async restartAgent(name: string): Promise<void> {
    await this.#agents.get(name)?.stop();
    await this.#startAgent(name);
  }

  create<T extends KubeObject>(
    resource: Resource<T>,
    object: Omit<T, "apiVersion" | "kind">,
  ): Promise<T> {
    const { group, version, kind, namespaced } = resource;
    const apiVersion = group === "" ? version : `${group}/${version}`;
    const metadata = namespaced ? { namespace: "default", ...object.metadata } : object.metadata;
    return this.client.create(resource, { apiVersion, kind, ...object, metadata } as T);
  }

  /** What `kubectl drain` sends for one pod. */
  async evict(name: string): Promise<void> {
    const eviction: KubeObject = {
      apiVersion: "policy/v1",
      kind: "Eviction",
      metadata: { namespace: "default", name },
    };
    await this.client.create<KubeObject>(pods, eviction, { subresource: "eviction" });
  }

  async close(): Promise<void> {
    await this.client.deleteCollection(pods, { gracePeriodSeconds: 0 });
    await Promise.all([...this.#agents.values()].map((agent) => agent.stop()));
    // What agents left behind, as they are told to: nothing of a test outlives it.
    for (const name of this.#agents.keys()) {
      const runtime = await openProcessRuntime({ podsDirectory: this.#podsOf(name) });
      for (const { podUid } of await runtime.listSandboxes()) await runtime.removeSandbox(podUid);
      await runtime.close();
    }
    await stopInReverse(this.#stops);
  }

  async #start(): Promise<void> {
    await bootstrap(this.#server);
    const { client } = this;
    const [informers, board, logger] = [this.#informers, this.#board, this.#logger];
    const controllers = await startControllers({ client, informers, clock, logger });
    this.#stops.push(() => controllers.stop());
    const scheduler = await startScheduler({ client, informers, clock, logger });
    this.#stops.push(() => scheduler.stop());
    const shared = { client, informers, board, recorder, clock, logger };
    const proxy = createServiceProxy({
      ...shared,
      nodeName: "proxy",
      nodeAddress: "127.0.0.1",
    });
    this.#stops.push(() => proxy.stop());
    const address = { host: "127.0.0.1", port: 0, required: true };
    const ingress = createIngressProxy({
      ...shared,
      http: address,
      https: { ...address, required: false },
      defaultCertificate: () => issueSelfSigned("test", ["test.invalid"], clock.now()),
      onListen: (protocol, { port }) => {
        if (protocol === "http") this.#ingressPort = port;
      },
    });
    this.#stops.push(() => ingress.stop());
    await ingress.listen();
  }

  async #startAgent(nodeName: string): Promise<void> {
    const agent = await startNodeAgent({
      client: this.client,
      runtime: await openProcessRuntime({ podsDirectory: this.#podsOf(nodeName) }),
      board: this.#board,
      informers: this.#informers,
      nodeName,
      dataDir: join(this.#directory, nodeName),
      clock,
      logger: this.#logger,
      keepPods: true,
    });
    this.#agents.set(nodeName, agent);
  }

  #podsOf(nodeName: string): string {
    return join(this.#directory, nodeName, "pods");
  }
}
