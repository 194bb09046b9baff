/**
 * How many pods of a group each node has, kept up to date as pods come and go: no pod is looked at
 * again for each pod that is to be scheduled. A counter begins when somebody first asks for it.
 */
import type { NodeState, PlacedPod } from "../node-state.ts";
import { LabelPairIndex } from "./label-pair-index.ts";
import { belongs, type NamespaceLabels, type PodGroup } from "./pod-group.ts";

export interface MatchCounter {
  /** Nodes that have none are absent. */
  readonly byNode: ReadonlyMap<NodeState, number>;
}
interface Counter {
  readonly key: string;
  /** Pods counted belong to all of them. */
  readonly groups: readonly PodGroup[];
  readonly ignoresTerminating: boolean;
  readonly byNode: Map<NodeState, number>;
}

/** Groups asked for at a time; the least recently used goes first and is counted anew when needed. */
const MAX_COUNTERS = 4_096;

export class MatchCounters {
  readonly #pods: ReadonlyMap<string, PlacedPod>;
  readonly #namespaceLabels: NamespaceLabels;
  /** In order of use. */
  readonly #counters = new Map<string, Counter>();
  readonly #index = new LabelPairIndex<Counter>(({ groups }) => groups[0]?.selector ?? "nothing");

  /** `pods` are all that have a node, by uid. */
  constructor(pods: ReadonlyMap<string, PlacedPod>, namespaceLabels: NamespaceLabels) {
    this.#pods = pods;
    this.#namespaceLabels = namespaceLabels;
  }

  /** The counter of pods that belong to every one of the groups. */
  of(
    groups: readonly PodGroup[],
    { ignoresTerminating = false }: { readonly ignoresTerminating?: boolean } = {},
  ): MatchCounter {
    const key = `${ignoresTerminating ? "-" : "+"}${groups.map((group) => group.key).join("")}`;
    const known = this.#counters.get(key);
    if (known !== undefined) {
      this.#counters.delete(key);
      this.#counters.set(key, known);
      return known;
    }
    const counter: Counter = { key, groups, ignoresTerminating, byNode: new Map() };
    for (const pod of this.#pods.values()) if (this.#counts(counter, pod)) change(counter, pod, 1);
    for (const [, oldest] of this.#counters) {
      if (this.#counters.size < MAX_COUNTERS) break;
      this.#drop(oldest);
    }
    this.#counters.set(key, counter);
    this.#index.add(counter);
    return counter;
  }

  add(pod: PlacedPod): void {
    this.#change(pod, 1);
  }
  remove(pod: PlacedPod): void {
    this.#change(pod, -1);
  }

  /** The labels of a namespace changed: who selects by them counts anew. */
  forgetNamespaceSelectors(): void {
    for (const counter of this.#counters.values())
      if (counter.groups.some(({ namespaceSelector: by }) => by !== "nothing" && by.length > 0))
        this.#drop(counter);
  }

  #change(pod: PlacedPod, by: 1 | -1): void {
    if (this.#counters.size === 0) return;
    for (const counter of this.#index.candidates(pod.labels))
      if (this.#counts(counter, pod)) change(counter, pod, by);
  }

  #counts({ groups, ignoresTerminating }: Counter, pod: PlacedPod): boolean {
    if (ignoresTerminating && pod.isTerminating) return false;
    const grouped = { namespace: pod.info.namespace, labels: pod.labels };
    return groups.every((group) => belongs(group, grouped, this.#namespaceLabels));
  }

  #drop(counter: Counter): void {
    this.#counters.delete(counter.key);
    this.#index.delete(counter);
  }
}

function change({ byNode }: Counter, { node }: PlacedPod, by: 1 | -1): void {
  const count = (byNode.get(node) ?? 0) + by;
  if (count <= 0) byNode.delete(node);
  else byNode.set(node, count);
}

/** Pods of the group per value of a node label. */
export function byDomain({ byNode }: MatchCounter, topologyKey: string): Map<string, number> {
  const domains = new Map<string, number>();
  for (const [node, count] of byNode) {
    const domain = node.labels[topologyKey];
    if (domain !== undefined) domains.set(domain, (domains.get(domain) ?? 0) + count);
  }
  return domains;
}
