/**
 * The terms of pod affinity that pods with a node carry, equal ones together: a pod that is to be
 * scheduled asks which of them mean it, and on which nodes their carriers are.
 */
import type { NodeState, PlacedPod } from "../node-state.ts";
import { LabelPairIndex } from "./label-pair-index.ts";
import { belongs, type Grouped, type NamespaceLabels, type PodGroup } from "./pod-group.ts";
import type { PodTerm } from "./pod-terms.ts";

/** `keeps off`: required anti-affinity. `attracts`: required affinity. Else a preference's weight. */
export type Pull = "keeps off" | "attracts" | number;
export interface CarriedTerm {
  readonly pull: Pull;
  readonly group: PodGroup;
  readonly topologyKey: string;
  /** Carriers on each node that has any. */
  readonly byNode: ReadonlyMap<NodeState, number>;
}
interface Entry extends CarriedTerm {
  readonly key: string;
  readonly byNode: Map<NodeState, number>;
}

export class CarriedTerms {
  readonly #namespaceLabels: NamespaceLabels;
  readonly #entries = new Map<string, Entry>();
  readonly #index = new LabelPairIndex<Entry>(({ group }) => group.selector);

  constructor(namespaceLabels: NamespaceLabels) {
    this.#namespaceLabels = namespaceLabels;
  }

  add({ info: { terms }, node }: PlacedPod): void {
    for (const term of terms.required) this.#add("attracts", term, node);
    for (const term of terms.requiredAnti) this.#add("keeps off", term, node);
    for (const term of terms.preferred) this.#add(term.weight, term, node);
  }

  remove({ info: { terms }, node }: PlacedPod): void {
    for (const term of terms.required) this.#remove("attracts", term, node);
    for (const term of terms.requiredAnti) this.#remove("keeps off", term, node);
    for (const term of terms.preferred) this.#remove(term.weight, term, node);
  }

  /** Those that mean the pod. */
  *about(pod: Grouped): Generator<CarriedTerm> {
    if (this.#entries.size === 0) return;
    for (const entry of this.#index.candidates(pod.labels))
      if (belongs(entry.group, pod, this.#namespaceLabels)) yield entry;
  }

  #add(pull: Pull, term: PodTerm, node: NodeState): void {
    const key = keyOf(pull, term);
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      const { group, topologyKey } = term;
      entry = { key, pull, group, topologyKey, byNode: new Map() };
      this.#entries.set(key, entry);
      this.#index.add(entry);
    }
    entry.byNode.set(node, (entry.byNode.get(node) ?? 0) + 1);
  }

  #remove(pull: Pull, term: PodTerm, node: NodeState): void {
    const key = keyOf(pull, term);
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    const left = (entry.byNode.get(node) ?? 1) - 1;
    if (left > 0) entry.byNode.set(node, left);
    else entry.byNode.delete(node);
    if (entry.byNode.size > 0) return;
    this.#entries.delete(key);
    this.#index.delete(entry);
  }
}

const keyOf = (pull: Pull, { topologyKey, group }: PodTerm): string =>
  `${pull} ${topologyKey} ${group.key}`;
