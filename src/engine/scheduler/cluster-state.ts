/**
 * Nodes and what pods take of them. Pods that were just given a node count at once ("assumed"),
 * before their binding has come back through the watch.
 */
import { deepEqual } from "../../kube/equality.ts";
import type { Node } from "../../kube/kinds/node.ts";
import type { Pod } from "../../kube/kinds/pod.ts";
import type { Labels } from "../../kube/label-selector.ts";
import { type NodeChange, NodeState, type PlacedPod } from "./node-state.ts";
import { Nominations } from "./nominations.ts";
import { PodInfo } from "./pod-info.ts";
import { CarriedTerms } from "./topology/carried-terms.ts";
import { MatchCounters } from "./topology/match-counters.ts";
import type { NamespaceLabels } from "./topology/pod-group.ts";

const NO_LABELS: Labels = {};
const noNamespaces: NamespaceLabels = () => NO_LABELS;

export class ClusterState {
  readonly #nodes = new Map<string, NodeState>();
  readonly #placed = new Map<string, PlacedPod>();
  readonly #byPriority = new Map<number, number>();
  readonly #claimUsers = new Map<string, number>();
  #known: readonly NodeState[] | undefined;
  readonly namespaceLabels: NamespaceLabels;
  readonly counters: MatchCounters;
  readonly carried: CarriedTerms;
  readonly nominations = new Nominations();
  /** Pods placed or freed and nodes changed so far: the same number, the same state. */
  version = 0;

  constructor(namespaceLabels: NamespaceLabels = noNamespaces) {
    this.namespaceLabels = namespaceLabels;
    this.counters = new MatchCounters(this.#placed, namespaceLabels);
    this.carried = new CarriedTerms(namespaceLabels);
  }

  /** Nodes that exist, in a stable order. */
  get nodes(): readonly NodeState[] {
    this.#known ??= [...this.#nodes.values()].filter((node) => node.isKnown);
    return this.#known;
  }

  node(name: string): NodeState | undefined {
    return this.#nodes.get(name);
  }
  /** Whether there is such a node, not only pods that say so. */
  has(name: string): boolean {
    return this.#nodes.get(name)?.isKnown === true;
  }
  placed(uid: string): PlacedPod | undefined {
    return this.#placed.get(uid);
  }
  /** Infinity when no pod has a node. */
  get lowestPriority(): number {
    return Math.min(...this.#byPriority.keys());
  }

  setNode(node: Node): NodeChange {
    const state = this.#state(node.metadata.name);
    if (!state.isKnown) this.#known = undefined;
    const change = state.setNode(node);
    if (change.changed) this.version++;
    return change;
  }

  /** The node as it was, when there was one. */
  removeNode(name: string): NodeState | undefined {
    const state = this.#nodes.get(name);
    if (state === undefined) return undefined;
    this.#known = undefined;
    this.version++;
    state.setNode(undefined);
    if (state.podCount === 0) this.#nodes.delete(name);
    return state;
  }

  /** Takes the pod's place, or brings what is known of a placed pod up to date. */
  place(pod: Pod, nodeName: string, info?: PodInfo): PlacedPod {
    const uid = pod.metadata.uid ?? "";
    const before = this.#placed.get(uid);
    const isTerminating =
      pod.metadata.deletionTimestamp !== undefined || before?.isTerminating === true;
    const startTime = pod.status?.startTime ?? "";
    const labels = pod.metadata.labels ?? NO_LABELS;
    if (before !== undefined && before.node.name === nodeName && deepEqual(before.labels, labels)) {
      // What a placed pod asks for cannot change.
      if (before.isTerminating === isTerminating && before.startTime === startTime) return before;
      return this.#replace(before, { ...before, isTerminating, startTime });
    }
    if (before !== undefined) this.remove(before);
    const placed: PlacedPod = {
      uid,
      name: pod.metadata.name,
      info: info ?? new PodInfo(pod),
      labels,
      node: this.#state(nodeName),
      startTime,
      isTerminating,
    };
    this.add(placed);
    return placed;
  }

  /** Gives back the pod's place (only one on `nodeName`, when given). */
  free(uid: string, nodeName?: string): PlacedPod | undefined {
    const placed = this.#placed.get(uid);
    if (placed === undefined || (nodeName ?? placed.node.name) !== placed.node.name)
      return undefined;
    this.remove(placed);
    if (!placed.node.isKnown && placed.node.podCount === 0) this.#nodes.delete(placed.node.name);
    return placed;
  }

  /** It is about to be deleted, known here before the API says so; or that came to nothing. */
  setTerminating(uid: string, isTerminating: boolean): void {
    const placed = this.#placed.get(uid);
    if (placed !== undefined && placed.isTerminating !== isTerminating)
      this.#replace(placed, { ...placed, isTerminating });
  }

  /** How many pods with a node use the claim, a `namespace/name`. */
  usersOfClaim(claim: string): number {
    return this.#claimUsers.get(claim) ?? 0;
  }

  add(pod: PlacedPod): void {
    this.version++;
    this.#placed.set(pod.uid, pod);
    pod.node.add(pod);
    this.counters.add(pod);
    this.carried.add(pod);
    tally(this.#byPriority, pod.info.priority, 1);
    for (const claim of pod.info.claims) tally(this.#claimUsers, claim, 1);
  }

  remove(pod: PlacedPod): void {
    this.version++;
    this.#placed.delete(pod.uid);
    pod.node.remove(pod);
    this.counters.remove(pod);
    this.carried.remove(pod);
    tally(this.#byPriority, pod.info.priority, -1);
    for (const claim of pod.info.claims) tally(this.#claimUsers, claim, -1);
  }

  #replace(before: PlacedPod, next: PlacedPod): PlacedPod {
    this.counters.remove(before);
    this.#placed.set(next.uid, next);
    next.node.pods.set(next.uid, next);
    this.counters.add(next);
    if (before.isTerminating !== next.isTerminating) this.version++;
    return next;
  }

  #state(name: string): NodeState {
    let state = this.#nodes.get(name);
    if (state === undefined) {
      state = new NodeState(name);
      this.#nodes.set(name, state);
    }
    return state;
  }
}

function tally<K>(counts: Map<K, number>, key: K, by: 1 | -1): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count <= 0) counts.delete(key);
  else counts.set(key, count);
}
