/** The Recreate strategy: all old pods go before the first new one comes. */
import type { ReplicaSet } from "../../../kube/kinds/replicaset.ts";
import { isActive, type Scale } from "./replica-set-state.ts";

export type RecreateStep =
  | { readonly do: "scale-down"; readonly scales: readonly Scale[] }
  | { readonly do: "wait" }
  | { readonly do: "scale-up" };

/** `hasRunningPods`: whether pods of the set are neither gone nor finished. */
export function planRecreate(
  old: readonly ReplicaSet[],
  hasRunningPods: (set: ReplicaSet) => boolean,
): RecreateStep {
  const active = old.filter(isActive);
  if (active.length > 0)
    return { do: "scale-down", scales: active.map((set) => ({ set, replicas: 0 })) };
  return old.some(hasRunningPods) ? { do: "wait" } : { do: "scale-up" };
}
