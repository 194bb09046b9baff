/** What one metric of an autoscaler says: a proposal for the size, and its line in the status. */
import type {
  ContainerResourceMetricSource,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
} from "kubernetes-types/autoscaling/v2";
import { parseTime } from "../../../client/timestamps.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import type { PodMetrics, Usage } from "../../../kube/pod-metrics.ts";
import { formatQuantity, parseQuantity, quantityToMilli } from "../../../kube/quantity.ts";
import type { PodReading } from "./group-pods.ts";
import {
  MetricError,
  type MetricGoal,
  type MetricInput,
  NotMeasuredError,
  proposeReplicas,
} from "./replica-calculator.ts";

export interface MetricOutcome {
  readonly replicas: number;
  /** `cpu resource utilization (percentage of request)`: for reasons. */
  readonly name: string;
  readonly status: MetricStatus;
}
export type MetricContext = Omit<MetricInput, "readings" | "isCpu"> & {
  readonly metrics: readonly PodMetrics[];
};

/** Reason of condition and Event for a metric that cannot be told. */
export function failureReason({ type }: MetricSpec): string {
  return `FailedGet${type}Metric`;
}

/** @throws MetricError */
export function readMetric(spec: MetricSpec, context: MetricContext): MetricOutcome {
  const { resource, containerResource } = spec;
  if (resource !== undefined)
    return readResource(resource, undefined, context, (current) => ({
      type: spec.type,
      resource: { name: resource.name, current },
    }));
  if (containerResource !== undefined) {
    const { name, container } = containerResource;
    return readResource(containerResource, container, context, (current) => ({
      type: spec.type,
      containerResource: { name, container, current },
    }));
  }
  const metric = (spec.pods ?? spec.object ?? spec.external)?.metric.name ?? "";
  const api = spec.external === undefined ? "custom.metrics.k8s.io" : "external.metrics.k8s.io";
  throw new MetricError(
    `unable to get metric ${metric}: nothing serves ${api} here; use a metric of type Resource or ContainerResource`,
  );
}

function readResource(
  { name, target }: Pick<ContainerResourceMetricSource, "name" | "target">,
  container: string | undefined,
  context: MetricContext,
  statusOf: (current: MetricValueStatus) => MetricStatus,
): MetricOutcome {
  const goal = goalOf(name, target, container);
  const readings = readingsOf(name, container, context);
  if (readings.size === 0)
    throw new NotMeasuredError(
      `unable to get metrics for resource ${name}: no metrics returned from resource metrics API`,
    );
  const proposal = proposeReplicas({ ...context, readings, isCpu: name === "cpu" }, goal);
  const { averageUtilization } = proposal;
  const prefix = container === undefined ? `${name} resource` : `${name} container resource`;
  return {
    replicas: proposal.replicas,
    name: "utilization" in goal ? `${prefix} utilization (percentage of request)` : prefix,
    status: statusOf({
      averageValue: formatAverage(name, proposal.averageValue),
      ...(averageUtilization === undefined ? {} : { averageUtilization }),
    }),
  };
}

function goalOf(name: string, target: MetricTarget, container: string | undefined): MetricGoal {
  if (target.averageValue !== undefined) return { average: milli(target.averageValue) };
  return {
    utilization: target.averageUtilization ?? 0,
    requestOf: (pod) => requestOf(pod, name, container),
  };
}

/** By pod name, in thousandths. Pods of which a container was not measured are missing. */
function readingsOf(
  name: string,
  container: string | undefined,
  { metrics, pods }: MetricContext,
): Map<string, PodReading> {
  const selected = new Set(pods.map(({ metadata }) => metadata.name));
  const readings = new Map<string, PodReading>();
  for (const measured of metrics) {
    if (!selected.has(measured.metadata.name)) continue;
    const used = measured.containers.filter(
      (one) => container === undefined || one.name === container,
    );
    const values = used.map(({ usage }) => (isMeasured(name) ? milli(usage[name]) : undefined));
    if (values.length === 0 || values.includes(undefined)) continue;
    readings.set(measured.metadata.name, {
      value: values.reduce<number>((sum, value) => sum + (value ?? 0), 0),
      atMs: parseTime(measured.timestamp) ?? 0,
      windowMs: Number.parseFloat(measured.window) * 1000,
    });
  }
  return readings;
}

function isMeasured(name: string): name is keyof Usage {
  return name === "cpu" || name === "memory";
}

/** @throws MetricError when a container that counts asks for none */
function requestOf(
  { metadata, spec }: Pod,
  resource: string,
  container: string | undefined,
): number {
  const counted = [
    ...(spec?.containers ?? []),
    // Those that run beside the others.
    ...(spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always"),
  ].filter(({ name }) => container === undefined || name === container);
  if (container !== undefined && counted.length === 0)
    throw new MetricError(`container ${container} not found in Pod ${metadata.name}`);
  return counted.reduce((sum, { name, resources }) => {
    const request = resources?.requests?.[resource];
    if (request === undefined)
      throw new MetricError(
        `missing request for ${resource} in container ${name} of Pod ${metadata.name}`,
      );
    return sum + milli(request);
  }, 0);
}

const milli = (quantity: string): number => Number(quantityToMilli(parseQuantity(quantity)));

/** Memory to the KiB: nobody compares bytes. */
function formatAverage(name: string, value: number): string {
  if (name !== "memory")
    return formatQuantity({ nanos: BigInt(Math.round(value)) * 1_000_000n, format: "DecimalSI" });
  const kibibytes = BigInt(Math.round(value / 1000 / 1024));
  return formatQuantity({ nanos: kibibytes * 1024n * 1_000_000_000n, format: "BinarySI" });
}
