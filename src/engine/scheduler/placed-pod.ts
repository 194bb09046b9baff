/** A pod that has a node, bound or assumed: as little of it as later choices need. */
import type { Labels } from "../../kube/label-selector.ts";
import type { NodeState } from "./node-state.ts";
import type { PodInfo } from "./pod-info.ts";

export interface PlacedPod {
  readonly uid: string;
  readonly name: string;
  readonly info: PodInfo;
  readonly labels: Labels;
  readonly node: NodeState;
  /** RFC 3339; empty until the node agent has begun. */
  readonly startTime: string;
  /** It is being deleted. */
  readonly isTerminating: boolean;
}
