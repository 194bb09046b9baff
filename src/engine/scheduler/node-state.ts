/** A node as the scheduler sees it: what it has and what pods on it, bound or assumed, take. */
import type { Taint } from "kubernetes-types/core/v1";
import { deepEqual } from "../../kube/equality.ts";
import type { Labels } from "../../kube/label-selector.ts";
import type { Node } from "../../kube/kinds/node.ts";
import type { PodInfo } from "./pod-info.ts";
import type { HostPort, PodRequests } from "./pod-requests.ts";
import { addResources, NOTHING, parseResources, type Resources } from "./resources.ts";

/** A pod that has a node, bound or assumed: as little of it as later choices need. */
export interface PlacedPod {
  readonly uid: string;
  readonly name: string;
  readonly info: PodInfo;
  readonly labels: Labels;
  readonly node: NodeState;
  /** RFC 3339; empty until the node agent has begun. */
  readonly startTime: string;
  /** It is being deleted. */
  readonly isTerminating: boolean;
}

const DEFAULT_MAX_PODS = 110;
const NO_LABELS: Labels = {};

/** What changed about a node, as far as it matters to where pods can go. */
export interface NodeChange {
  /** Labels, taints, room or the node itself. */
  readonly changed: boolean;
  readonly relabelled: boolean;
}

export class NodeState {
  readonly name: string;
  labels: Labels = NO_LABELS;
  taints: readonly Taint[] = [];
  isUnschedulable = false;
  allocatable: Resources = NOTHING;
  maxPods = DEFAULT_MAX_PODS;
  requested: Resources = NOTHING;
  scoredMilliCpu = 0;
  scoredMemoryBytes = 0;
  readonly hostPorts = new Set<HostPort>();
  /** By uid. */
  readonly pods = new Map<string, PlacedPod>();
  /** How many pods use a claim, by `namespace/name`. */
  readonly claims = new Map<string, number>();
  /** Undefined when only its pods are known: it takes no more. */
  #node: Node | undefined;

  constructor(name: string) {
    this.name = name;
  }

  get isKnown(): boolean {
    return this.#node !== undefined;
  }
  get podCount(): number {
    return this.pods.size;
  }

  setNode(node: Node | undefined): NodeChange {
    const before = this.#node;
    this.#node = node;
    const relabelled = !deepEqual(before?.metadata.labels, node?.metadata.labels);
    const changed =
      relabelled ||
      (before === undefined) !== (node === undefined) ||
      !deepEqual(before?.spec, node?.spec) ||
      !deepEqual(before?.status?.allocatable, node?.status?.allocatable);
    // Heartbeats change nodes all the time, but none of this.
    if (!changed) return { changed, relabelled };
    this.labels = node?.metadata.labels ?? NO_LABELS;
    this.taints = node?.spec?.taints ?? [];
    this.isUnschedulable = node?.spec?.unschedulable ?? false;
    const { allocatable = {} } = node?.status ?? {};
    this.allocatable = parseResources(allocatable);
    this.maxPods = Number(allocatable["pods"] ?? DEFAULT_MAX_PODS);
    return { changed, relabelled };
  }

  add(pod: PlacedPod): void {
    this.pods.set(pod.uid, pod);
    this.#account(pod.info.requests, 1);
    for (const port of pod.info.requests.hostPorts) this.hostPorts.add(port);
    for (const claim of pod.info.claims) this.claims.set(claim, (this.claims.get(claim) ?? 0) + 1);
  }

  remove(pod: PlacedPod): void {
    if (!this.pods.delete(pod.uid)) return;
    this.#account(pod.info.requests, -1);
    for (const port of pod.info.requests.hostPorts) this.hostPorts.delete(port);
    for (const claim of pod.info.claims) {
      const left = (this.claims.get(claim) ?? 1) - 1;
      if (left === 0) this.claims.delete(claim);
      else this.claims.set(claim, left);
    }
  }

  #account(requests: PodRequests, sign: 1 | -1): void {
    this.requested = addResources(this.requested, requests.resources, sign);
    this.scoredMilliCpu += sign * requests.scored.milliCpu;
    this.scoredMemoryBytes += sign * requests.scored.memoryBytes;
  }
}
