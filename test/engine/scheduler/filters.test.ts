import { describe, expect, it } from "vitest";
import { rejectionOn } from "../../../src/engine/scheduler/pick-node.ts";
import type { Node } from "../../../src/kube/kinds/node.ts";
import type { Pod } from "../../../src/kube/kinds/pod.ts";
import { cluster, cycleOf, node, only, plugins, pod, requesting } from "./cluster-fixtures.ts";

const reasons = (made: Pod, on: Node, ...placed: Pod[]): readonly string[] => {
  const state = cluster(on);
  for (const other of placed) state.place(other, on.metadata.name);
  return rejectionOn(plugins.filters, cycleOf(made, state), only(state))?.reasons ?? [];
};
const tainted = node("n", {
  spec: { taints: [{ key: "gpu", value: "yes", effect: "NoSchedule" }] },
});
const withPort = (hostPort: number, extra = {}): Pod =>
  pod({
    containers: [{ name: "a", image: "x", ports: [{ containerPort: 80, hostPort, ...extra }] }],
  });
const requiring = (matchExpressions: { key: string; operator: string; values?: string[] }[]): Pod =>
  pod({
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions }],
        },
      },
    },
  });

describe("resources", () => {
  it("lets in what fits exactly, and nothing more", () => {
    const full = requesting({ cpu: "3", memory: "8Gi" });
    expect(reasons(requesting({ cpu: "1" }), node("n"), full)).toEqual([]);
    expect(reasons(requesting({ cpu: "1001m" }), node("n"), full)).toEqual(["Insufficient cpu"]);
    expect(reasons(requesting({ cpu: "2", memory: "1" }), node("n"), full)).toEqual([
      "Insufficient cpu",
      "Insufficient memory",
    ]);
  });
  it("lets a pod that asks for nothing onto a full node", () => {
    expect(reasons(pod(), node("n"), requesting({ cpu: "4", memory: "8Gi" }))).toEqual([]);
  });
  it("knows extended resources by name", () => {
    expect(reasons(requesting({ "example.com/gpu": "1" }), node("n"))).toEqual([
      "Insufficient example.com/gpu",
    ]);
  });
  it("counts pods", () => {
    const small = node("n", { allocatable: { pods: "1" } });
    expect(reasons(pod(), small, pod())).toEqual(["Too many pods"]);
  });
  it("gives places back", () => {
    const state = cluster(node("n"));
    const first = requesting({ cpu: "4" });
    state.place(first, "n");
    state.place(first, "n");
    expect(state.free(first.metadata.uid ?? "")).toBeDefined();
    expect(state.free(first.metadata.uid ?? "")).toBeUndefined();
    const next = cycleOf(requesting({ cpu: "4" }), state);
    expect(rejectionOn(plugins.filters, next, only(state))).toBeUndefined();
  });
});

describe("taints", () => {
  it("keep pods off", () => {
    expect(reasons(pod(), tainted)).toEqual(["node(s) had untolerated taint {gpu: yes}"]);
  });
  it.each([
    [{ key: "gpu", operator: "Equal", value: "yes", effect: "NoSchedule" }, true],
    [{ key: "gpu", value: "yes" }, true],
    [{ key: "gpu", operator: "Exists" }, true],
    [{ operator: "Exists" }, true],
    [{ key: "gpu", value: "no" }, false],
    [{ key: "gpu", operator: "Exists", effect: "NoExecute" }, false],
    [{ key: "other", operator: "Exists" }, false],
  ])("and %j tolerates: %s", (toleration, fits) => {
    expect(reasons(pod({ tolerations: [toleration] }), tainted).length === 0).toBe(fits);
  });
  it("that only prefer are no reason", () => {
    const taints = [{ key: "a", effect: "PreferNoSchedule" }];
    expect(reasons(pod(), node("n", { spec: { taints } }))).toEqual([]);
  });
});

describe("cordoned nodes", () => {
  const cordoned = node("n", { spec: { unschedulable: true } });
  it("take no pods", () => {
    expect(reasons(pod(), cordoned)).toEqual(["node(s) were unschedulable"]);
  });
  it("except those that tolerate it", () => {
    const tolerations = [{ key: "node.kubernetes.io/unschedulable", operator: "Exists" }];
    expect(reasons(pod({ tolerations }), cordoned)).toEqual([]);
  });
});

describe("node selection", () => {
  const ssd = node("n", { labels: { disk: "ssd", cores: "8" } });
  const mismatch = ["node(s) didn't match Pod's node affinity/selector"];
  it("by nodeSelector", () => {
    expect(reasons(pod({ nodeSelector: { disk: "ssd" } }), ssd)).toEqual([]);
    expect(reasons(pod({ nodeSelector: { disk: "hdd" } }), ssd)).toEqual(mismatch);
  });
  it.each([
    [{ key: "disk", operator: "In", values: ["ssd", "nvme"] }, true],
    [{ key: "disk", operator: "NotIn", values: ["ssd"] }, false],
    [{ key: "gpu", operator: "DoesNotExist" }, true],
    [{ key: "gpu", operator: "Exists" }, false],
    [{ key: "cores", operator: "Gt", values: ["7"] }, true],
    [{ key: "cores", operator: "Lt", values: ["8"] }, false],
  ])("by required affinity %j: %s", (expression, fits) => {
    expect(reasons(requiring([expression]), ssd)).toEqual(fits ? [] : mismatch);
  });
  it("an affinity without terms that match anything selects nothing", () => {
    expect(reasons(requiring([]), ssd)).toEqual(mismatch);
  });
});

describe("host ports", () => {
  const taken = ["node(s) didn't have free ports for the requested pod ports"];
  it("are used once", () => {
    expect(reasons(withPort(80), node("n"), withPort(80))).toEqual(taken);
    expect(reasons(withPort(81), node("n"), withPort(80))).toEqual([]);
  });
  it("clash by protocol and address", () => {
    const placed = withPort(80, { hostIP: "10.0.0.1" });
    expect(reasons(withPort(80, { protocol: "UDP" }), node("n"), placed)).toEqual([]);
    expect(reasons(withPort(80, { hostIP: "10.0.0.2" }), node("n"), placed)).toEqual([]);
    expect(reasons(withPort(80), node("n"), placed)).toEqual(taken);
  });
});
