/** Nodes and pods for scheduler tests. */
import { ClusterState } from "../../../src/engine/scheduler/cluster-state.ts";
import type { Cycle } from "../../../src/engine/scheduler/framework.ts";
import type { NodeState } from "../../../src/engine/scheduler/node-state.ts";
import { type Choice, pickNode, type Plugins } from "../../../src/engine/scheduler/pick-node.ts";
import { PodInfo } from "../../../src/engine/scheduler/pod-info.ts";
import { pluginsOf } from "../../../src/engine/scheduler/profile-plugins.ts";
import type { VolumeCatalog } from "../../../src/engine/scheduler/volumes/volume-catalog.ts";
import { noWorkloads } from "../../../src/engine/scheduler/workload-selectors.ts";
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
export function pod(
  spec: Partial<NonNullable<Pod["spec"]>> = {},
  name = "web-0",
  labels: Record<string, string> = {},
): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace: "default", name, uid: `uid-${uids++}`, labels },
    spec: { containers: [{ name: "web", image: "x" }], ...spec },
  };
}
export const requesting = (requests: Record<string, string>): Pod =>
  pod({ containers: [{ name: "web", image: "x", resources: { requests } }] });

export const cycleOf = (made: Pod, cluster: ClusterState): Cycle => ({
  uid: made.metadata.uid ?? "",
  info: new PodInfo(made),
  cluster,
});

/** A cluster in which nobody has a claim. */
export const emptyCatalog: VolumeCatalog = {
  claim: () => undefined,
  volume: () => undefined,
  volumesOfClass: () => [],
  storageClass: () => undefined,
  driver: () => undefined,
  csiNode: () => undefined,
  capacitiesOfClass: () => [],
  promisedTo: () => undefined,
};
export const plugins: Plugins = pluginsOf({ schedulerName: "test" }, emptyCatalog, noWorkloads);

/** The name of the chosen node, or the reasons by node. */
export function choose(
  made: Pod,
  state: ClusterState,
  options: Parameters<typeof pickNode>[2] = {},
): string | Record<string, readonly string[]> {
  return shown(pickNode(plugins, cycleOf(made, state), options));
}
export function shown(choice: Choice): string | Record<string, readonly string[]> {
  if ("node" in choice) return choice.node.name;
  const { byNode, everywhere } = choice.diagnosis;
  if (everywhere !== undefined) return { "*": [everywhere.message] };
  return Object.fromEntries([...byNode].map(([{ name }, { reasons }]) => [name, reasons]));
}

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
