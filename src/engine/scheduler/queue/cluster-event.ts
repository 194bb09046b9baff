/** What happens in the cluster that may let a waiting pod in. */
import type { NodeState, PlacedPod } from "../node-state.ts";

export type ClusterEvent =
  /** A node is new or changed. */
  | { readonly type: "node"; readonly node: NodeState }
  | { readonly type: "node gone"; readonly node: NodeState }
  /** A pod got a place, or its labels changed. */
  | { readonly type: "pod placed"; readonly pod: PlacedPod }
  /** A pod gave its place back, or its labels changed. */
  | { readonly type: "pod gone"; readonly pod: PlacedPod }
  /** A claim, volume, class or what drivers say about a node. */
  | { readonly type: "volumes" }
  /** Labels of a namespace. */
  | { readonly type: "namespace" };

/** Equal for events that mean the same to every waiting pod. */
export function eventKey(event: ClusterEvent): string {
  switch (event.type) {
    case "node":
    case "node gone":
      return `${event.type} ${event.node.name}`;
    case "pod placed":
      // On which node does not matter to anybody.
      return `${event.type} ${event.pod.info.signature}`;
    case "pod gone":
      return `${event.type} ${event.pod.node.name} ${event.pod.info.signature}`;
    case "volumes":
    case "namespace":
      return event.type;
  }
}
