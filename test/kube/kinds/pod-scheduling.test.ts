/** Scheduling fields of a pod spec: what is refused, what is completed, what a gated pod may still change. */
import { describe, expect, test } from "vitest";
import { pods } from "../../../src/kube/kinds/pod.ts";
import { completed, type Draft, problems, shown } from "./checked.ts";

const containers = [{ name: "app", image: "web:1" }];
const check = (spec: Draft): string[] => problems(pods, { spec: { containers, ...spec } });
const spread = (rest: Draft): Draft => ({
  topologySpreadConstraints: [
    { maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule", ...rest },
  ],
});
const podAffinity = (term: Draft): Draft => ({
  affinity: {
    podAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: "zone", ...term }],
    },
  },
});
const labelSelector = { matchLabels: { app: "web" } };

describe("refuses", () => {
  test.each<[what: string, spec: Draft, problem: string]>([
    [
      "one gate twice",
      { schedulingGates: [{ name: "a.b/c" }, { name: "a.b/c" }] },
      "spec.schedulingGates[1].name: Duplicate value",
    ],
    [
      "a node for a gated pod",
      { schedulingGates: [{ name: "a.b/c" }], nodeName: "n1" },
      "spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared",
    ],
    [
      "two constraints for one topology and action",
      {
        topologySpreadConstraints: [1, 2].map((maxSkew) => ({
          maxSkew,
          topologyKey: "zone",
          whenUnsatisfiable: "DoNotSchedule",
        })),
      },
      "spec.topologySpreadConstraints[1]: Duplicate value",
    ],
    [
      "keys without a selector that they would add to",
      spread({ matchLabelKeys: ["app"] }),
      "matchLabelKeys: Forbidden: must not be specified when labelSelector is not set",
    ],
    [
      "a key that the selector has already",
      spread({ matchLabelKeys: ["app"], labelSelector }),
      'matchLabelKeys[0]: Invalid value: "app": exists in both matchLabelKeys and labelSelector',
    ],
    [
      "minDomains of what is not required",
      spread({ minDomains: 2, whenUnsatisfiable: "ScheduleAnyway" }),
      "can only use minDomains if whenUnsatisfiable=DoNotSchedule",
    ],
    [
      "an action that there is not",
      spread({ whenUnsatisfiable: "Perhaps" }),
      'whenUnsatisfiable: Unsupported value: "Perhaps"',
    ],
    ["a policy that there is not", spread({ nodeTaintsPolicy: "Maybe" }), "nodeTaintsPolicy"],
    [
      "a key to match and to mismatch",
      podAffinity({ labelSelector, matchLabelKeys: ["team"], mismatchLabelKeys: ["team"] }),
      "exists in both matchLabelKeys and mismatchLabelKeys",
    ],
    [
      "keys of an affinity without a selector",
      podAffinity({ mismatchLabelKeys: ["team"] }),
      "mismatchLabelKeys: Forbidden: must not be specified when labelSelector is not set",
    ],
  ])("%s", (_what, spec, problem) => {
    expect(check(spec)).toEqual([expect.stringContaining(problem)]);
  });
});

test("takes what is complete", () => {
  expect(
    check({
      ...spread({ labelSelector, matchLabelKeys: ["pod-template-hash"], minDomains: 3 }),
      ...podAffinity({ labelSelector, namespaceSelector: {}, matchLabelKeys: ["team"] }),
    }),
  ).toEqual([]);
});

test("a gated pod says so from its creation on", () => {
  const gated = completed(pods, { spec: { containers, schedulingGates: [{ name: "a.b/c" }] } });
  expect(gated.status?.conditions).toEqual([
    {
      type: "PodScheduled",
      status: "False",
      reason: "SchedulingGated",
      message: "Scheduling is blocked due to non-empty scheduling gates",
    },
  ]);
  expect(completed(pods, { spec: { containers } }).status?.conditions).toBeUndefined();
});

test("the pod's own values of matchLabelKeys become part of its terms", () => {
  const made = completed(pods, {
    metadata: { labels: { team: "a", tier: "web" } },
    spec: {
      containers,
      affinity: {
        podAntiAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            {
              weight: 1,
              podAffinityTerm: {
                topologyKey: "zone",
                labelSelector,
                matchLabelKeys: ["team", "absent"],
                mismatchLabelKeys: ["tier"],
              },
            },
          ],
        },
      },
    },
  });
  const [preferred] =
    made.spec?.affinity?.podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  expect(preferred?.podAffinityTerm.labelSelector).toEqual({
    ...labelSelector,
    matchExpressions: [
      { key: "team", operator: "In", values: ["a"] },
      { key: "tier", operator: "NotIn", values: ["web"] },
    ],
  });
});

describe("while gated, where to run", () => {
  const term = (key: string) => ({ matchExpressions: [{ key, operator: "Exists" }] });
  const required = (...nodeSelectorTerms: Draft[]): Draft => ({
    affinity: {
      nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } },
    },
  });
  const gates = { schedulingGates: [{ name: "a.b/c" }] };
  const update = (before: Draft, after: Draft): string[] => {
    const of = (spec: Draft) => completed(pods, { spec: { containers, ...gates, ...spec } });
    return shown(pods.strategy.validateUpdate?.(of(after), of(before)) ?? []);
  };
  const wider = {
    matchExpressions: [...term("a").matchExpressions, ...term("b").matchExpressions],
  };

  test.each<[what: string, before: Draft, after: Draft]>([
    ["can be chosen", {}, { nodeSelector: { zone: "a" }, ...required(term("a")) }],
    [
      "can be narrowed by a label",
      { nodeSelector: { a: "1" } },
      { nodeSelector: { a: "1", b: "2" } },
    ],
    ["can be narrowed by an expression", required(term("a")), required(wider)],
  ])("%s", (_what, before, after) => {
    expect(update(before, after)).toEqual([]);
  });
  test.each<[what: string, before: Draft, after: Draft, field: string]>([
    ["a label less", { nodeSelector: { a: "1" } }, {}, "spec.nodeSelector"],
    ["another value", { nodeSelector: { a: "1" } }, { nodeSelector: { a: "2" } }, "nodeSelector"],
    ["a term more", required(term("a")), required(term("a"), term("b")), "nodeSelectorTerms"],
    ["an expression less", required(wider), required(term("a")), "nodeSelectorTerms[0]"],
    ["no terms any more", required(term("a")), {}, "nodeSelectorTerms"],
    ["affinity to pods", {}, podAffinity({ labelSelector }), "spec.affinity"],
  ])("cannot be widened: %s", (_what, before, after, field) => {
    expect(update(before, after)).toEqual([expect.stringContaining(field)]);
  });
});
