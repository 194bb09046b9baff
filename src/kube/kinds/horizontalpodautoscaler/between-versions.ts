/**
 * autoscaling/v1 has one target, processor time. What else an autoscaler has is carried in
 * annotations, so that whoever reads and writes it as v1 loses nothing (upstream:
 * pkg/apis/autoscaling/v1/conversion.go, whose annotations have these names).
 */
import type {
  HorizontalPodAutoscalerSpec,
  HorizontalPodAutoscalerStatus,
  MetricSpec,
} from "kubernetes-types/autoscaling/v2";
import type { HorizontalPodAutoscaler as AutoscalerV1 } from "kubernetes-types/autoscaling/v1";
import { isObject, type UnknownObject } from "../../json-object.ts";
import type { KubeObject, Live } from "../../object.ts";
import { validate } from "../../schema/validate.ts";

type V1 = Live<AutoscalerV1>;
type V2 = KubeObject & {
  spec?: HorizontalPodAutoscalerSpec;
  status?: HorizontalPodAutoscalerStatus;
};

const PREFIX = "autoscaling.alpha.kubernetes.io/";
/** Metrics beside the one that v1 has. */
export const OTHER_METRICS = `${PREFIX}metrics`;
const BEHAVIOR = `${PREFIX}behavior`;
const CONDITIONS = `${PREFIX}conditions`;
const CURRENT_METRICS = `${PREFIX}current-metrics`;
const CARRIED = [OTHER_METRICS, BEHAVIOR, CONDITIONS, CURRENT_METRICS];

/** What v1 can say: a share of the requested processor time, if it is the first metric. */
function cpuTarget(metric: MetricSpec | undefined): number | undefined {
  const { resource } = metric ?? {};
  return resource?.name === "cpu" ? resource.target.averageUtilization : undefined;
}

export function autoscalerAsV1(stored: KubeObject): V1 {
  const { spec, status, metadata }: V2 = stored;
  const metrics = spec?.metrics ?? [];
  const target = cpuTarget(metrics[0]);
  const others = target === undefined ? metrics : metrics.slice(1);
  const cpu = status?.currentMetrics?.find(({ resource }) => resource?.name === "cpu");
  const current = cpu?.resource?.current.averageUtilization;
  const annotations = {
    ...metadata.annotations,
    ...(others.length === 0 ? {} : { [OTHER_METRICS]: JSON.stringify(others) }),
    ...carried(BEHAVIOR, spec?.behavior),
    ...carried(CONDITIONS, status?.conditions),
    ...carried(CURRENT_METRICS, status?.currentMetrics),
  };
  return {
    apiVersion: "autoscaling/v1",
    kind: stored.kind ?? "HorizontalPodAutoscaler",
    metadata: Object.keys(annotations).length === 0 ? metadata : { ...metadata, annotations },
    ...(spec === undefined
      ? {}
      : {
          spec: {
            scaleTargetRef: spec.scaleTargetRef,
            maxReplicas: spec.maxReplicas,
            ...(spec.minReplicas === undefined ? {} : { minReplicas: spec.minReplicas }),
            ...(target === undefined ? {} : { targetCPUUtilizationPercentage: target }),
          },
        }),
    ...(status === undefined
      ? {}
      : {
          status: {
            currentReplicas: status.currentReplicas ?? 0,
            desiredReplicas: status.desiredReplicas,
            ...(status.lastScaleTime === undefined ? {} : { lastScaleTime: status.lastScaleTime }),
            ...(status.observedGeneration === undefined
              ? {}
              : { observedGeneration: status.observedGeneration }),
            ...(current === undefined ? {} : { currentCPUUtilizationPercentage: current }),
          },
        }),
  };
}

export function autoscalerFromV1({ kind, metadata, spec, status }: V1): V2 {
  const annotations = metadata.annotations ?? {};
  const { targetCPUUtilizationPercentage: averageUtilization, ...others } = spec ?? {
    maxReplicas: 0,
    scaleTargetRef: { kind: "", name: "" },
  };
  const cpu: MetricSpec = {
    type: "Resource",
    resource: {
      name: "cpu",
      target: {
        type: "Utilization",
        ...(averageUtilization === undefined ? {} : { averageUtilization }),
      },
    },
  };
  const metrics = [
    ...(averageUtilization === undefined ? [] : [cpu]),
    ...(list(annotations[OTHER_METRICS], "MetricSpec") as unknown as MetricSpec[]),
  ];
  const behavior = object(annotations[BEHAVIOR], "HorizontalPodAutoscalerBehavior");
  const rest = Object.entries(annotations).filter(([name]) => !CARRIED.includes(name));
  const { annotations: _, ...identity } = metadata;
  const { currentCPUUtilizationPercentage: _cpu, ...counts } = status ?? { desiredReplicas: 0 };
  return {
    apiVersion: "autoscaling/v2",
    kind: kind ?? "HorizontalPodAutoscaler",
    metadata: rest.length === 0 ? identity : { ...identity, annotations: Object.fromEntries(rest) },
    ...(spec === undefined
      ? {}
      : {
          spec: {
            ...others,
            ...(metrics.length === 0 ? {} : { metrics }),
            ...(behavior === undefined ? {} : { behavior }),
          },
        }),
    ...(status === undefined
      ? {}
      : {
          status: {
            ...counts,
            ...carriedList(
              "conditions",
              annotations[CONDITIONS],
              "HorizontalPodAutoscalerCondition",
            ),
            ...carriedList("currentMetrics", annotations[CURRENT_METRICS], "MetricStatus"),
          },
        }),
  };
}

function carried(name: string, value: object | undefined): Record<string, string> {
  return value === undefined ? {} : { [name]: JSON.stringify(value) };
}
function carriedList(field: string, text: string | undefined, definition: string): UnknownObject {
  return text === undefined ? {} : { [field]: list(text, definition) };
}

const V2 = "io.k8s.api.autoscaling.v2.";

/** What somebody has written there by hand that is no list of such objects is dropped. */
function list(text: string | undefined, definition: string): UnknownObject[] {
  const value = parse(text);
  const items = Array.isArray(value) ? value.filter(isObject) : [];
  return items.filter((item) => validate({ $ref: V2 + definition }, item).length === 0);
}
function object(text: string | undefined, definition: string): UnknownObject | undefined {
  const value = parse(text);
  const isValid = isObject(value) && validate({ $ref: V2 + definition }, value).length === 0;
  return isValid ? value : undefined;
}
function parse(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
