/** A scheduler on a real API server, without controllers and node agents. */
import type { Client } from "../../../src/client/client.ts";
import type { Clock } from "../../../src/client/clock.ts";
import { createApiServer } from "../../../src/engine/apiserver/api-server.ts";
import { InProcessClient } from "../../../src/engine/apiserver/in-process-client.ts";
import { MASTERS_GROUP } from "../../../src/engine/apiserver/request-context.ts";
import type { SchedulerProfile } from "../../../src/engine/scheduler/scheduler-profile.ts";
import { type Scheduler, startScheduler } from "../../../src/engine/scheduler/scheduler.ts";
import { MemoryStore } from "../../../src/engine/store/memory-store.ts";
import { findCondition } from "../../../src/kube/conditions.ts";
import type { Resource } from "../../../src/kube/kind.ts";
import { events } from "../../../src/kube/kinds/event.ts";
import { namespaces } from "../../../src/kube/kinds/namespace.ts";
import { nodes } from "../../../src/kube/kinds/node.ts";
import { type Pod, pods } from "../../../src/kube/kinds/pod.ts";
import type { KubeObject } from "../../../src/kube/object.ts";
import { node, pod } from "./cluster-fixtures.ts";

type PodSpec = Partial<NonNullable<Pod["spec"]>>;

export interface Harness {
  readonly client: Client;
  readonly scheduler: Scheduler;
  addNode(name: string, overrides?: Parameters<typeof node>[1]): Promise<void>;
  addPod(name: string, spec?: PodSpec, labels?: Record<string, string>): Promise<Pod>;
  /** The first state of a pod in the default namespace that is accepted. */
  until(name: string, accept: (pod: Pod) => boolean): Promise<Pod>;
  untilObject<T extends KubeObject>(
    resource: Resource<T>,
    name: string,
    accept: (object: T) => boolean,
  ): Promise<T>;
  /** Stops the scheduler and lists, sorted, `reason: message` of what it told about a pod. */
  eventsOf(name: string): Promise<string[]>;
  /** A scheduler that begins anew on what is there. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface HarnessOptions {
  readonly clock?: Clock;
  readonly profiles?: readonly SchedulerProfile[];
  readonly wrap?: (client: Client) => Client;
  readonly random?: () => number;
}

export async function startHarness(options: HarnessOptions = {}): Promise<Harness> {
  const { clock, profiles, wrap = (client: Client) => client, random } = options;
  const store = new MemoryStore();
  const server = createApiServer({ store, ...(clock === undefined ? {} : { clock }) });
  const client = new InProcessClient(server, { name: "test", groups: [MASTERS_GROUP] });
  const metadata = { name: "default" };
  await client.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata });
  const start = (): Promise<Scheduler> =>
    startScheduler({
      client: wrap(client),
      ...(clock === undefined ? {} : { clock }),
      ...(profiles === undefined ? {} : { profiles }),
      ...(random === undefined ? {} : { random }),
    });
  let scheduler = await start();
  const untilObject: Harness["untilObject"] = async (resource, name, accept) => {
    const abort = new AbortController();
    const fieldSelector = `metadata.name=${name}`;
    try {
      for await (const event of client.watch(resource, { fieldSelector, signal: abort.signal }))
        if (event.type !== "BOOKMARK" && accept(event.object)) return event.object;
    } finally {
      abort.abort();
    }
    throw new Error(`the watch of ${name} ended`);
  };
  return {
    client,
    get scheduler() {
      return scheduler;
    },
    async addNode(name, overrides = {}) {
      const made = node(name, overrides);
      await client.create(nodes, made);
      const body = { status: { allocatable: made.status?.allocatable ?? {} } };
      await client.patch(nodes, { name }, { type: "merge", body }, { subresource: "status" });
    },
    addPod(name, spec = {}, labels = {}) {
      const made = pod(spec, name);
      return client.create(pods, { ...made, metadata: { namespace: "default", name, labels } });
    },
    until: (name, accept) => untilObject(pods, name, accept),
    untilObject,
    async eventsOf(name) {
      await scheduler.stop();
      const { items } = await client.list(events, { namespace: "default" });
      return items
        .filter(({ involvedObject }) => involvedObject.name === name)
        .map(({ reason = "", message = "" }) => `${reason}: ${message}`)
        .sort();
    },
    async restart() {
      await scheduler.stop();
      scheduler = await start();
    },
    async stop() {
      await scheduler.stop();
      await server.close();
      await store.close();
    },
  };
}

/** The client with some of its calls replaced. */
export function intercepted(client: Client, calls: Partial<Client>): Client {
  return new Proxy(client, {
    get: (target, name) => {
      const own = (calls as Record<string | symbol, unknown>)[name];
      const value: unknown = own ?? Reflect.get(target, name);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

export const isBound = (bound: Pod): boolean => (bound.spec?.nodeName ?? "") !== "";
export const isUnschedulable = ({ status }: Pod): boolean =>
  findCondition(status?.conditions, "PodScheduled")?.reason === "Unschedulable";
export const scheduledCondition = ({ status }: Pod) =>
  findCondition(status?.conditions, "PodScheduled");
export const cpu = (amount: string): PodSpec => ({
  containers: [{ name: "a", image: "x", resources: { requests: { cpu: amount } } }],
});
