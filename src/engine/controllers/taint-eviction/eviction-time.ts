/** When a pod has to leave a node for its `NoExecute` taints, pure: pkg/controller/tainteviction. */
import type { Taint, Toleration } from "kubernetes-types/core/v1";
import { tolerates } from "../../scheduler/tolerations.ts";

/** How long the pod may stay; 0: not at all; undefined: as long as it likes. */
export function toleratedMs(
  taints: readonly Taint[],
  tolerations: readonly Toleration[],
): number | undefined {
  let shortest: number | undefined;
  for (const taint of taints) {
    if (taint.effect !== "NoExecute") continue;
    const used = tolerations.find((toleration) => tolerates([toleration], taint));
    if (used === undefined) return 0;
    const { tolerationSeconds } = used;
    if (tolerationSeconds === undefined) continue;
    const ms = Math.max(0, tolerationSeconds * 1_000);
    shortest = shortest === undefined ? ms : Math.min(shortest, ms);
  }
  return shortest;
}
