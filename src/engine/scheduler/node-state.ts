/** A node as the scheduler sees it: what it has and what pods on it, bound or assumed, take. */
import type { Taint } from "kubernetes-types/core/v1";
import type { Node } from "../../kube/kinds/node.ts";
import type { HostPort, PodRequests } from "./pod-requests.ts";
import { addResources, NOTHING, parseResources, type Resources } from "./resources.ts";

const DEFAULT_MAX_PODS = 110;

export class NodeState {
  readonly name: string;
  labels: Readonly<Record<string, string>> = {};
  taints: readonly Taint[] = [];
  isUnschedulable = false;
  allocatable: Resources = NOTHING;
  maxPods = DEFAULT_MAX_PODS;
  requested: Resources = NOTHING;
  scoredMilliCpu = 0;
  scoredMemoryBytes = 0;
  podCount = 0;
  readonly hostPorts = new Set<HostPort>();
  /** Undefined when only its pods are known: it takes no more. */
  #node: Node | undefined;

  constructor(name: string) {
    this.name = name;
  }

  get isKnown(): boolean {
    return this.#node !== undefined;
  }

  /** True when something changed that may let a pod in. */
  setNode(node: Node | undefined): boolean {
    const before = this.#facts();
    this.#node = node;
    this.labels = node?.metadata.labels ?? {};
    this.taints = node?.spec?.taints ?? [];
    this.isUnschedulable = node?.spec?.unschedulable ?? false;
    const { allocatable = {} } = node?.status ?? {};
    this.allocatable = parseResources(allocatable);
    this.maxPods = Number(allocatable["pods"] ?? DEFAULT_MAX_PODS);
    return before !== this.#facts();
  }

  add(requests: PodRequests): void {
    this.#account(requests, 1);
    for (const port of requests.hostPorts) this.hostPorts.add(port);
  }

  remove(requests: PodRequests): void {
    this.#account(requests, -1);
    for (const port of requests.hostPorts) this.hostPorts.delete(port);
  }

  #account(requests: PodRequests, sign: 1 | -1): void {
    this.requested = addResources(this.requested, requests.resources, sign);
    this.scoredMilliCpu += sign * requests.scored.milliCpu;
    this.scoredMemoryBytes += sign * requests.scored.memoryBytes;
    this.podCount += sign;
  }

  /** Heartbeats change nodes all the time, but none of this. */
  #facts(): string {
    const { labels, taints, isUnschedulable, allocatable, maxPods, isKnown } = this;
    return JSON.stringify([labels, taints, isUnschedulable, allocatable, maxPods, isKnown]);
  }
}
