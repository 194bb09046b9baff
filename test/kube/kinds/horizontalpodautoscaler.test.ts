import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { horizontalPodAutoscalersV1 } from "../../../src/kube/kinds/horizontalpodautoscaler-v1.ts";
import {
  type HorizontalPodAutoscaler,
  horizontalPodAutoscalers,
} from "../../../src/kube/kinds/horizontalpodautoscaler.ts";

const { strategy, columns } = horizontalPodAutoscalers;
type Spec = NonNullable<HorizontalPodAutoscaler["spec"]>;
const autoscaler = (spec: Partial<Spec> = {}): HorizontalPodAutoscaler => ({
  apiVersion: "autoscaling/v2",
  kind: "HorizontalPodAutoscaler",
  metadata: { name: "web", namespace: "default" },
  spec: {
    scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" },
    maxReplicas: 5,
    ...spec,
  },
});
const cpu = (target: object) =>
  [{ type: "Resource", resource: { name: "cpu", target } }] as unknown as Spec["metrics"] & {};
const errors = (spec: Partial<Spec>): string[] =>
  (strategy.validate?.(autoscaler(spec)) ?? []).map(({ field, detail }) => `${field}: ${detail}`);

describe("an autoscaler", () => {
  test("without metrics wants four fifths of the requested processor time", () => {
    expect(strategy.default?.(autoscaler()).spec?.metrics).toEqual(
      cpu({ type: "Utilization", averageUtilization: 80 }),
    );
  });

  test("with some rules gets the others", () => {
    const { spec } =
      strategy.default?.(autoscaler({ behavior: { scaleUp: { selectPolicy: "Min" } } })) ?? {};
    expect(spec?.behavior).toMatchObject({
      scaleUp: { selectPolicy: "Min", stabilizationWindowSeconds: 0, policies: [{}, {}] },
      scaleDown: { selectPolicy: "Max", policies: [{ type: "Percent", value: 100 }] },
    });
    expect(spec?.behavior?.scaleDown).not.toHaveProperty("stabilizationWindowSeconds");
  });

  test.each<[string, Partial<Spec>, string]>([
    [
      "min above max",
      { minReplicas: 6 },
      "spec.maxReplicas: must be greater than or equal to `minReplicas`",
    ],
    ["no minimum", { minReplicas: 0 }, "spec.minReplicas: must be greater than or equal to 1"],
    ["no maximum", { maxReplicas: 0 }, "spec.maxReplicas: must be greater than 0"],
    [
      "a target without a name",
      { scaleTargetRef: { kind: "Deployment", name: "" } },
      "spec.scaleTargetRef.name: ",
    ],
    [
      "two targets of one metric",
      { metrics: cpu({ type: "Utilization", averageUtilization: 5, averageValue: "1" }) },
      "spec.metrics[0].resource.target.averageValue: may not set both a target raw value and a target utilization",
    ],
    [
      "no target",
      { metrics: cpu({ type: "Utilization" }) },
      "spec.metrics[0].resource.target.averageUtilization: must set either a target raw value or a target utilization",
    ],
    [
      "no source of its type",
      { metrics: [{ type: "Pods" }] },
      "spec.metrics[0].pods: must populate information for the given metric source",
    ],
    [
      "a window beyond an hour",
      {
        behavior: {
          scaleDown: {
            stabilizationWindowSeconds: 3601,
            policies: [{ type: "Pods", value: 1, periodSeconds: 1 }],
          },
        },
      },
      "spec.behavior.scaleDown.stabilizationWindowSeconds: must be less than or equal to 3600",
    ],
    [
      "a period beyond half an hour",
      {
        behavior: { scaleUp: { policies: [{ type: "Pods", value: 1, periodSeconds: 1801 }] } },
      },
      "spec.behavior.scaleUp.policies[0].periodSeconds: must be less than or equal to 1800",
    ],
  ])("with %s is refused", (_, spec, error) => {
    expect(errors(spec)).toContain(error);
  });

  test("shows current and wanted values", () => {
    const targets = columns.find(({ name }) => name === "Targets");
    const shown = (object: HorizontalPodAutoscaler) => targets?.cell(object, { nowMs: 0 });
    const wanted = autoscaler({ metrics: cpu({ type: "Utilization", averageUtilization: 60 }) });
    expect(shown(wanted)).toBe("cpu: <unknown>/60%");
    const current = { averageUtilization: 12, averageValue: "120m" };
    const currentMetrics = [{ type: "Resource", resource: { name: "cpu", current } }];
    expect(shown({ ...wanted, status: { currentMetrics } })).toBe("cpu: 12%/60%");
  });
});

describe("as autoscaling/v1", () => {
  const { storedAs } = horizontalPodAutoscalersV1;
  if (storedAs === undefined) throw new Error("v1 is kept as v2");

  test("its processor time is a field, the rest is carried along", () => {
    const metrics = [
      ...cpu({ type: "Utilization", averageUtilization: 60 }),
      {
        type: "Pods",
        pods: { metric: { name: "hits" }, target: { type: "AverageValue", averageValue: "5" } },
      },
    ];
    const v1 = storedAs.fromStorage(autoscaler({ metrics }));
    expect(v1).toMatchObject({
      apiVersion: "autoscaling/v1",
      spec: { maxReplicas: 5, targetCPUUtilizationPercentage: 60 },
    });
    expect(v1.metadata.annotations).toHaveProperty(["autoscaling.alpha.kubernetes.io/metrics"]);
    expect(storedAs.toStorage(v1)).toEqual(autoscaler({ metrics }));
  });

  test("nothing is lost on the way there and back", () => {
    const value = fc.integer({ min: 1, max: 100 });
    const metric = fc.oneof(
      value.map((averageUtilization) => cpu({ type: "Utilization", averageUtilization })[0]),
      value.map((each) => cpu({ type: "AverageValue", averageValue: `${each}m` })[0]),
    );
    const specs = fc.record(
      {
        minReplicas: value,
        metrics: fc.array(metric, { minLength: 1, maxLength: 3 }),
        behavior: fc.constant({ scaleDown: { selectPolicy: "Disabled" } }),
      },
      { requiredKeys: [] },
    );
    const annotations = fc.dictionary(fc.constantFrom("a", "b/c"), fc.string(), { minKeys: 1 });
    fc.assert(
      fc.property(specs, fc.option(annotations, { nil: undefined }), (spec, notes) => {
        const one = autoscaler(spec as Partial<Spec>);
        const object =
          notes === undefined ? one : { ...one, metadata: { ...one.metadata, annotations: notes } };
        expect(storedAs.toStorage(storedAs.fromStorage(object))).toEqual(object);
      }),
    );
  });

  test("annotations that say nothing sensible are dropped", () => {
    const v1 = storedAs.fromStorage(autoscaler());
    const annotations = {
      "autoscaling.alpha.kubernetes.io/metrics": '[{"type":"Resource","resource":"x"}, 1]',
      "autoscaling.alpha.kubernetes.io/conditions": "{",
      "autoscaling.alpha.kubernetes.io/behavior": "[1]",
    };
    const broken = { ...v1, metadata: { ...v1.metadata, annotations } };
    expect(storedAs.toStorage(broken)).toEqual(autoscaler());
  });
});
