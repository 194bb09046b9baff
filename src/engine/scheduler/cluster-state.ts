/**
 * Nodes and what pods take of them. Pods that were just given a node count at once ("assumed"),
 * before their binding has come back through the watch.
 */
import type { Node } from "../../kube/kinds/node.ts";
import type { Pod } from "../../kube/kinds/pod.ts";
import { NodeState } from "./node-state.ts";
import { type PodRequests, podRequests } from "./pod-requests.ts";

interface Placement {
  readonly node: NodeState;
  readonly requests: PodRequests;
}

export class ClusterState {
  readonly #nodes = new Map<string, NodeState>();
  /** By pod uid. */
  readonly #placements = new Map<string, Placement>();
  #schedulable: readonly NodeState[] | undefined;

  /** Nodes that exist, in a stable order. */
  get nodes(): readonly NodeState[] {
    this.#schedulable ??= [...this.#nodes.values()].filter((node) => node.isKnown);
    return this.#schedulable;
  }

  /** True when it may let a pod in. */
  setNode(node: Node): boolean {
    this.#schedulable = undefined;
    return this.#state(node.metadata.name).setNode(node);
  }

  removeNode(name: string): void {
    this.#schedulable = undefined;
    const state = this.#nodes.get(name);
    state?.setNode(undefined);
    if (state?.podCount === 0) this.#nodes.delete(name);
  }

  place(pod: Pod, nodeName: string, requests: PodRequests = podRequests(pod)): void {
    const uid = pod.metadata.uid ?? "";
    const before = this.#placements.get(uid);
    if (before?.node.name === nodeName) return;
    if (before !== undefined) this.free(uid);
    const node = this.#state(nodeName);
    node.add(requests);
    this.#placements.set(uid, { node, requests });
  }

  /** Gives back the pod's place (only one on `nodeName`, when given). True when it held one. */
  free(uid: string, nodeName?: string): boolean {
    const placement = this.#placements.get(uid);
    if (placement === undefined || (nodeName ?? placement.node.name) !== placement.node.name)
      return false;
    placement.node.remove(placement.requests);
    this.#placements.delete(uid);
    return true;
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
