/** What may change in a pod that exists, and how long it takes to go. */
import { describe, expect, test } from "vitest";
import { type Pod, pods } from "../../../src/kube/kinds/pod.ts";
import { completed, type Draft, draft, shown } from "./checked.ts";

const base = {
  containers: [{ name: "app", image: "web:1", env: [{ name: "A", value: "1" }] }],
  initContainers: [{ name: "init", image: "web:1" }],
  activeDeadlineSeconds: 100,
  schedulingGates: [{ name: "a.b/one" }, { name: "a.b/two" }],
  nodeSelector: { disk: "ssd" },
};
function change(changed: Draft, before: Draft = base): string[] {
  const previous = completed(pods, { spec: before });
  const next = completed(pods, { spec: { ...before, ...changed } });
  return shown(pods.strategy.validateUpdate?.(next, previous) ?? []);
}

describe("allowed", () => {
  const allowed: [what: string, changed: Draft, before?: Draft][] = [
    ["nothing at all", {}],
    ["an image", { containers: [{ ...base.containers[0], image: "web:2" }] }],
    ["an init image", { initContainers: [{ name: "init", image: "web:2" }] }],
    ["a shorter deadline", { activeDeadlineSeconds: 50 }],
    [
      "a deadline where there was none",
      { activeDeadlineSeconds: 50 },
      { ...base, activeDeadlineSeconds: undefined },
    ],
    ["one more toleration", { tolerations: [{ key: "a", operator: "Exists" }] }],
    ["fewer gates", { schedulingGates: [{ name: "a.b/two" }] }],
    ["where to run, while gated", { nodeSelector: { disk: "ssd", zone: "a" } }],
    [
      "a negative grace period to 1",
      { terminationGracePeriodSeconds: 1 },
      { ...base, terminationGracePeriodSeconds: -1 },
    ],
  ];
  test.each(allowed)("%s", (_what, changed, before) => {
    expect(change(changed, before)).toEqual([]);
  });
});

describe("forbidden", () => {
  const forbidden: [what: string, changed: Draft, named: string, before?: Draft][] = [
    [
      "a variable",
      { containers: [{ ...base.containers[0], env: [{ name: "A", value: "2" }] }] },
      "spec.containers[0].env[0].value",
    ],
    [
      "a container more",
      { containers: [...base.containers, { name: "b", image: "web:1" }] },
      "spec.containers",
    ],
    ["the node", { nodeName: "n1" }, "spec.nodeName"],
    ["a longer deadline", { activeDeadlineSeconds: 200 }, "spec.activeDeadlineSeconds"],
    ["no deadline any more", { activeDeadlineSeconds: undefined }, "spec.activeDeadlineSeconds"],
    [
      "a gate more",
      { schedulingGates: [...base.schedulingGates, { name: "a.b/three" }] },
      "spec.schedulingGates[2].name",
    ],
    [
      "where to run, once not gated",
      { nodeSelector: {} },
      "spec.nodeSelector",
      { ...base, schedulingGates: undefined },
    ],
    [
      "another grace period",
      { terminationGracePeriodSeconds: 5 },
      "spec.terminationGracePeriodSeconds",
    ],
  ];
  test.each(forbidden)("%s", (_what, changed, named, before) => {
    const found = change(changed, before);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(named);
  });
  test("a toleration taken away", () => {
    const before = { ...base, tolerations: [{ key: "a", operator: "Exists" }] };
    expect(change({ tolerations: [] }, before)[0]).toContain("spec.tolerations: Forbidden");
  });
});

describe("status", () => {
  const policy = (restartPolicy: string, exitCode: number, nextState: Draft): string[] => {
    const spec = { ...base, restartPolicy };
    const of = (state: Draft) =>
      draft(pods, { spec, status: { containerStatuses: [{ name: "app", state }] } });
    const previous = of({ terminated: { exitCode } });
    return shown(pods.strategy.validateStatusUpdate?.(of(nextState), previous) ?? []);
  };
  const running = { running: {} };
  test("a container that ended for good does not run again", () => {
    expect(policy("Never", 1, running)).toHaveLength(1);
    expect(policy("OnFailure", 0, running)).toHaveLength(1);
    expect(policy("Never", 1, { terminated: { exitCode: 1 } })).toEqual([]);
  });
  test("one that its policy restarts does", () => {
    expect(policy("OnFailure", 1, running)).toEqual([]);
    expect(policy("Always", 0, running)).toEqual([]);
  });
  test("the quality of service is fixed", () => {
    const of = (qosClass: string) => draft(pods, { spec: base, status: { qosClass } });
    const found = pods.strategy.validateStatusUpdate?.(of("Guaranteed"), of("BestEffort")) ?? [];
    expect(shown(found)[0]).toContain("status.qosClass");
  });
  test("addresses are addresses", () => {
    const next = draft(pods, { spec: base, status: { podIPs: [{ ip: "here" }] } });
    expect(pods.strategy.validateStatusUpdate?.(next, next)).toHaveLength(1);
  });
});

describe("deletion takes", () => {
  const seconds = (spec: Draft, status: Draft, requested?: number): number | undefined =>
    pods.strategy.gracePeriodSeconds?.(draft(pods, { spec, status }) as Pod, requested);
  const bound = { nodeName: "n1" };
  const running = { phase: "Running" };
  test.each([
    ["30 s by default", seconds(bound, running), 30],
    ["what the pod says", seconds({ ...bound, terminationGracePeriodSeconds: 7 }, running), 7],
    [
      "what the client asks",
      seconds({ ...bound, terminationGracePeriodSeconds: 7 }, running, 3),
      3,
    ],
    ["no time when forced", seconds(bound, running, 0), 0],
    [
      "a second for negative periods",
      seconds({ ...bound, terminationGracePeriodSeconds: -1 }, running),
      1,
    ],
    ["no time without a node", seconds({}, { phase: "Pending" }, 60), 0],
    ["no time once succeeded", seconds(bound, { phase: "Succeeded" }), 0],
    ["no time once failed", seconds(bound, { phase: "Failed" }, 60), 0],
  ])("%s", (_what, found, expected) => {
    expect(found).toBe(expected);
  });
});
