/** Topology spread constraints of a pod, compiled. Pure. */
import type { TopologySpreadConstraint } from "kubernetes-types/core/v1";
import { type Labels, matchesLabels, type Selector } from "../../../kube/label-selector.ts";
import { type PodGroup, podGroup, selectorAbout } from "./pod-group.ts";

export interface SpreadConstraint {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  readonly group: PodGroup;
  /** The pod is one of those that it wants spread. */
  readonly countsItself: boolean;
  /** Only nodes that the pod's own node selection allows are domains. */
  readonly honorsAffinity: boolean;
  /** Only nodes whose taints the pod tolerates are domains. */
  readonly honorsTaints: boolean;
}
export interface SpreadConstraints {
  /** `DoNotSchedule`. */
  readonly hard: readonly SpreadConstraint[];
  /** `ScheduleAnyway`. */
  readonly soft: readonly SpreadConstraint[];
}

const NO_CONSTRAINTS: SpreadConstraints = { hard: [], soft: [] };

export function spreadConstraints(
  given: readonly TopologySpreadConstraint[] | undefined,
  namespace: string,
  labels: Labels,
): SpreadConstraints {
  if (given === undefined || given.length === 0) return NO_CONSTRAINTS;
  const compiled = (action: string): SpreadConstraint[] =>
    given
      .filter(({ whenUnsatisfiable }) => whenUnsatisfiable === action)
      .map((constraint) => {
        const same = constraint.matchLabelKeys ?? [];
        const selector = selectorAbout(constraint.labelSelector, labels, { same });
        return {
          ...spreadOver(constraint.topologyKey, constraint.maxSkew, selector, namespace, labels),
          minDomains: constraint.minDomains ?? 1,
          honorsAffinity: constraint.nodeAffinityPolicy !== "Ignore",
          honorsTaints: constraint.nodeTaintsPolicy === "Honor",
        };
      });
  return { hard: compiled("DoNotSchedule"), soft: compiled("ScheduleAnyway") };
}

/** What upstream's scheduler wants of pods that say nothing, as far as it goes without cost. */
export function defaultConstraints(
  selector: Selector,
  namespace: string,
  labels: Labels,
): readonly SpreadConstraint[] {
  return [
    spreadOver("kubernetes.io/hostname", 3, selector, namespace, labels),
    spreadOver("topology.kubernetes.io/zone", 5, selector, namespace, labels),
  ];
}

function spreadOver(
  topologyKey: string,
  maxSkew: number,
  selector: Selector,
  namespace: string,
  labels: Labels,
): SpreadConstraint {
  return {
    topologyKey,
    maxSkew,
    minDomains: 1,
    group: podGroup(selector, [namespace]),
    countsItself: matchesLabels(selector, labels),
    honorsAffinity: true,
    honorsTaints: false,
  };
}
