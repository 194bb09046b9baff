/** What the Job controller reads from a pod. */
import type { Job } from "../../../kube/kinds/job.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";

/** Holds a pod until its end has been counted: nothing is lost or counted twice. */
export const TRACKING_FINALIZER = "batch.kubernetes.io/job-tracking";
/** Which completion an indexed pod is for; the same as annotation and as label. */
export const INDEX_KEY = "batch.kubernetes.io/job-completion-index";

/** How often the index of a pod had failed before the pod was made. */
export const INDEX_FAILURES = "batch.kubernetes.io/job-index-failure-count";

export function isTracked(pod: Pod): boolean {
  return (pod.metadata.finalizers ?? []).includes(TRACKING_FINALIZER);
}

/** Undefined for pods that are not indexed, or whose index is none of the Job's. */
export function indexOf(pod: Pod, completions: number): number | undefined {
  const text = pod.metadata.annotations?.[INDEX_KEY] ?? "";
  if (!/^\d{1,10}$/.test(text)) return undefined;
  const index = Number(text);
  return index < completions ? index : undefined;
}

export type PodState = "active" | "terminating" | "succeeded" | "failed";

/** A pod that is deleted before it ended failed, unless the Job waits for its end to replace it. */
export function stateOf(pod: Pod, { spec }: Job): PodState {
  const { phase } = pod.status ?? {};
  if (phase === "Succeeded") return "succeeded";
  if (phase === "Failed") return "failed";
  if (pod.metadata.deletionTimestamp === undefined) return "active";
  return spec?.podReplacementPolicy === "Failed" ? "terminating" : "failed";
}

/** When its last container ended, else when it was marked failed. Milliseconds. */
export function finishedAtMs(pod: Pod): number {
  const { containerStatuses = [], conditions = [], startTime } = pod.status ?? {};
  const ends = containerStatuses.flatMap(({ state }) => {
    const time = Date.parse(state?.terminated?.finishedAt ?? "");
    return Number.isNaN(time) ? [] : [time];
  });
  if (ends.length > 0) return Math.max(...ends);
  const ready = conditions.find(({ type }) => type === "Ready");
  const fallback = ready?.lastTransitionTime ?? pod.metadata.deletionTimestamp ?? startTime;
  const time = Date.parse(fallback ?? pod.metadata.creationTimestamp ?? "");
  return Number.isNaN(time) ? 0 : time;
}

/** How often its containers were started again. */
export function restartsOf({ status, spec }: Pod): number {
  const sidecars = new Set(
    (spec?.initContainers ?? [])
      .filter(({ restartPolicy }) => restartPolicy === "Always")
      .map(({ name }) => name),
  );
  return [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])]
    .filter(({ name }) => !sidecars.has(name))
    .reduce((sum, { restartCount }) => sum + restartCount, 0);
}
