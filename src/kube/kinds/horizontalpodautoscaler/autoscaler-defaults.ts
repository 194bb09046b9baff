/** Defaults that depend on what else is set (upstream: pkg/apis/autoscaling/v2/defaults.go). */
import { isObject, type UnknownObject } from "../../json-object.ts";
import { type Rewrite, withDefaults } from "../rewrite.ts";

/** Where a workload says nothing, it is to use four fifths of the processor time it asks for. */
const DEFAULT_METRICS = [
  {
    type: "Resource",
    resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 80 } },
  },
];

/** Doubles, or adds four, whichever is more, every 15 s. */
const SCALE_UP = {
  stabilizationWindowSeconds: 0,
  selectPolicy: "Max",
  policies: [
    { type: "Pods", value: 4, periodSeconds: 15 },
    { type: "Percent", value: 100, periodSeconds: 15 },
  ],
};
/** As far down as the highest recommendation of its window allows, which is the controller's own. */
const SCALE_DOWN = {
  selectPolicy: "Max",
  policies: [{ type: "Percent", value: 100, periodSeconds: 15 }],
};

export const AUTOSCALER_DEFAULTS: readonly Rewrite[] = [
  ["spec", (spec) => (hasMetrics(spec) ? spec : { ...spec, metrics: DEFAULT_METRICS })],
  [
    "spec.behavior",
    (behavior) => ({
      ...behavior,
      scaleUp: rules(behavior["scaleUp"], SCALE_UP),
      scaleDown: rules(behavior["scaleDown"], SCALE_DOWN),
    }),
  ],
];

/** The rules of a behavior, those of one that is not there included. */
export function rules(given: unknown, defaults: UnknownObject): UnknownObject {
  return withDefaults(isObject(given) ? given : {}, defaults);
}

function hasMetrics({ metrics }: UnknownObject): boolean {
  return Array.isArray(metrics) ? metrics.length > 0 : metrics !== undefined;
}

export { SCALE_DOWN as DEFAULT_SCALE_DOWN, SCALE_UP as DEFAULT_SCALE_UP };
