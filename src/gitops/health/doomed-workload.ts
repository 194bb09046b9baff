/**
 * A workload that is still progressing, as its controller sees it, but whose pods will never
 * become healthy: Degraded at once, with the reason, rather than when a deadline has passed.
 */
import type { KubeObject } from "../../kube/object.ts";
import { degraded, type Health } from "./health.ts";
import type { HealthContext } from "./health-context.ts";
import { podTrouble } from "./pod-trouble.ts";

/** Undefined: none of its pods is in trouble, or the object has no pods. */
export function doomedBy(workload: KubeObject, context: HealthContext): Health | undefined {
  for (const pod of context.podsOf?.(workload) ?? []) {
    // A pod on its way out is being replaced already.
    if (pod.metadata.deletionTimestamp !== undefined) continue;
    const trouble = podTrouble(pod, context.nowMs);
    if (trouble !== undefined) return degraded(`pod ${pod.metadata.name}: ${trouble.message}`);
  }
  return undefined;
}
