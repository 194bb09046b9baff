/** Which claims the volumes of a pod are. Pure. */
import type { Volume } from "kubernetes-types/core/v1";
import type { Pod } from "../../kube/kinds/pod.ts";

/** The claim behind a volume of a pod; undefined for volumes of other kinds. */
export function claimNameOf(pod: Pod, volume: Volume): string | undefined {
  if (volume.persistentVolumeClaim !== undefined) return volume.persistentVolumeClaim.claimName;
  return volume.ephemeral === undefined ? undefined : `${pod.metadata.name}-${volume.name}`;
}

/** Keys (`namespace/name`) of all claims of a pod. */
export function claimKeysOf(pod: Pod): readonly string[] {
  const keys: string[] = [];
  for (const volume of pod.spec?.volumes ?? []) {
    const name = claimNameOf(pod, volume);
    if (name !== undefined) keys.push(`${pod.metadata.namespace ?? ""}/${name}`);
  }
  return keys;
}

/** Whether a pod is over, so that its volumes are not in use any more. */
export function isOver({ status }: Pod): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}

/** Name of the index of pods by the keys of their claims. */
export const PODS_BY_CLAIM = "storage/claims";
