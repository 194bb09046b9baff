/** Which pods a term of pod affinity or a spread constraint means. Pure. */
import type { LabelSelector } from "kubernetes-types/meta/v1";
import {
  formatLabelSelector,
  type LabelRequirement,
  type Labels,
  matchesLabels,
  type Selector,
  selectorOf,
} from "../../../kube/label-selector.ts";

/** The labels of a namespace, by its name. */
export type NamespaceLabels = (namespace: string) => Labels;

export interface PodGroup {
  /** The same for groups that mean the same. */
  readonly key: string;
  readonly selector: Selector;
  readonly namespaces: readonly string[];
  /** Namespaces beyond those named. */
  readonly namespaceSelector: Selector;
}
export interface Grouped {
  readonly namespace: string;
  readonly labels: Labels;
}

export function podGroup(
  selector: Selector,
  namespaces: readonly string[],
  namespaceSelector: Selector = "nothing",
): PodGroup {
  const sorted = namespaces.toSorted();
  const key = JSON.stringify([
    sorted,
    selector === "nothing" ? null : formatLabelSelector(selector),
    namespaceSelector === "nothing" ? null : formatLabelSelector(namespaceSelector),
  ]);
  return { key, selector, namespaces: sorted, namespaceSelector };
}

/**
 * A selector, and the values that a pod itself has of some labels: in `same`, pods of the group
 * have the same value; in `other`, they have not. Labels that the pod lacks are left out.
 */
export function selectorAbout(
  labelSelector: LabelSelector | undefined,
  labels: Labels,
  keys: { readonly same?: readonly string[]; readonly other?: readonly string[] },
): Selector {
  const selector = selectorOf(labelSelector);
  if (selector === "nothing") return selector;
  const more = (names: readonly string[] = [], operator: "in" | "notin"): LabelRequirement[] =>
    names.flatMap((key) => {
      const value = labels[key];
      return value === undefined ? [] : [{ key, operator, values: [value] }];
    });
  return [...selector, ...more(keys.same, "in"), ...more(keys.other, "notin")];
}

export function belongs(
  group: PodGroup,
  { namespace, labels }: Grouped,
  namespaceLabels: NamespaceLabels,
): boolean {
  return (
    (group.namespaces.includes(namespace) ||
      matchesLabels(group.namespaceSelector, namespaceLabels(namespace))) &&
    matchesLabels(group.selector, labels)
  );
}
