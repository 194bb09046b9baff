/** A node agent with a real API server in memory, and what tests need to drive it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "../../../src/client/client.ts";
import { type Clock, systemClock } from "../../../src/client/clock.ts";
import type { Logger } from "../../../src/client/logger.ts";
import { createApiServer } from "../../../src/engine/apiserver/api-server.ts";
import { InProcessClient } from "../../../src/engine/apiserver/in-process-client.ts";
import { ServiceAccountTokens } from "../../../src/engine/apiserver/service-accounts/service-account-tokens.ts";
import type { SigningKeys } from "../../../src/engine/apiserver/service-accounts/signing-keys.ts";
import { MASTERS_GROUP } from "../../../src/engine/apiserver/request-context.ts";
import { createRoutingBoard } from "../../../src/engine/network/in-process-board.ts";
import type { RoutingBoard } from "../../../src/engine/network/routing-board.ts";
import { type NodeAgent, startNodeAgent } from "../../../src/engine/node/node-agent.ts";
import { openProcessRuntime } from "../../../src/engine/node/runtime/process/process-runtime.ts";
import type { Runtime } from "../../../src/engine/node/runtime/runtime.ts";
import type { HostPathPolicy } from "../../../src/engine/node/volumes/host-path.ts";
import type { VolumeDrivers } from "../../../src/engine/storage/volume-drivers.ts";
import { MemoryStore } from "../../../src/engine/store/memory-store.ts";
import { type Event, events } from "../../../src/kube/kinds/event.ts";
import { namespaces } from "../../../src/kube/kinds/namespace.ts";
import { type Pod, pods } from "../../../src/kube/kinds/pod.ts";
import type { Resource } from "../../../src/kube/kind.ts";
import type { KubeObject } from "../../../src/kube/object.ts";
import { isStatus } from "../../../src/kube/status-error.ts";

export const NODE_NAME = "node-1";

export interface HarnessOptions {
  readonly clock?: Clock;
  /** @default the process runtime */
  readonly openRuntime?: (directory: string) => Promise<Runtime>;
  readonly keepPods?: boolean;
  readonly drivers?: VolumeDrivers;
  readonly hostPaths?: HostPathPolicy;
  /** Makes the API server issue tokens, and pods get one. */
  readonly tokenKeys?: SigningKeys;
}

export class Harness {
  readonly client: Client;
  readonly board: RoutingBoard;
  readonly directory: string;
  readonly #server: ReturnType<typeof createApiServer>;
  readonly #store: MemoryStore;
  readonly #options: HarnessOptions;
  readonly problems: string[] = [];
  #agent: NodeAgent | undefined;
  #runtime: Runtime | undefined;
  #disconnect: () => void = () => undefined;

  private constructor(directory: string, options: HarnessOptions) {
    this.directory = directory;
    this.#options = options;
    this.#store = new MemoryStore();
    const parts = { store: this.#store, clock: options.clock ?? systemClock };
    const { tokenKeys: keys } = options;
    this.#server = createApiServer({
      ...parts,
      ...(keys === undefined
        ? {}
        : { serviceAccountTokens: new ServiceAccountTokens({ ...parts, keys }) }),
    });
    this.client = new InProcessClient(this.#server, { name: "test", groups: [MASTERS_GROUP] });
    this.board = createRoutingBoard();
  }

  static async start(options: HarnessOptions = {}): Promise<Harness> {
    const directory = await mkdtemp(join(tmpdir(), "gantry-node-"));
    const harness = new Harness(directory, options);
    for (const name of ["default", "kube-node-lease"])
      await harness.create(namespaces, { metadata: { name } });
    await harness.startAgent();
    return harness;
  }

  get runtime(): Runtime {
    if (this.#runtime === undefined) throw new Error("the agent is not started");
    return this.#runtime;
  }

  async startAgent(overrides: { readonly keepPods?: boolean } = {}): Promise<void> {
    const open =
      this.#options.openRuntime ??
      ((podsDirectory) => openProcessRuntime({ podsDirectory, clock: this.#clock }));
    this.#runtime = await open(join(this.directory, "pods"));
    this.#agent = await startNodeAgent({
      client: this.client,
      runtime: this.#runtime,
      board: this.board,
      nodeName: NODE_NAME,
      dataDir: this.directory,
      clock: this.#clock,
      logger: this.#logger,
      keepPods: overrides.keepPods ?? this.#options.keepPods ?? false,
      ...(this.#options.drivers === undefined ? {} : { drivers: this.#options.drivers }),
      ...(this.#options.hostPaths === undefined ? {} : { hostPaths: this.#options.hostPaths }),
    });
    this.#disconnect = this.#server.nodes.connect(NODE_NAME, this.#agent.connection);
  }

  async stopAgent(): Promise<void> {
    this.#disconnect();
    await this.#agent?.stop();
    this.#agent = undefined;
  }

  async close(): Promise<void> {
    // Whatever a test left running must not outlive it.
    for (const { podUid } of (await this.#runtime?.listSandboxes()) ?? [])
      for (const { id } of (await this.#runtime?.listContainers(podUid)) ?? [])
        await this.#runtime?.stopContainer(id, { graceMs: 0 });
    await this.stopAgent();
    await this.#server.close();
    await this.#store.close();
    await rm(this.directory, { recursive: true, force: true });
  }

  /** Creates with the kind and the namespace `default` filled in. */
  create<T extends KubeObject>(
    resource: Resource<T>,
    object: Omit<T, "apiVersion" | "kind">,
  ): Promise<T> {
    const { group, version, kind, namespaced } = resource;
    const apiVersion = group === "" ? version : `${group}/${version}`;
    const metadata = namespaced ? { namespace: "default", ...object.metadata } : object.metadata;
    return this.client.create(resource, { apiVersion, kind, ...object, metadata } as T);
  }

  /** A pod bound to the node. */
  createPod(
    name: string,
    spec: Pod["spec"],
    metadata: Partial<Pod["metadata"]> = {},
  ): Promise<Pod> {
    return this.create(pods, {
      metadata: { name, ...metadata },
      spec: { nodeName: NODE_NAME, containers: [], ...spec },
    });
  }

  /** The first state of the pod for which `accept` holds; waits by watching. */
  async until(name: string, accept: (pod: Pod) => boolean): Promise<Pod> {
    const abort = new AbortController();
    const options = { namespace: "default", fieldSelector: `metadata.name=${name}` };
    try {
      const list = await this.client.list(pods, options);
      const now = list.items.find(accept);
      if (now !== undefined) return now;
      const { resourceVersion } = list;
      const changes = this.client.watch(pods, {
        ...options,
        resourceVersion,
        signal: abort.signal,
      });
      for await (const event of changes)
        if (event.type !== "BOOKMARK" && event.type !== "DELETED" && accept(event.object))
          return event.object;
      throw new Error(`the watch of pod ${name} ended`);
    } finally {
      abort.abort();
    }
  }

  async untilGone(name: string): Promise<void> {
    const abort = new AbortController();
    const key = { namespace: "default", name };
    const list = await this.client.list(pods, { namespace: "default" });
    try {
      await this.client.get(pods, key);
    } catch (error) {
      if (isStatus(error, "NotFound")) return;
      throw error;
    }
    const changes = this.client.watch(pods, {
      namespace: "default",
      fieldSelector: `metadata.name=${name}`,
      resourceVersion: list.resourceVersion,
      signal: abort.signal,
    });
    for await (const event of changes) if (event.type === "DELETED") break;
    abort.abort();
  }

  deletePod(name: string, gracePeriodSeconds?: number): Promise<KubeObject> {
    const options = gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds };
    return this.client.delete(pods, { namespace: "default", name }, options);
  }

  /** Waits for an event about the pod. */
  async untilEvent(name: string, reason: string): Promise<Event> {
    const abort = new AbortController();
    const options = { namespace: "default", fieldSelector: `involvedObject.name=${name}` };
    const accept = (event: Event): boolean => event.reason === reason;
    const list = await this.client.list(events, options);
    const now = list.items.find(accept);
    if (now !== undefined) return now;
    const { resourceVersion } = list;
    const changes = this.client.watch(events, {
      ...options,
      resourceVersion,
      signal: abort.signal,
    });
    for await (const event of changes)
      if (event.type !== "BOOKMARK" && accept(event.object)) {
        abort.abort();
        return event.object;
      }
    throw new Error("the watch of events ended");
  }

  async logs(name: string, container?: string): Promise<string> {
    const chunks: Uint8Array[] = [];
    const options = container === undefined ? {} : { container };
    for await (const chunk of this.client.logs({ namespace: "default", name }, options))
      chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  }

  get #clock(): Clock {
    return this.#options.clock ?? systemClock;
  }
  readonly #logger: Logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: (fields, message) => this.problems.push(`${message}: ${describe(fields)}`),
    error: (fields, message) => this.problems.push(`${message}: ${describe(fields)}`),
  };
}

const describe = ({ err, ...rest }: Readonly<Record<string, unknown>>): string =>
  `${JSON.stringify(rest)} ${err instanceof Error ? err.stack : String(err)}`;

export const isReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ??
  false;
