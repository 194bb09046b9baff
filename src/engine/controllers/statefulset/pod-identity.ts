/** Who a pod of a StatefulSet is: its ordinal, and what follows from it. */
import type { Pod } from "../../../kube/kinds/pod.ts";
import type { StatefulSet } from "../../../kube/kinds/statefulset.ts";
import { REVISION_HASH } from "../controller-revision/revision-data.ts";

const POD_NAME_LABEL = "statefulset.kubernetes.io/pod-name";
const POD_INDEX_LABEL = "apps.kubernetes.io/pod-index";

export function podName(set: StatefulSet, ordinal: number): string {
  return `${set.metadata.name}-${ordinal}`;
}

/** Undefined for a pod whose name is none of the set's. */
export function ordinalOf(set: StatefulSet, pod: Pod): number | undefined {
  const prefix = `${set.metadata.name}-`;
  if (!pod.metadata.name.startsWith(prefix)) return undefined;
  const text = pod.metadata.name.slice(prefix.length);
  return /^(0|[1-9]\d{0,9})$/.test(text) ? Number(text) : undefined;
}

/** Ordinals that the set is to have: `first` up to and without `end`. */
export function ordinalRange({ spec }: StatefulSet): { first: number; end: number } {
  const first = spec?.ordinals?.start ?? 0;
  return { first, end: first + (spec?.replicas ?? 1) };
}

/** The labels by which a pod is found under its own name. */
export function identityLabels(name: string, ordinal: number): Record<string, string> {
  return { [POD_NAME_LABEL]: name, [POD_INDEX_LABEL]: String(ordinal) };
}

export function hasIdentityLabels(set: StatefulSet, pod: Pod): boolean {
  const ordinal = ordinalOf(set, pod);
  if (ordinal === undefined) return true;
  const wanted = identityLabels(pod.metadata.name, ordinal);
  return Object.entries(wanted).every(([key, value]) => pod.metadata.labels?.[key] === value);
}

/** The name of the revision that the pod was made of. */
export function revisionOf({ metadata }: Pod): string {
  return metadata.labels?.[REVISION_HASH] ?? "";
}
