/** What a pod asks of a node, worked out once per pod. Pure. */
import type { Container, PodSpec, Toleration } from "kubernetes-types/core/v1";
import type { Pod } from "../../kube/kinds/pod.ts";
import {
  addResources,
  maxResources,
  NOTHING,
  parseResources,
  type Resources,
} from "./resources.ts";

export interface HostPort {
  readonly protocol: string;
  /** `0.0.0.0` for all addresses. */
  readonly hostIP: string;
  readonly port: number;
}
export interface PodRequests {
  readonly resources: Resources;
  /** For scores: containers without requests count as small, not as nothing. */
  readonly scored: { readonly milliCpu: number; readonly memoryBytes: number };
  readonly hostPorts: readonly HostPort[];
  readonly tolerations: readonly Toleration[];
}

/** Upstream's stand-ins for containers that ask for nothing (pkg/scheduler/util/pod_resources.go). */
const DEFAULT_MILLI_CPU = 100;
const DEFAULT_MEMORY_BYTES = 200 * 1024 * 1024;
const NO_TOLERATIONS: readonly Toleration[] = [];

export function podRequests(pod: Pod): PodRequests {
  const spec = pod.spec ?? { containers: [] };
  return {
    resources: effective(spec, requestsOf),
    scored: effective(spec, scoredRequestsOf),
    hostPorts: [...spec.containers, ...(spec.initContainers ?? []).filter(isSidecar)].flatMap(
      hostPortsOf,
    ),
    tolerations: spec.tolerations ?? NO_TOLERATIONS,
  };
}

/**
 * Main containers and sidecars run together; each init container runs with the sidecars that were
 * started before it. What the pod needs is the largest of these moments (KEP-753), and overhead.
 */
function effective(spec: PodSpec, requests: (container: Container) => Resources): Resources {
  let running = NOTHING;
  let peak = NOTHING;
  for (const container of spec.initContainers ?? []) {
    const moment = addResources(running, requests(container));
    if (isSidecar(container)) running = moment;
    peak = maxResources(peak, moment);
  }
  for (const container of spec.containers) running = addResources(running, requests(container));
  return addResources(maxResources(peak, running), parseResources(spec.overhead));
}

const isSidecar = (container: Container): boolean => container.restartPolicy === "Always";

const requestsOf = (container: Container): Resources =>
  parseResources(container.resources?.requests);

function scoredRequestsOf(container: Container): Resources {
  const { cpu, memory } = container.resources?.requests ?? {};
  const { milliCpu, memoryBytes } = requestsOf(container);
  return {
    milliCpu: cpu === undefined ? DEFAULT_MILLI_CPU : milliCpu,
    memoryBytes: memory === undefined ? DEFAULT_MEMORY_BYTES : memoryBytes,
    others: {},
  };
}

const hostPortsOf = ({ ports = [] }: Container): HostPort[] =>
  ports.flatMap(({ protocol = "TCP", hostIP = "", hostPort = 0 }) =>
    hostPort === 0
      ? []
      : [{ protocol, hostIP: hostIP === "" ? EVERY_ADDRESS : hostIP, port: hostPort }],
  );

const EVERY_ADDRESS = "0.0.0.0";

/** Whether one keeps the other from being had. */
export function portsClash(a: HostPort, b: HostPort): boolean {
  return (
    a.port === b.port &&
    a.protocol === b.protocol &&
    (a.hostIP === b.hostIP || isEvery(a) || isEvery(b))
  );
}
const isEvery = ({ hostIP }: HostPort): boolean => hostIP === EVERY_ADDRESS || hostIP === "::";
