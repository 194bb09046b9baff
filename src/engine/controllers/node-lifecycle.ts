/**
 * Watches over the signs of life of nodes. A node that is silent becomes `Unknown`, its pods not ready
 * at once; conditions become taints; who may be evicted, and how fast, follows from how many nodes are
 * in trouble. The rules are in `node-lifecycle/`; evicting is `taint-eviction.ts`'s work.
 */
import { createEventRecorder } from "../../client/event-recorder.ts";
import { withFieldManager } from "../../client/field-manager.ts";
import { done, type Result, requeueAfter } from "../../client/reconciler.ts";
import { WorkQueue } from "../../client/work-queue.ts";
import { leases } from "../../kube/kinds/lease.ts";
import { type Node, nodes as nodeResource } from "../../kube/kinds/node.ts";
import { pods as podResource } from "../../kube/kinds/pod.ts";
import { isStatus } from "../../kube/status-error.ts";
import { NODE_LEASE_NAMESPACE } from "../node/renew-lease.ts";
import type { Controller, ControllerContext } from "./controller-context.ts";
import { markNotReady } from "./node-lifecycle/mark-pods.ts";
import {
  type NodeHealth,
  observe,
  overdueAtMs,
  type Readiness,
  readinessOf,
  unknownConditions,
  wasLost,
} from "./node-lifecycle/node-health.ts";
import { noExecuteKey, noExecuteTaintsOf, plannedTaints } from "./node-lifecycle/node-taints.ts";
import { evictionRate, isFullyDisrupted, zoneOf, zonesOf } from "./node-lifecycle/zones.ts";
import { addPodNodeIndex, podsOnNode } from "./ownership/pods-on-node.ts";

const NAME = "node-lifecycle-controller";
/** While something is wrong; upstream's node monitor period. Otherwise the next pass is when a lease runs out. */
const PASS_MS = 5_000;
/** A pass so late means that this process slept (a laptop that was closed), and so did the agents. */
const SLEPT_MS = 20_000;
/** A key that is no node's name: all nodes are looked at together. */
const PASS = "*";
const WORKERS = 8;

export function createNodeLifecycleController(context: ControllerContext): Controller {
  const { informers, clock, logger, signal } = context;
  const client = withFieldManager(context.client, NAME);
  const events = createEventRecorder({ client, component: NAME, clock, logger, signal });
  const nodes = informers.of(nodeResource);
  const leaseInformer = informers.of(leases, { namespace: NODE_LEASE_NAMESPACE });
  const pods = informers.of(podResource);
  const queue = new WorkQueue({ clock });
  const health = new Map<string, NodeHealth>();
  /** As they were in the last pass. */
  const readiness = new Map<string, Readiness | undefined>();
  /** By zone: when the next node may be given up. */
  const nextEvictionMs = new Map<string, number>();
  let wasFullyDisrupted = false;
  let dueMs = clock.now();
  addPodNodeIndex(pods);

  nodes.onChange(({ type, object, previous }) => {
    if (type === "DELETED") {
      // Its namesake is another node.
      health.delete(object.metadata.name);
      readiness.delete(object.metadata.name);
      return;
    }
    queue.add(object.metadata.name);
    const isNews = previous === undefined || readinessOf(object) !== readinessOf(previous);
    if (isNews) queue.add(PASS);
    else see(object, clock.now());
  });
  leaseInformer.onChange(({ object }) => {
    const node = nodes.get(object.metadata.name);
    if (node !== undefined) see(node, clock.now());
  });

  async function reconcile(key: string): Promise<Result> {
    if (key === PASS) return pass();
    const node = nodes.get(key);
    if (node !== undefined) await writeTaints(node, wasFullyDisrupted ? "remove" : "keep");
    return done;
  }

  function see(node: Node, nowMs: number): NodeHealth {
    const { name } = node.metadata;
    const lease = leaseInformer.get(`${NODE_LEASE_NAMESPACE}/${name}`);
    const known = observe(health.get(name), node, lease, nowMs);
    health.set(name, known);
    return known;
  }

  async function pass(): Promise<Result> {
    const nowMs = clock.now();
    if (nowMs > dueMs + SLEPT_MS) for (const name of health.keys()) renew(name, nowMs);
    const all = nodes.list();
    greet(all);
    await Promise.all(all.map((node) => check(node, nowMs)));
    const zones = zonesOf(nodes.list());
    const disrupted = isFullyDisrupted(zones);
    // Who could not be heard because we were cut off gets the whole grace period again.
    if (wasFullyDisrupted && !disrupted) for (const name of health.keys()) renew(name, nowMs);
    if (disrupted !== wasFullyDisrupted)
      logger.warn({ disrupted }, "node lifecycle: whether no node at all can be heard has changed");
    wasFullyDisrupted = disrupted;
    const paced = disrupted ? [] : nodesToGiveUp(nodes.list(), zones, nowMs);
    await Promise.all(paced.map((node) => writeTaints(node, "add")));
    if (disrupted)
      await Promise.all(
        nodes
          .list()
          .filter((node) => noExecuteTaintsOf(node).length > 0)
          .map((node) => writeTaints(node, "remove")),
      );
    const waitMs = nextPassInMs(nodes.list(), nowMs);
    dueMs = nowMs + (waitMs ?? 0);
    return waitMs === undefined ? done : requeueAfter(waitMs);
  }

  /** Until the first agent has been silent for too long; undefined without nodes. */
  function nextPassInMs(all: readonly Node[], nowMs: number): number | undefined {
    if (all.length === 0) return undefined;
    let earliestMs = Number.POSITIVE_INFINITY;
    for (const node of all) {
      const known = health.get(node.metadata.name);
      if (known === undefined || noExecuteKey(node) !== undefined) return PASS_MS;
      earliestMs = Math.min(earliestMs, overdueAtMs(known, node));
    }
    return Math.max(PASS_MS, earliestMs - nowMs + 1);
  }

  function renew(name: string, nowMs: number): void {
    const known = health.get(name);
    if (known !== undefined) health.set(name, { ...known, seenMs: nowMs });
  }

  function greet(all: readonly Node[]): void {
    for (const node of all) {
      const { name } = node.metadata;
      if (readiness.has(name) || !isNew(node)) continue;
      const text = `Node ${name} event: Registered Node ${name} in Controller`;
      events.record(node, "Normal", "RegisteredNode", text);
    }
  }

  /** Told once for each Node, not once for each start of the engine. */
  function isNew({ metadata: { creationTimestamp = "" } }: Node): boolean {
    return clock.now() - Date.parse(creationTimestamp) < SLEPT_MS;
  }

  /** One node in a pass. */
  async function check(node: Node, nowMs: number): Promise<void> {
    const { name } = node.metadata;
    const before = readiness.has(name) ? readiness.get(name) : readinessOf(node);
    const isOverdue = nowMs > overdueAtMs(see(node, nowMs), node);
    const conditions = isOverdue ? unknownConditions(node, nowMs) : undefined;
    let current = node;
    if (conditions !== undefined) {
      const written = await writeConditions(node, conditions);
      if (written === undefined) return;
      current = written;
    }
    const now = readinessOf(current);
    readiness.set(name, now);
    if (now === "True" || now === undefined) return;
    const isNews = before === "True";
    if (isNews)
      events.record(node, "Normal", "NodeNotReady", `Node ${name} status is now: NodeNotReady`);
    // An agent that is there tells about its pods itself: it is overruled once, not again and again.
    if (isNews || wasLost(current))
      await markNotReady(client, events, podsOnNode(pods, name), nowMs);
  }

  /** Those whose pods may be evicted from now on, as fast as their zone allows. */
  function nodesToGiveUp(
    all: readonly Node[],
    zones: ReturnType<typeof zonesOf>,
    nowMs: number,
  ): Node[] {
    const chosen: Node[] = [];
    for (const node of all) {
      if (noExecuteKey(node) === undefined || noExecuteTaintsOf(node).length > 0) continue;
      const name = zoneOf(node);
      const zone = zones.get(name);
      const rate = zone === undefined ? 0 : evictionRate(zone);
      if (rate === 0 || (nextEvictionMs.get(name) ?? 0) > nowMs) continue;
      nextEvictionMs.set(name, nowMs + 1_000 / rate);
      chosen.push(node);
    }
    return chosen;
  }

  async function writeConditions(
    node: Node,
    conditions: NonNullable<NonNullable<Node["status"]>["conditions"]>,
  ): Promise<Node | undefined> {
    const next = { ...node, status: { ...node.status, conditions } };
    return ignoringRaces(() => client.update(nodeResource, next, { subresource: "status" }));
  }

  async function writeTaints(node: Node, noExecute: "keep" | "add" | "remove"): Promise<void> {
    const taints = plannedTaints(node, noExecute, clock.now());
    if (taints === undefined) return;
    const next = { ...node, spec: { ...node.spec, taints: [...taints] } };
    await ignoringRaces(() => client.update(nodeResource, next));
  }

  return { name: NAME, queue, workers: WORKERS, reconcile };
}

/** Somebody was faster, or the node is gone: the watch, or the next pass, brings it back. */
async function ignoringRaces<T>(write: () => Promise<T>): Promise<T | undefined> {
  try {
    return await write();
  } catch (error) {
    if (isStatus(error, "NotFound", "Conflict")) return undefined;
    throw error;
  }
}
