/** Whether a pod puts up with a node's taints, pure. */
import type { Taint, Toleration } from "kubernetes-types/core/v1";

export function tolerates(tolerations: readonly Toleration[], taint: Taint): boolean {
  return tolerations.some(({ key = "", operator = "Equal", value = "", effect = "" }) => {
    if (effect !== "" && effect !== taint.effect) return false;
    if (key !== "" && key !== taint.key) return false;
    // No key with Exists stands for every taint.
    if (operator === "Exists") return true;
    return key !== "" && value === (taint.value ?? "");
  });
}

/** The first taint that keeps the pod off the node. */
export function untoleratedTaint(
  tolerations: readonly Toleration[],
  taints: readonly Taint[],
): Taint | undefined {
  return taints.find(
    (taint) => taint.effect !== "PreferNoSchedule" && !tolerates(tolerations, taint),
  );
}
