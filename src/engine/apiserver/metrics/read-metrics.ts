/** `metrics.k8s.io`: pods and nodes with what they use, as metrics-server serves them. */
import { formatTime } from "../../../client/timestamps.ts";
import { type Node, nodes as nodeResource } from "../../../kube/kinds/node.ts";
import { type Pod, pods as podResource } from "../../../kube/kinds/pod.ts";
import {
  nodeMetrics,
  type NodeMetrics,
  type PodMetrics,
  podMetrics,
} from "../../../kube/pod-metrics.ts";
import { apiVersionOf, deepFreeze, type KubeObject } from "../../../kube/object.ts";
import { StatusError } from "../../../kube/status-error.ts";
import type { Backend } from "../backend.ts";
import { type Encoded, encodeLazily } from "../encoded.ts";
import { compileSelection, type SelectionOptions } from "../selection.ts";
import type { ServedKind } from "../registry.ts";
import type { Target } from "../target.ts";
import type { NodeMeasurement } from "../node-connection.ts";
import type { Measurements } from "./usage-reader.ts";
import { baseOf, formatWindow, sumOf, type UsageInWindow, usageOf } from "./usage-window.ts";

interface MeasuredList extends SelectionOptions {
  readonly kind: ServedKind;
  readonly namespace?: string | undefined;
}
interface Measured {
  readonly items: readonly Encoded[];
  /** Empty: what is measured has no revision. */
  readonly resourceVersion: "";
}

/** Throws 404 where nothing was measured, as for a pod that does not run. */
export async function getMetrics(backend: Backend, request: Target): Promise<Encoded> {
  const { kind, namespace, name } = request;
  const found = (await measured(backend, kind.kind === podMetrics, namespace)).find(
    ({ metadata }) => metadata.name === name,
  );
  if (found === undefined) throw StatusError.notFound(kind.kind, name);
  return encodeLazily(deepFreeze(found));
}

export async function listMetrics(backend: Backend, request: MeasuredList): Promise<Measured> {
  const { kind, namespace } = request;
  const selection = compileSelection(kind.kind, request);
  const all = await measured(backend, kind.kind === podMetrics, namespace);
  return {
    items: all
      .filter((object) => selection.matches(object))
      .map((object) => encodeLazily(deepFreeze(object))),
    resourceVersion: "",
  };
}

async function measured(
  backend: Backend,
  ofPods: boolean,
  namespace: string | undefined,
): Promise<KubeObject[]> {
  const { store, usage } = backend;
  const byNode = new Map<string, Pod[]>();
  for (const { object } of store.list(podResource).items) {
    const pod = object as Pod;
    if (pod.status?.phase !== "Running" || pod.spec?.nodeName === undefined) continue;
    const others = byNode.get(pod.spec.nodeName);
    if (others === undefined) byNode.set(pod.spec.nodeName, [pod]);
    else others.push(pod);
  }
  const readings = await usage.read((nodeName) => byNode.get(nodeName) ?? []);
  const nowMs = backend.clock.now();
  if (!ofPods)
    return store.list(nodeResource).items.flatMap(({ object }) => {
      return nodeOf(object as Node, readings.get(object.metadata.name), nowMs);
    });
  return [...readings].flatMap(([nodeName, measurements]) =>
    (byNode.get(nodeName) ?? [])
      .filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace)
      .flatMap((pod) => podOf(pod, measurements, nowMs)),
  );
}

function nodeOf(node: Node, measurements: Measurements | undefined, nowMs: number): NodeMetrics[] {
  const [newest] = measurements ?? [];
  if (measurements === undefined || newest === undefined) return [];
  const base = baseOf(measurements);
  const { usage, windowMs } =
    newest.node === undefined
      ? sumOf(newest.containers.map((counter) => containerUsage(counter, newest, base)))
      : usageOf(newest.node, newest.atMs, base?.node, base?.atMs ?? 0);
  const { name, labels } = node.metadata;
  return [
    {
      apiVersion: apiVersionOf(nodeMetrics),
      kind: nodeMetrics.kind,
      metadata: {
        name,
        creationTimestamp: formatTime(nowMs),
        ...(labels === undefined ? {} : { labels }),
      },
      timestamp: formatTime(newest.atMs),
      window: formatWindow(windowMs),
      usage,
    },
  ];
}

/** Nothing until every container of the pod that runs was measured. */
function podOf(pod: Pod, measurements: Measurements, nowMs: number): PodMetrics[] {
  const [newest] = measurements;
  const { uid = "", name, namespace, labels } = pod.metadata;
  const counters = newest?.containers.filter(({ podUid }) => podUid === uid) ?? [];
  if (newest === undefined || counters.length === 0) return [];
  const base = baseOf(measurements);
  const used = counters.map((counter) => ({
    name: counter.name,
    ...containerUsage(counter, newest, base),
  }));
  return [
    {
      apiVersion: apiVersionOf(podMetrics),
      kind: podMetrics.kind,
      metadata: {
        name,
        creationTimestamp: formatTime(nowMs),
        ...(namespace === undefined ? {} : { namespace }),
        ...(labels === undefined ? {} : { labels }),
      },
      timestamp: formatTime(newest.atMs),
      window: formatWindow(Math.min(...used.map(({ windowMs }) => windowMs))),
      containers: used.map(({ name: container, usage }) => ({ name: container, usage })),
    },
  ];
}

function containerUsage(
  counter: NodeMeasurement["containers"][number],
  newest: NodeMeasurement,
  base: NodeMeasurement | undefined,
): UsageInWindow {
  const before = base?.containers.find(
    ({ podUid, name }) => podUid === counter.podUid && name === counter.name,
  );
  return usageOf(counter, newest.atMs, before, base?.atMs ?? 0);
}
