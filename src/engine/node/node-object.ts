/** The Node object of this machine: what it has, how it is. Pure. */
import type { NodeCondition, NodeStatus } from "kubernetes-types/core/v1";
import { formatTime } from "../../client/timestamps.ts";
import { findCondition } from "../../kube/conditions.ts";
import type { Node } from "../../kube/kinds/node.ts";

export interface Machine {
  readonly hostname: string;
  /** Cores that this process may use. */
  readonly cpus: number;
  readonly memoryBytes: number;
  /** Size of the file system of the data directory. */
  readonly storageBytes: number;
  /** In Go's words, as node selectors use them: `linux`, `darwin`, `windows`; `amd64`, `arm64`. */
  readonly os: string;
  readonly architecture: string;
  readonly osImage: string;
  readonly kernelVersion: string;
  readonly machineId: string;
  readonly bootId: string;
}
export interface NodeObjectInputs {
  readonly nodeName: string;
  readonly address: string;
  readonly machine: Machine;
  readonly maxPods: number;
  readonly runtime: { readonly name: string; readonly version: string };
  readonly nowMs: number;
  /** As the API has it: labels, taints and transition times of others stay. */
  readonly current?: Node;
}

/** What the API answers to `kubectl version`; agents of one release report the same. */
const KUBELET_VERSION = "v1.35.0";

export function nodeObject(inputs: NodeObjectInputs): Node {
  const { nodeName, machine, current } = inputs;
  const { os, architecture, hostname } = machine;
  return {
    apiVersion: "v1",
    kind: "Node",
    ...current,
    metadata: {
      ...current?.metadata,
      name: nodeName,
      labels: {
        ...current?.metadata.labels,
        "kubernetes.io/hostname": hostname,
        "kubernetes.io/os": os,
        "kubernetes.io/arch": architecture,
        "beta.kubernetes.io/os": os,
        "beta.kubernetes.io/arch": architecture,
      },
    },
    status: nodeStatus(inputs),
  };
}

/** The machine's resources, as quantities. */
export function resourcesOf(machine: Machine, maxPods: number): Record<string, string> {
  return {
    cpu: String(machine.cpus),
    memory: `${Math.floor(machine.memoryBytes / 1024)}Ki`,
    "ephemeral-storage": `${Math.floor(machine.storageBytes / 1024)}Ki`,
    pods: String(maxPods),
  };
}

function nodeStatus(inputs: NodeObjectInputs): NodeStatus {
  const { machine, maxPods, runtime, address, nowMs, current } = inputs;
  const resources = resourcesOf(machine, maxPods);
  return {
    ...current?.status,
    capacity: resources,
    allocatable: resources,
    addresses: [
      { type: "InternalIP", address },
      { type: "Hostname", address: machine.hostname },
    ],
    conditions: CONDITIONS.map((condition) => timed(condition, current, formatTime(nowMs))),
    nodeInfo: {
      architecture: machine.architecture,
      bootID: machine.bootId,
      containerRuntimeVersion: `${runtime.name}://${runtime.version.replace(/^v/, "")}`,
      kernelVersion: machine.kernelVersion,
      kubeProxyVersion: "",
      kubeletVersion: KUBELET_VERSION,
      machineID: machine.machineId,
      operatingSystem: machine.os,
      osImage: machine.osImage,
      systemUUID: machine.machineId,
    },
  };
}

type Condition = Pick<NodeCondition, "type" | "status" | "reason" | "message">;
const CONDITIONS: readonly Condition[] = [
  {
    type: "MemoryPressure",
    status: "False",
    reason: "KubeletHasSufficientMemory",
    message: "kubelet has sufficient memory available",
  },
  {
    type: "DiskPressure",
    status: "False",
    reason: "KubeletHasNoDiskPressure",
    message: "kubelet has no disk pressure",
  },
  {
    type: "PIDPressure",
    status: "False",
    reason: "KubeletHasSufficientPID",
    message: "kubelet has sufficient PID available",
  },
  {
    type: "Ready",
    status: "True",
    reason: "KubeletReady",
    message: "kubelet is posting ready status",
  },
];

function timed(condition: Condition, current: Node | undefined, now: string): NodeCondition {
  const before = findCondition(current?.status?.conditions, condition.type);
  const since = before?.status === condition.status ? before.lastTransitionTime : undefined;
  return { ...condition, lastHeartbeatTime: now, lastTransitionTime: since ?? now };
}
