/** The Node object of a simulated node: what its agent would write. Pure. */
import type { NodeCondition, NodeStatus } from "kubernetes-types/core/v1";
import { formatTime } from "../../client/timestamps.ts";
import { findCondition } from "../../kube/conditions.ts";
import type { Node } from "../../kube/kinds/node.ts";
import { CAPACITY, HEARTBEAT, KWOK_NODE, PROBLEMS, SIMULATED_NODE } from "./annotations.ts";
import { parseCapacity } from "./capacity.ts";

/** A machine of ordinary size, with upstream's number of pods. */
export const DEFAULT_CAPACITY: Readonly<Record<string, string>> = {
  cpu: "32",
  memory: "256Gi",
  "ephemeral-storage": "1Ti",
  pods: "110",
};

export function isSimulated({ metadata: { annotations = {} } }: Node): boolean {
  return annotations[SIMULATED_NODE] === "true" || annotations[KWOK_NODE] === "fake";
}

/** Whether its agent is there at all. */
export const isAlive = ({ metadata: { annotations = {} } }: Node): boolean =>
  annotations[HEARTBEAT] !== "off";

export interface NodeFacts {
  readonly node: Node;
  /** Its own address. */
  readonly address: string;
  readonly nowMs: number;
}

/** Labels that an agent sets and the node lacks; undefined when it has them all. */
export function missingLabels({ metadata }: Node): Readonly<Record<string, string>> | undefined {
  const wanted = {
    "kubernetes.io/hostname": metadata.name,
    "kubernetes.io/os": "linux",
    "kubernetes.io/arch": "amd64",
  };
  const missing = Object.entries(wanted).filter(([key]) => metadata.labels?.[key] === undefined);
  return missing.length === 0 ? undefined : Object.fromEntries(missing);
}

/** The whole status; what somebody else gave the node (capacity, addresses, other conditions) stays. */
export function simulatedStatus({ node, address, nowMs }: NodeFacts): NodeStatus {
  const { status = {}, metadata } = node;
  const asked = parseCapacity(metadata.annotations?.[CAPACITY] ?? "");
  const capacity = { ...DEFAULT_CAPACITY, ...status.capacity, ...asked };
  const allocatable = { ...capacity, ...(asked === undefined ? status.allocatable : undefined) };
  const problems = new Set(problemsOf(node));
  const own = CONDITIONS.map((condition) => {
    const isWrong = problems.has(condition.type === "Ready" ? "NotReady" : condition.type);
    return timed(isWrong ? condition.wrong : condition.right, condition.type, status, nowMs);
  });
  const types = new Set(own.map(({ type }) => type));
  const others = (status.conditions ?? []).filter(({ type }) => !types.has(type));
  return {
    ...status,
    capacity,
    allocatable,
    addresses: status.addresses ?? [
      { type: "InternalIP", address },
      { type: "Hostname", address: metadata.name },
    ],
    conditions: [...own, ...others],
    nodeInfo: status.nodeInfo ?? NODE_INFO,
  };
}

/** What the annotation names; unknown words are left out here and told by {@link nodeProblems}. */
export function problemsOf({ metadata }: Node): readonly string[] {
  const text = metadata.annotations?.[PROBLEMS] ?? "";
  return text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => KNOWN_PROBLEMS.has(word));
}

/** What is wrong with a simulated node's annotations, for an Event. */
export function annotationProblems({ metadata }: Node): readonly string[] {
  const { annotations = {} } = metadata;
  const capacity = annotations[CAPACITY];
  const problems: string[] = [];
  if (capacity !== undefined && parseCapacity(capacity) === undefined)
    problems.push(
      `${CAPACITY}: ${JSON.stringify(capacity)} is not a list such as cpu=32,memory=256Gi,pods=110`,
    );
  for (const word of (annotations[PROBLEMS] ?? "").split(",").map((part) => part.trim()))
    if (word !== "" && !KNOWN_PROBLEMS.has(word))
      problems.push(
        `${PROBLEMS}: ${JSON.stringify(word)} is none of ${[...KNOWN_PROBLEMS].join(", ")}`,
      );
  return problems;
}

type Wording = Pick<NodeCondition, "status" | "reason" | "message">;
interface SimulatedCondition {
  readonly type: string;
  readonly right: Wording;
  readonly wrong: Wording;
}

const CONDITIONS: readonly SimulatedCondition[] = [
  {
    type: "MemoryPressure",
    right: {
      status: "False",
      reason: "KubeletHasSufficientMemory",
      message: "kubelet has sufficient memory available",
    },
    wrong: {
      status: "True",
      reason: "KubeletHasInsufficientMemory",
      message: "kubelet has insufficient memory available",
    },
  },
  {
    type: "DiskPressure",
    right: {
      status: "False",
      reason: "KubeletHasNoDiskPressure",
      message: "kubelet has no disk pressure",
    },
    wrong: {
      status: "True",
      reason: "KubeletHasDiskPressure",
      message: "kubelet has disk pressure",
    },
  },
  {
    type: "PIDPressure",
    right: {
      status: "False",
      reason: "KubeletHasSufficientPID",
      message: "kubelet has sufficient PID available",
    },
    wrong: {
      status: "True",
      reason: "KubeletHasInsufficientPID",
      message: "kubelet has insufficient PID available",
    },
  },
  {
    type: "NetworkUnavailable",
    right: { status: "False", reason: "RouteCreated", message: "the network is simulated" },
    wrong: { status: "True", reason: "NoRouteCreated", message: "the network is simulated" },
  },
  {
    type: "Ready",
    right: {
      status: "True",
      reason: "KubeletReady",
      message: "kubelet is posting ready status",
    },
    wrong: {
      status: "False",
      reason: "KubeletNotReady",
      message: `${PROBLEMS} says so`,
    },
  },
];
const KNOWN_PROBLEMS: ReadonlySet<string> = new Set(
  CONDITIONS.map(({ type }) => (type === "Ready" ? "NotReady" : type)),
);

const NODE_INFO: NonNullable<NodeStatus["nodeInfo"]> = {
  architecture: "amd64",
  bootID: "",
  containerRuntimeVersion: "simulated://1",
  kernelVersion: "simulated",
  kubeProxyVersion: "",
  kubeletVersion: "v1.35.0",
  machineID: "",
  operatingSystem: "linux",
  osImage: "Simulated",
  systemUUID: "",
};

/** A heartbeat that changes nothing else is the lease's business: the time stays with the status. */
function timed(
  wording: Wording,
  type: string,
  { conditions }: NodeStatus,
  nowMs: number,
): NodeCondition {
  const before = findCondition(conditions, type);
  const isSame =
    before?.status === wording.status &&
    before.reason === wording.reason &&
    before.message === wording.message;
  if (isSame) return before;
  const now = formatTime(nowMs);
  const since = before?.status === wording.status ? before.lastTransitionTime : undefined;
  return { type, ...wording, lastHeartbeatTime: now, lastTransitionTime: since ?? now };
}
