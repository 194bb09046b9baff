/** The terms of a pod's affinity and anti-affinity to other pods, compiled. Pure. */
import type { Affinity, PodAffinityTerm, WeightedPodAffinityTerm } from "kubernetes-types/core/v1";
import { type Labels, selectorOf } from "../../../kube/label-selector.ts";
import { type PodGroup, podGroup, selectorAbout } from "./pod-group.ts";

export interface PodTerm {
  readonly group: PodGroup;
  readonly topologyKey: string;
}
export interface WeightedPodTerm extends PodTerm {
  /** Below 0 for anti-affinity. */
  readonly weight: number;
}
export interface PodTerms {
  readonly required: readonly PodTerm[];
  readonly requiredAnti: readonly PodTerm[];
  readonly preferred: readonly WeightedPodTerm[];
}

const NO_TERMS: PodTerms = { required: [], requiredAnti: [], preferred: [] };

export function podTerms(
  affinity: Affinity | undefined,
  namespace: string,
  labels: Labels,
): PodTerms {
  const { podAffinity, podAntiAffinity } = affinity ?? {};
  if (podAffinity === undefined && podAntiAffinity === undefined) return NO_TERMS;
  const term = (given: PodAffinityTerm): PodTerm => compile(given, namespace, labels);
  const weighted =
    (sign: 1 | -1) =>
    ({ weight, podAffinityTerm }: WeightedPodAffinityTerm): WeightedPodTerm => ({
      ...term(podAffinityTerm),
      weight: sign * weight,
    });
  return {
    required: (podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map(term),
    requiredAnti: (podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map(term),
    preferred: [
      ...(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(weighted(1)),
      ...(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(weighted(-1)),
    ],
  };
}

/** Neither namespaces nor a selector of them: those of the pod's own. */
function compile(term: PodAffinityTerm, namespace: string, labels: Labels): PodTerm {
  const { namespaces = [], namespaceSelector, topologyKey } = term;
  const selector = selectorAbout(term.labelSelector, labels, {
    same: term.matchLabelKeys ?? [],
    other: term.mismatchLabelKeys ?? [],
  });
  const isOwn = namespaces.length === 0 && namespaceSelector === undefined;
  const group = podGroup(selector, isOwn ? [namespace] : namespaces, selectorOf(namespaceSelector));
  return { group, topologyKey };
}
