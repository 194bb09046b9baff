/**
 * What makes a Node simulated, and how the pods on it behave: annotations, so that any client can set
 * them on Nodes, Pods and pod templates. Setting on the pod beats setting on its node.
 */
export const SIMULATION_PREFIX = "simulation.gantry.dev/";

/** On a Node: `"true"` makes it simulated. */
export const SIMULATED_NODE = `${SIMULATION_PREFIX}node`;
/** KWOK's own mark, so that manifests written for it work as they are. */
export const KWOK_NODE = "kwok.x-k8s.io/node";

/** On a Node: what it has, `cpu=32,memory=256Gi,pods=110`. */
export const CAPACITY = `${SIMULATION_PREFIX}capacity`;
/** On a Node: `off` and its agent is silent: no lease, and nothing happens to its pods. */
export const HEARTBEAT = `${SIMULATION_PREFIX}heartbeat`;
/** On a Node: conditions that are wrong with it, `MemoryPressure,NotReady`. */
export const PROBLEMS = `${SIMULATION_PREFIX}problems`;

/** Label of the Nodes that `gantry up --simulated-nodes` keeps. */
export const POOL_LABEL = `${SIMULATION_PREFIX}pool`;

/** On a Pod or its node; `<setting>.<container>` sets it for one container only. */
export const SETTINGS = [
  "start-after",
  "ready-after",
  "run-for",
  "exit-code",
  "waiting",
  "stop-after",
  "log",
  "cpu",
  "memory",
] as const;
export type Setting = (typeof SETTINGS)[number];
