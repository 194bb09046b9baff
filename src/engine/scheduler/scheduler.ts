/**
 * Gives pods without a node one: takes them from the queue one by one, chooses on the cluster's
 * state as it will be with all earlier choices, and binds in parallel. Where there is no node, it
 * finds out whom to ask to leave, and says why.
 */
import type { Client } from "../../client/client.ts";
import { type Clock, systemClock } from "../../client/clock.ts";
import { Informers } from "../../client/informers.ts";
import { type Logger, silentLogger } from "../../client/logger.ts";
import { deepEqual } from "../../kube/equality.ts";
import { namespaces } from "../../kube/kinds/namespace.ts";
import { type Node, nodes } from "../../kube/kinds/node.ts";
import { type Pod, pods } from "../../kube/kinds/pod.ts";
import { podDisruptionBudgets } from "../../kube/kinds/poddisruptionbudget.ts";
import type { Labels } from "../../kube/label-selector.ts";
import { ClusterState } from "./cluster-state.ts";
import { PodInfo } from "./pod-info.ts";
import { DEFAULT_SCHEDULER, type SchedulerProfile } from "./scheduler-profile.ts";
import type { ClusterEvent } from "./queue/cluster-event.ts";
import { SchedulingQueue } from "./queue/scheduling-queue.ts";
import { SchedulingCycles } from "./scheduling-cycles.ts";
import { InformedVolumeCatalog } from "./volumes/volume-catalog.ts";
import { InformedSelectors } from "./workload-selectors.ts";

export interface SchedulerOptions {
  readonly client: Client;
  /** Shared with others of the process; must be started and stopped by the caller. @default its own */
  readonly informers?: Informers;
  /** Pods with other scheduler names are left alone. @default one, `default-scheduler` */
  readonly profiles?: readonly SchedulerProfile[];
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

const DEFAULT_PROFILES: readonly SchedulerProfile[] = [{ schedulerName: DEFAULT_SCHEDULER }];
/** A turn ends when either is reached, so that a burst of pods delays nobody else in the process. */
const MAX_CHOICES_PER_TURN = 50;
const MAX_TURN_MS = 8;
/** Resting pods that are asked about news in one turn. */
const REVIEWS_PER_TURN = 500;
const NO_LABELS: Labels = {};

type Change = "ADDED" | "MODIFIED" | "DELETED";

/**
 * Resolves once it knows all nodes and pods and has begun.
 * @throws RangeError for a profile that makes no sense
 */
export async function startScheduler(options: SchedulerOptions): Promise<Scheduler> {
  const scheduler = new RunningScheduler(options);
  await scheduler.start();
  return scheduler;
}

class RunningScheduler implements Scheduler {
  readonly #own: Informers;
  readonly #informers: Informers;
  readonly #abort = new AbortController();
  readonly #cluster: ClusterState;
  readonly #queue: SchedulingQueue;
  readonly #catalog: InformedVolumeCatalog;
  readonly #selectors: InformedSelectors;
  readonly #cycles: SchedulingCycles;
  readonly #unsubscribe: (() => void)[] = [];
  #isRunning = false;
  #isStopping = false;
  #turn: Promise<void> | undefined;

  constructor(options: SchedulerOptions) {
    const { client, clock = systemClock, logger = silentLogger, random = Math.random } = options;
    const { profiles = DEFAULT_PROFILES } = options;
    this.#own = new Informers(client, { clock, logger });
    this.#informers = options.informers ?? this.#own;
    const namespaceInformer = this.#informers.of(namespaces);
    this.#cluster = new ClusterState(
      (name) => namespaceInformer.get(name)?.metadata.labels ?? NO_LABELS,
    );
    this.#catalog = new InformedVolumeCatalog(this.#informers);
    this.#selectors = new InformedSelectors(this.#informers);
    const budgets = this.#informers.of(podDisruptionBudgets);
    this.#queue = new SchedulingQueue({
      clock,
      onReady: () => this.#begin(),
      mayHelp: (queued, event, plugins) => this.#cycles.mayHelp(queued, event, plugins),
    });
    this.#cycles = new SchedulingCycles({
      client,
      clock,
      logger,
      random,
      profiles,
      signal: this.#abort.signal,
      cluster: this.#cluster,
      queue: this.#queue,
      catalog: this.#catalog,
      selectors: this.#selectors,
      budgets: () => budgets.list(),
    });
  }

  get pending(): number {
    return this.#queue.length;
  }

  async start(): Promise<void> {
    const informers = this.#informers;
    const [nodeInformer, podInformer] = [informers.of(nodes), informers.of(pods)];
    const namespaceInformer = informers.of(namespaces);
    this.#own.start();
    await Promise.all([
      nodeInformer.synced,
      podInformer.synced,
      namespaceInformer.synced,
      informers.of(podDisruptionBudgets).synced,
      this.#catalog.synced(),
      this.#selectors.synced(),
    ]);
    this.#unsubscribe.push(
      namespaceInformer.onChange(({ object, previous }) => {
        if (previous !== undefined && !deepEqual(object.metadata.labels, previous.metadata.labels))
          this.#onNamespace();
      }),
      this.#catalog.follow(() => this.#tell({ type: "volumes" })),
      nodeInformer.onChange(({ type, object }) => this.#onNode(type, object)),
      podInformer.onChange(({ type, object, previous }) => this.#onPod(type, object, previous)),
    );
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#queue.close();
    await this.#turn;
    await this.#cycles.settle();
    this.#abort.abort(new Error("the scheduler stops"));
    await this.#own.stop();
  }

  #tell(event: ClusterEvent): void {
    this.#cluster.version++;
    this.#queue.tell(event);
  }

  #onNamespace(): void {
    this.#cluster.counters.forgetNamespaceSelectors();
    this.#tell({ type: "namespace" });
  }

  #onNode(type: Change, node: Node): void {
    const { name } = node.metadata;
    if (type === "DELETED") {
      const gone = this.#cluster.removeNode(name);
      if (gone !== undefined) this.#tell({ type: "node gone", node: gone });
      return;
    }
    const { changed } = this.#cluster.setNode(node);
    const state = this.#cluster.node(name);
    if (changed && state !== undefined) this.#tell({ type: "node", node: state });
  }

  #onPod(type: Change, pod: Pod, previous: Pod | undefined): void {
    const uid = pod.metadata.uid ?? "";
    const { nodeName = "", schedulingGates = [] } = pod.spec ?? {};
    const { phase } = pod.status ?? {};
    if (type === "DELETED" || phase === "Succeeded" || phase === "Failed") {
      this.#forget(uid);
      const gone = this.#cluster.free(uid);
      if (gone !== undefined) this.#tell({ type: "pod gone", pod: gone });
    } else if (nodeName !== "") {
      this.#forget(uid);
      this.#place(pod, nodeName);
    } else if (
      pod.metadata.deletionTimestamp !== undefined ||
      !this.#cycles.isOwn(pod) ||
      schedulingGates.length > 0
    )
      this.#forget(uid);
    else {
      this.#keepNomination(pod);
      if (previous !== undefined && isScheduledAlike(previous, pod)) this.#queue.refresh(pod);
      else this.#queue.add(pod);
    }
  }

  #place(pod: Pod, nodeName: string): void {
    const before = this.#cluster.placed(pod.metadata.uid ?? "");
    const after = this.#cluster.place(pod, nodeName);
    if (before === after) return;
    const isLeaving = after.isTerminating && before?.isTerminating !== true;
    if (before !== undefined && (isLeaving || before.labels !== after.labels))
      this.#tell({ type: "pod gone", pod: before });
    if (before === undefined || before.labels !== after.labels)
      this.#tell({ type: "pod placed", pod: after });
  }

  /** A scheduler that was started again goes on where room was being made. */
  #keepNomination(pod: Pod): void {
    const { nominatedNodeName = "" } = pod.status ?? {};
    const { nominations } = this.#cluster;
    if (nominatedNodeName === "" || nominations.get(pod.metadata.uid ?? "") !== undefined) return;
    if (this.#queue.has(pod.metadata.uid ?? "")) return;
    nominations.set(pod, new PodInfo(pod), nominatedNodeName);
  }

  #forget(uid: string): void {
    this.#queue.remove(uid);
    this.#cycles.abandon(uid);
    if (this.#cluster.nominations.delete(uid)) this.#cluster.version++;
  }

  #begin(): void {
    if (this.#isRunning || this.#isStopping) return;
    this.#isRunning = true;
    this.#turn = this.#run();
  }

  async #run(): Promise<void> {
    for (;;) {
      // Others' events first: they may change what is chosen.
      await new Promise((resolve) => setImmediate(resolve));
      const isReviewing = this.#queue.review(REVIEWS_PER_TURN);
      const untilMs = performance.now() + MAX_TURN_MS;
      for (let count = 0; count < MAX_CHOICES_PER_TURN; count++) {
        await this.#cycles.hasRoom();
        const queued = this.#queue.take();
        if (queued === undefined) {
          if (isReviewing || this.#queue.hasNews) break;
          this.#isRunning = false;
          return;
        }
        try {
          this.#cycles.schedule(queued);
        } catch (error) {
          // One pod that cannot be dealt with must not keep the others waiting.
          this.#cycles.giveUp(queued, error as Error);
        }
        if (performance.now() > untilMs) break;
      }
    }
  }
}

/** What decides about a pod's node is the same. */
function isScheduledAlike(a: Pod, b: Pod): boolean {
  return deepEqual(a.spec, b.spec) && deepEqual(a.metadata.labels, b.metadata.labels);
}
