/** The parts of a pod that the node agent reads, with shorter names for the upstream types. */
import type { Container, EphemeralContainer, PodSpec } from "kubernetes-types/core/v1";
import type { Pod } from "../../kube/kinds/pod.ts";

export type { Container, PodSpec };

export const specOf = (pod: Pod): PodSpec => pod.spec ?? { containers: [] };
export const initContainersOf = (pod: Pod): readonly Container[] => pod.spec?.initContainers ?? [];
export const containersOf = (pod: Pod): readonly Container[] => pod.spec?.containers ?? [];
/** In the order in which they start. */
export const allContainersOf = (pod: Pod): readonly Container[] => [
  ...initContainersOf(pod),
  ...containersOf(pod),
];
/** Added to the pod while it runs, for debugging: started once, and of no weight for the pod. */
export const ephemeralContainersOf = (pod: Pod): readonly EphemeralContainer[] =>
  pod.spec?.ephemeralContainers ?? [];
/** An init container that keeps running beside the others (KEP-753). */
export const isSidecar = (pod: Pod, container: Container): boolean =>
  container.restartPolicy === "Always" && initContainersOf(pod).includes(container);

export const uidOf = (pod: Pod): string => pod.metadata.uid ?? "";
export const namespaceOf = (pod: Pod): string => pod.metadata.namespace ?? "default";
/** `web-0_default(1234-…)`: how upstream names a pod in messages. */
export const describePod = (pod: Pod): string =>
  `${pod.metadata.name}_${namespaceOf(pod)}(${uidOf(pod)})`;
