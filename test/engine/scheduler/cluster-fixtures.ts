/** Nodes and pods for scheduler tests. */
import { ClusterState } from "../../../src/engine/scheduler/cluster-state.ts";
import type { Candidate } from "../../../src/engine/scheduler/filters.ts";
import type { NodeState } from "../../../src/engine/scheduler/node-state.ts";
import { podRequests } from "../../../src/engine/scheduler/pod-requests.ts";
import type { Node } from "../../../src/kube/kinds/node.ts";
import type { Pod } from "../../../src/kube/kinds/pod.ts";

export function node(
  name: string,
  overrides: Partial<Pick<Node, "spec">> & {
    readonly labels?: Record<string, string>;
    readonly allocatable?: Record<string, string>;
  } = {},
): Node {
  const { labels = {}, allocatable = {}, spec = {} } = overrides;
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels },
    spec,
    status: { allocatable: { cpu: "4", memory: "8Gi", pods: "110", ...allocatable } },
  };
}

let uids = 0;
export function pod(spec: Partial<NonNullable<Pod["spec"]>> = {}, name = "web-0"): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace: "default", name, uid: `uid-${uids++}` },
    spec: { containers: [{ name: "web", image: "x" }], ...spec },
  };
}
export const requesting = (requests: Record<string, string>): Pod =>
  pod({ containers: [{ name: "web", image: "x", resources: { requests } }] });

export const candidate = (made: Pod): Candidate => ({ pod: made, requests: podRequests(made) });

export function cluster(...nodes: readonly Node[]): ClusterState {
  const state = new ClusterState();
  for (const each of nodes) state.setNode(each);
  return state;
}
export function only(state: ClusterState): NodeState {
  const [first] = state.nodes;
  if (first === undefined) throw new Error("no node");
  return first;
}
