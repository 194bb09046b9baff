/**
 * Gives pods without a node one: takes them from the queue one by one, chooses on the cluster's
 * state as it will be with all earlier choices, and binds in parallel.
 */
import type { Binding as UpstreamBinding } from "kubernetes-types/core/v1";
import type { Client } from "../../client/client.ts";
import { type Clock, systemClock } from "../../client/clock.ts";
import { createEventRecorder } from "../../client/event-recorder.ts";
import { Informers } from "../../client/informers.ts";
import { type Logger, silentLogger } from "../../client/logger.ts";
import { formatTime } from "../../client/timestamps.ts";
import { findCondition } from "../../kube/conditions.ts";
import { deepEqual } from "../../kube/equality.ts";
import type { Resource } from "../../kube/kind.ts";
import { type Node, nodes } from "../../kube/kinds/node.ts";
import { type Pod, pods } from "../../kube/kinds/pod.ts";
import { keyOf, type Live } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import { ClusterState } from "./cluster-state.ts";
import { pickNode } from "./pick-node.ts";
import { podRequests } from "./pod-requests.ts";
import { type QueuedPod, SchedulingQueue } from "./scheduling-queue.ts";

export interface SchedulerOptions {
  readonly client: Client;
  /** Shared with others of the process; must be started and stopped by the caller. @default its own */
  readonly informers?: Informers;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Yields [0, 1), to choose among equal nodes. @default Math.random */
  readonly random?: () => number;
}
export interface Scheduler {
  /** Pods that wait for a node. */
  readonly pending: number;
  /** Takes no further pod and waits for bindings under way. */
  stop(): Promise<void>;
}

const SCHEDULER_NAME = "default-scheduler";
/** Bindings under way: enough to keep the store's group commit busy, few enough to fail early. */
const MAX_BINDINGS = 256;
/** Choices between two looks at the event loop, so that a burst of pods delays nobody else. */
const CHOICES_PER_TURN = 50;

type Binding = Live<UpstreamBinding>;
const podBindings: Resource<Binding> = {
  group: "",
  version: "v1",
  kind: "Pod",
  plural: "pods",
  namespaced: true,
};

/** Resolves once it knows all nodes and pods and has begun. */
export async function startScheduler(options: SchedulerOptions): Promise<Scheduler> {
  const scheduler = new RunningScheduler(options);
  await scheduler.start();
  return scheduler;
}

class RunningScheduler implements Scheduler {
  readonly #options: SchedulerOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #abort = new AbortController();
  readonly #events;
  readonly #cluster = new ClusterState();
  readonly #queue: SchedulingQueue;
  readonly #own: Informers;
  readonly #bindings = new Set<Promise<void>>();
  readonly #unsubscribe: (() => void)[] = [];
  #nextStart = 0;
  #isRunning = false;
  #turn: Promise<void> | undefined;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#own = new Informers(options.client, { clock: this.#clock, logger: this.#logger });
    this.#queue = new SchedulingQueue(this.#clock, () => this.#begin());
    this.#events = createEventRecorder({
      client: options.client,
      component: SCHEDULER_NAME,
      clock: this.#clock,
      logger: this.#logger,
      signal: this.#abort.signal,
    });
  }

  get pending(): number {
    return this.#queue.length;
  }

  async start(): Promise<void> {
    const informers = this.#options.informers ?? this.#own;
    const nodeInformer = informers.of(nodes);
    const podInformer = informers.of(pods);
    this.#own.start();
    await Promise.all([nodeInformer.synced, podInformer.synced]);
    this.#unsubscribe.push(
      nodeInformer.onChange(({ type, object }) => this.#onNode(type, object)),
      podInformer.onChange(({ type, object, previous }) => this.#onPod(type, object, previous)),
    );
  }

  async stop(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#queue.close();
    await this.#turn;
    await Promise.all(this.#bindings);
    await this.#events.flush();
    this.#abort.abort(new Error("the scheduler stops"));
    await this.#own.stop();
  }

  #onNode(type: "ADDED" | "MODIFIED" | "DELETED", node: Node): void {
    if (type === "DELETED") this.#cluster.removeNode(node.metadata.name);
    else if (this.#cluster.setNode(node)) this.#queue.wake();
  }

  #onPod(type: "ADDED" | "MODIFIED" | "DELETED", pod: Pod, previous: Pod | undefined): void {
    const uid = pod.metadata.uid ?? "";
    const { nodeName = "", schedulerName = SCHEDULER_NAME, schedulingGates = [] } = pod.spec ?? {};
    const { phase } = pod.status ?? {};
    if (type === "DELETED" || phase === "Succeeded" || phase === "Failed") {
      this.#queue.remove(uid);
      if (this.#cluster.free(uid)) this.#queue.wake();
    } else if (nodeName !== "") {
      this.#queue.remove(uid);
      this.#cluster.place(pod, nodeName);
    } else if (
      pod.metadata.deletionTimestamp !== undefined ||
      schedulerName !== SCHEDULER_NAME ||
      schedulingGates.length > 0
    )
      this.#queue.remove(uid);
    else if (previous !== undefined && deepEqual(previous.spec, pod.spec)) this.#queue.refresh(pod);
    else this.#queue.add(pod);
  }

  #begin(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#turn = this.#run();
  }

  async #run(): Promise<void> {
    for (;;) {
      // Others' events first: they may change what is chosen.
      await new Promise((resolve) => setImmediate(resolve));
      for (let count = 0; count < CHOICES_PER_TURN; count++) {
        if (this.#bindings.size >= MAX_BINDINGS) await Promise.race(this.#bindings);
        const queued = this.#queue.take();
        if (queued === undefined) {
          this.#isRunning = false;
          return;
        }
        this.#choose(queued);
      }
    }
  }

  #choose(queued: QueuedPod): void {
    const { pod } = queued;
    const requests = podRequests(pod);
    const choice = pickNode(
      { pod, requests },
      this.#cluster.nodes,
      this.#nextStart,
      this.#options.random,
    );
    if ("message" in choice) {
      this.#queue.rest(queued, { untilChange: true });
      this.#track(this.#tellUnschedulable(pod, choice.message));
      return;
    }
    this.#nextStart = choice.next;
    const { name } = choice.node;
    this.#cluster.place(pod, name, requests);
    this.#track(this.#bind(queued, name));
  }

  /** Keeps the promise until it settles; what it does must not fail the scheduler. */
  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) =>
        this.#logger.warn({ err: error }, "the scheduler could not write to the API"),
      )
      .finally(() => this.#bindings.delete(tracked));
    this.#bindings.add(tracked);
  }

  async #bind(queued: QueuedPod, nodeName: string): Promise<void> {
    const { pod } = queued;
    const { namespace = "default", name, uid = "" } = pod.metadata;
    const binding: Binding = {
      apiVersion: "v1",
      kind: "Binding",
      metadata: { namespace, name, uid },
      target: { apiVersion: "v1", kind: "Node", name: nodeName },
    };
    try {
      await this.#options.client.create(podBindings, binding, { subresource: "binding" });
    } catch (error) {
      this.#cluster.free(uid, nodeName);
      // Gone or bound by somebody else: the watch says which.
      if (isStatus(error, "NotFound", "Conflict")) return;
      this.#queue.rest(queued, { untilChange: false });
      const message = `binding rejected: ${(error as Error).message}`;
      this.#events.record(pod, "Warning", "FailedScheduling", message);
      return;
    }
    this.#queue.remove(uid);
    const message = `Successfully assigned ${keyOf(pod)} to ${nodeName}`;
    this.#events.record(pod, "Normal", "Scheduled", message);
  }

  async #tellUnschedulable(pod: Pod, message: string): Promise<void> {
    this.#events.record(pod, "Warning", "FailedScheduling", message);
    const type = "PodScheduled";
    const before = findCondition(pod.status?.conditions, type);
    if (before?.status === "False" && before.message === message) return;
    const since = before?.status === "False" ? before.lastTransitionTime : undefined;
    const condition = {
      type,
      status: "False",
      reason: "Unschedulable",
      message,
      lastTransitionTime: since ?? formatTime(this.#clock.now()),
    };
    const { namespace = "default", name, uid = "" } = pod.metadata;
    const body = { metadata: { uid }, status: { conditions: [condition] } };
    try {
      await this.#options.client.patch(
        pods,
        { namespace, name },
        { type: "strategic", body },
        { subresource: "status", fieldManager: SCHEDULER_NAME },
      );
    } catch (error) {
      if (!isStatus(error, "NotFound", "Conflict")) throw error;
    }
  }
}
