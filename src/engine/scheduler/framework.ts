/**
 * What plug-ins of the scheduler are. For each pod a plug-in prepares once, then answers node by
 * node. Everything between taking a pod from the queue and giving it a node is synchronous and reads
 * `ClusterState`, which holds still meanwhile; so trying out "what if that pod were gone" is to
 * remove it, ask again and put it back.
 */
import type { ClusterEvent } from "./queue/cluster-event.ts";
import type { ClusterState } from "./cluster-state.ts";
import type { NodeState } from "./node-state.ts";
import type { PodInfo } from "./pod-info.ts";

/** One attempt to find a node for a pod. */
export interface Cycle {
  readonly info: PodInfo;
  readonly uid: string;
  readonly cluster: ClusterState;
}

/** Why a pod cannot run on a node. */
export interface Rejection {
  /** In upstream's words, which people search for. */
  readonly reasons: readonly string[];
  /** The same with figures, for the line about this very node. @default reasons */
  readonly details?: readonly string[];
  /** No pod's leaving would change it: preemption does not help. */
  readonly isFinal?: boolean;
}
export type NodeFilter = (node: NodeState) => Rejection | undefined;
/** The pod cannot run on any node, whatever the node. */
export interface PodRejection {
  readonly everywhere: string;
}

export interface FilterPlugin {
  readonly name: string;
  /** Reads nothing of other nodes and their pods. */
  readonly isLocal: boolean;
  /** Undefined when every node is fine. */
  prepare(cycle: Cycle): NodeFilter | PodRejection | undefined;
  /** Whether a pod that this plug-in rejected may fit after the event. */
  mayHelp(event: ClusterEvent, cycle: Cycle): boolean;
}

export interface ScorePlugin {
  readonly name: string;
  readonly weight: number;
  /** One score from 0 to 100 per node; undefined when all are the same. */
  score(cycle: Cycle, nodes: readonly NodeState[]): readonly number[] | undefined;
}

export const MAX_SCORE = 100;

export const isPodRejection = (
  prepared: NodeFilter | PodRejection | undefined,
): prepared is PodRejection => typeof prepared === "object";

/** For plug-ins that look at one node only: does it fit there now? */
export function fitsNow(plugin: FilterPlugin, cycle: Cycle, node: NodeState): boolean {
  const prepared = plugin.prepare(cycle);
  if (prepared === undefined) return true;
  return isPodRejection(prepared) ? false : prepared(node) === undefined;
}
