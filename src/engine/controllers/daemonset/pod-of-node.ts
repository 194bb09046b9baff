/** The pod of a DaemonSet on a node, and which nodes are to have one. Pure. */
import type { PodSpec, PodTemplateSpec, Toleration } from "kubernetes-types/core/v1";
import { type DaemonSet, daemonSets } from "../../../kube/kinds/daemonset.ts";
import type { Node } from "../../../kube/kinds/node.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import { matchesRequired } from "../../scheduler/node-selection.ts";
import { NodeState } from "../../scheduler/node-state.ts";
import { untoleratedTaint } from "../../scheduler/tolerations.ts";
import { REVISION_HASH } from "../controller-revision/revision-data.ts";
import { controllerReference } from "../ownership/owner-reference.ts";

const NODE_NAME_FIELD = "metadata.name";
/** A daemon is part of what makes a node work: it comes before the node does, and stays. */
const TOLERATED: readonly (readonly [key: string, effect: string])[] = [
  ["node.kubernetes.io/not-ready", "NoExecute"],
  ["node.kubernetes.io/unreachable", "NoExecute"],
  ["node.kubernetes.io/disk-pressure", "NoSchedule"],
  ["node.kubernetes.io/memory-pressure", "NoSchedule"],
  ["node.kubernetes.io/pid-pressure", "NoSchedule"],
  ["node.kubernetes.io/unschedulable", "NoSchedule"],
];
const NETWORK_UNAVAILABLE = ["node.kubernetes.io/network-unavailable", "NoSchedule"] as const;

export function podOnNode(
  set: DaemonSet,
  template: PodTemplateSpec,
  node: string,
  hash: string,
): Pod {
  const { metadata = {}, spec = { containers: [] } } = template;
  const { labels, annotations, finalizers } = metadata;
  const { namespace, name } = set.metadata;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "",
      generateName: `${name}-`,
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...labels, [REVISION_HASH]: hash },
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [controllerReference(daemonSets, set)],
    },
    spec: { ...spec, tolerations: tolerationsOf(spec), affinity: affinityTo(node, spec) },
  };
}

/** The scheduler places the pod, so that all else that it looks at counts as for other pods. */
function affinityTo(node: string, { affinity = {} }: PodSpec): NonNullable<PodSpec["affinity"]> {
  const matchFields = [{ key: NODE_NAME_FIELD, operator: "In", values: [node] }];
  return {
    ...affinity,
    nodeAffinity: {
      ...affinity.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] },
    },
  };
}

function tolerationsOf({ tolerations = [], hostNetwork }: PodSpec): Toleration[] {
  const defaults = hostNetwork === true ? [...TOLERATED, NETWORK_UNAVAILABLE] : TOLERATED;
  const added = defaults
    .map(([key, effect]) => ({ key, operator: "Exists", effect }))
    .filter(
      (wanted) =>
        !tolerations.some(
          ({ key, operator, effect }) =>
            key === wanted.key && operator === wanted.operator && effect === wanted.effect,
        ),
    );
  return [...tolerations, ...added];
}

/** The node that the pod is on, or is meant for. */
export function nodeOf({ spec }: Pod): string | undefined {
  if ((spec?.nodeName ?? "") !== "") return spec?.nodeName;
  const required = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  for (const { matchFields = [] } of required?.nodeSelectorTerms ?? [])
    for (const { key, operator, values = [] } of matchFields)
      if (key === NODE_NAME_FIELD && operator === "In" && values.length === 1) return values[0];
  return undefined;
}

export interface Fit {
  /** A pod is to be there. */
  readonly shouldRun: boolean;
  /** One that is there may stay: a taint that came later only keeps new ones away. */
  readonly mayStay: boolean;
}

export function fitOf(set: DaemonSet, node: Node): Fit {
  const spec = set.spec?.template?.spec;
  const state = new NodeState(node.metadata.name);
  state.setNode(node);
  const { nodeName = "" } = spec ?? {};
  if ((nodeName !== "" && nodeName !== state.name) || !matchesRequired(spec, state))
    return { shouldRun: false, mayStay: false };
  const tolerations = tolerationsOf(spec ?? { containers: [] });
  const evicting = state.taints.filter(({ effect }) => effect === "NoExecute");
  return {
    shouldRun: untoleratedTaint(tolerations, state.taints) === undefined,
    mayStay: untoleratedTaint(tolerations, evicting) === undefined,
  };
}
