/** Which pods nobody else will clean up, pure: pkg/controller/podgc. */
import { isConditionTrue } from "../../../kube/conditions.ts";
import type { Node } from "../../../kube/kinds/node.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import { OUT_OF_SERVICE } from "../node-lifecycle/node-taints.ts";

/** Finished pods beyond it are deleted, oldest first: upstream's number. */
export const TERMINATED_POD_THRESHOLD = 12_500;

const nodeOf = ({ spec }: Pod): string => spec?.nodeName ?? "";
const isTerminating = ({ metadata }: Pod): boolean => metadata.deletionTimestamp !== undefined;

/** Evicted ones first, then by age. */
export function surplusTerminated(
  pods: readonly Pod[],
  threshold = TERMINATED_POD_THRESHOLD,
): readonly Pod[] {
  const finished = pods.filter(
    ({ status }) => status?.phase === "Succeeded" || status?.phase === "Failed",
  );
  const surplus = finished.length - threshold;
  if (surplus <= 0) return [];
  const isEvicted = ({ status }: Pod): boolean =>
    status?.phase === "Failed" && status.reason === "Evicted";
  return finished
    .toSorted(
      (a, b) =>
        Number(isEvicted(b)) - Number(isEvicted(a)) ||
        compareTexts(a.metadata.creationTimestamp, b.metadata.creationTimestamp) ||
        compareTexts(a.metadata.name, b.metadata.name),
    )
    .slice(0, surplus);
}

/** Being deleted on a node that an administrator has declared lost: nobody there will finish it. */
export function onLostNodes(
  pods: readonly Pod[],
  nodeByName: (name: string) => Node | undefined,
): readonly Pod[] {
  return pods.filter((pod) => {
    const node = isTerminating(pod) ? nodeByName(nodeOf(pod)) : undefined;
    return (
      node !== undefined &&
      !isConditionTrue(node.status?.conditions, "Ready") &&
      (node.spec?.taints ?? []).some(({ key }) => key === OUT_OF_SERVICE)
    );
  });
}

/** Being deleted, and never on a node. */
export const unscheduledTerminating = (pods: readonly Pod[]): readonly Pod[] =>
  pods.filter((pod) => isTerminating(pod) && nodeOf(pod) === "");

/** Names of nodes that pods are bound to and that do not exist. */
export function missingNodes(
  pods: readonly Pod[],
  nodeByName: (name: string) => Node | undefined,
): ReadonlySet<string> {
  const missing = new Set<string>();
  for (const pod of pods) {
    const name = nodeOf(pod);
    if (name !== "" && nodeByName(name) === undefined) missing.add(name);
  }
  return missing;
}

const compareTexts = (a = "", b = ""): number => (a < b ? -1 : a > b ? 1 : 0);
