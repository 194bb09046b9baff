/**
 * Plays the node agents of all simulated nodes: one player for all of them, a client of the API like
 * any other. It writes the status of their Nodes, renews their leases and lets the pods that are bound
 * to them live as their annotations say. Costs nothing while no Node is simulated.
 */
import type { Client } from "../../client/client.ts";
import { type Clock, systemClock } from "../../client/clock.ts";
import { createEventRecorder, type EventRecorder } from "../../client/event-recorder.ts";
import { withFieldManager } from "../../client/field-manager.ts";
import type { Informers } from "../../client/informers.ts";
import { type Logger, silentLogger } from "../../client/logger.ts";
import {
  done,
  requeueAfter,
  type Result,
  runController,
  type RunningController,
} from "../../client/reconciler.ts";
import { WorkQueue } from "../../client/work-queue.ts";
import { type Node, nodes } from "../../kube/kinds/node.ts";
import { type Pod, pods } from "../../kube/kinds/pod.ts";
import { keyOf } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import { addPodNodeIndex, podsOnNode } from "../controllers/ownership/pods-on-node.ts";
import { namespaceOf, uidOf } from "../node/pod-model.ts";
import { behaviourOf } from "./behaviour.ts";
import { Heartbeats } from "./heartbeats.ts";
import { type PodPlan, planPod } from "./pod-plan.ts";
import { type PodRun, runOfPod } from "./pod-run.ts";
import { isAlive, isSimulated } from "./simulated-node.ts";
import { SimulatedNodes } from "./simulated-nodes.ts";

export interface SimulationOptions {
  readonly client: Client;
  /** Shared with others of the process; must be started and stopped by the caller. */
  readonly informers: Informers;
  /** Told when the simulation takes a node over; the returned function, when it lets go of it. */
  readonly connect?: (nodeName: string) => () => void;
  readonly clock?: Clock;
  readonly logger?: Logger;
}
export interface Simulation {
  stop(): Promise<void>;
}

/** Writes that wait together share one commit to disk; one commit takes this many. */
const WORKERS = 256;
const NODE_KEY = "node:";

/** Resolves once every simulated node that is there already has its agent's attention. */
export async function startSimulation(options: SimulationOptions): Promise<Simulation> {
  const { informers } = options;
  const nodeInformer = informers.of(nodes);
  const podInformer = informers.of(pods);
  await Promise.all([nodeInformer.synced, podInformer.synced]);
  let player: Player | undefined;
  const unsubscribe = nodeInformer.onChange(({ object }) => {
    if (player !== undefined || !isSimulated(object)) return;
    player = new Player(options);
    player.start();
  });
  return {
    stop: async () => {
      unsubscribe();
      await player?.stop();
    },
  };
}

class Player {
  readonly #client: Client;
  readonly #options: SimulationOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #events: EventRecorder;
  readonly #abort = new AbortController();
  readonly #queue: WorkQueue;
  readonly #nodes: SimulatedNodes;
  readonly #heartbeats: Heartbeats;
  /** How far pods have come that something is still going to happen to, by uid. */
  readonly #runs = new Map<string, PodRun>();
  /** States of pods that are as they should be and stay so until something changes. */
  #settled = new WeakSet<Pod>();
  readonly #unsubscribe: (() => void)[] = [];
  #controller: RunningController | undefined;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#client = withFieldManager(options.client, "kubelet");
    this.#queue = new WorkQueue({ clock: this.#clock });
    const { signal } = this.#abort;
    this.#events = createEventRecorder({
      client: this.#client,
      component: "simulation",
      clock: this.#clock,
      logger: this.#logger,
      signal,
    });
    this.#nodes = new SimulatedNodes(this.#client, this.#clock, this.#events, options.connect);
    this.#heartbeats = new Heartbeats(this.#client, this.#clock, this.#logger);
  }

  start(): void {
    const { informers } = this.#options;
    const nodeInformer = informers.of(nodes);
    const podInformer = informers.of(pods);
    addPodNodeIndex(podInformer);
    // Blocks that Nodes have already are taken before the first one is given away.
    for (const node of nodeInformer.list()) this.#nodes.observe(node);
    this.#unsubscribe.push(
      nodeInformer.onChange(({ type, object, previous }) => {
        if (type === "DELETED") this.#nodes.forget(object);
        else this.#nodes.observe(object);
        if (isSimulated(object) || (previous !== undefined && isSimulated(previous)))
          this.#queue.add(NODE_KEY + object.metadata.name);
      }),
      podInformer.onChange(({ type, object }) => {
        const nodeName = object.spec?.nodeName ?? "";
        if (nodeName === "" || !this.#isPlayed(nodeName)) return;
        if (type === "DELETED") this.#forget(object);
        else this.#queue.add(keyOf(object));
      }),
    );
    this.#controller = runController({
      name: "simulation",
      queue: this.#queue,
      workers: WORKERS,
      reconcile: (key) =>
        key.startsWith(NODE_KEY)
          ? this.#reconcileNode(key.slice(NODE_KEY.length))
          : this.#reconcilePod(key),
      clock: this.#clock,
      logger: this.#logger,
    });
    this.#heartbeats.start();
  }

  async stop(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    await this.#heartbeats.stop();
    await this.#controller?.stop();
    await this.#events.flush();
    this.#abort.abort(new Error("the simulation stops"));
    this.#nodes.disconnect();
  }

  #node(name: string): Node | undefined {
    return this.#options.informers.of(nodes).get(name);
  }

  #isPlayed(nodeName: string): boolean {
    const node = this.#node(nodeName);
    return node !== undefined && isSimulated(node) && isAlive(node);
  }

  async #reconcileNode(name: string): Promise<Result> {
    const node = this.#node(name);
    if (node === undefined || !isSimulated(node) || !isAlive(node)) {
      this.#heartbeats.remove(name);
      if (node === undefined || !isSimulated(node)) this.#nodes.release(name);
      return done;
    }
    const isReady = await this.#nodes.bringUp(node);
    await this.#heartbeats.add(node);
    // Its pods may have waited for it, or for its settings.
    const { informers } = this.#options;
    if (!isReady) return done;
    // A write that is answered by the pod's own state needs no second look, unless the node changed.
    this.#settled = new WeakSet();
    for (const pod of podsOnNode(informers.of(pods), name)) this.#queue.add(keyOf(pod));
    return done;
  }

  async #reconcilePod(key: string): Promise<Result> {
    const pod = this.#options.informers.of(pods).get(key);
    const node = this.#node(pod?.spec?.nodeName ?? "");
    if (pod === undefined || node === undefined || !this.#isPlayed(node.metadata.name)) return done;
    if (this.#settled.has(pod)) return done;
    const hostIP = this.#nodes.addressOf(node);
    if (hostIP === undefined) return done;
    const uid = uidOf(pod);
    const behaviour = behaviourOf(pod, node.metadata.annotations);
    const podIP =
      pod.spec?.hostNetwork === true
        ? hostIP
        : this.#nodes.podAddress(node.metadata.name, uid, pod.status?.podIP);
    if (podIP === undefined)
      this.#events.record(pod, "Warning", "FailedCreatePodSandBox", NO_ADDRESS);
    const plan = planPod({
      pod,
      run: this.#runs.get(uid) ?? runOfPod(pod),
      behaviour,
      hostIP,
      podIP,
      nowMs: this.#clock.now(),
    });
    // Until its next moment a pod's own status says everything about it.
    if (plan.nextMs === undefined) this.#runs.delete(uid);
    else this.#runs.set(uid, plan.run);
    for (const problem of behaviour.problems)
      this.#events.record(pod, "Warning", "InvalidSimulation", problem);
    const written = await this.#carryOut(pod, plan);
    if (podIP === undefined) return requeueAfter(NO_ADDRESS_RETRY_MS);
    if (plan.nextMs === undefined) {
      if (written !== undefined) this.#settled.add(written);
      return done;
    }
    return requeueAfter(Math.max(1, plan.nextMs - this.#clock.now()));
  }

  async #carryOut(pod: Pod, plan: PodPlan): Promise<Pod | undefined> {
    const { name, uid = "" } = pod.metadata;
    const key = { namespace: namespaceOf(pod), name };
    try {
      const { status } = plan;
      const written =
        status === undefined
          ? pod
          : await this.#client.update(pods, { ...pod, status }, { subresource: "status" });
      if (plan.remove === true)
        await this.#client.delete(pods, key, { gracePeriodSeconds: 0, preconditions: { uid } });
      return written;
    } catch (error) {
      // Changed or gone: the watch brings it back.
      if (!isStatus(error, "NotFound", "Conflict")) throw error;
      return undefined;
    }
  }

  #forget(pod: Pod): void {
    this.#runs.delete(uidOf(pod));
    this.#nodes.releasePod(pod.spec?.nodeName ?? "", uidOf(pod));
  }
}

/** Nobody tells when an address is free again. */
const NO_ADDRESS_RETRY_MS = 5_000;
const NO_ADDRESS = "no address is left in the node's podCIDR";
