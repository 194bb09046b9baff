import type { Taint } from "kubernetes-types/core/v1";
import { expect, test } from "vitest";
import { plannedTaints } from "../../../../src/engine/controllers/node-lifecycle/node-taints.ts";
import type { Node } from "../../../../src/kube/kinds/node.ts";

const NOW = Date.UTC(2026, 0, 1);
function node(
  conditions: Readonly<Record<string, string>>,
  taints: Taint[] = [],
  unschedulable = false,
): Node {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "n" },
    spec: { taints, ...(unschedulable ? { unschedulable } : {}) },
    status: {
      conditions: Object.entries(conditions).map(([type, status]) => ({ type, status })),
    },
  };
}
const shown = (taints: readonly Taint[] | undefined) =>
  taints?.map(({ key, effect }) => `${key}:${effect}`);
const K = "node.kubernetes.io/";

test.each([
  [{ Ready: "False" }, "not-ready"],
  [{ Ready: "Unknown" }, "unreachable"],
  [{ Ready: "True", MemoryPressure: "True" }, "memory-pressure"],
  [{ Ready: "True", DiskPressure: "True" }, "disk-pressure"],
  [{ Ready: "True", PIDPressure: "True" }, "pid-pressure"],
  [{ Ready: "True", NetworkUnavailable: "True" }, "network-unavailable"],
] as const)("%j keeps pods away as %s", (conditions, key) => {
  expect(shown(plannedTaints(node(conditions), "keep", NOW))).toEqual([`${K}${key}:NoSchedule`]);
});

test("a cordon is a taint, and taken back it is none", () => {
  expect(shown(plannedTaints(node({ Ready: "True" }, [], true), "keep", NOW))).toEqual([
    `${K}unschedulable:NoSchedule`,
  ]);
  const tainted = node({ Ready: "True" }, [{ key: `${K}unschedulable`, effect: "NoSchedule" }]);
  expect(plannedTaints(tainted, "keep", NOW)).toEqual([]);
});

test("taints of others stay, and what is right is not written", () => {
  const own: Taint[] = [
    { key: "gpu", effect: "NoSchedule", value: "yes" },
    { key: `${K}unreachable`, effect: "NoSchedule" },
    { key: `${K}out-of-service`, effect: "NoExecute" },
  ];
  expect(plannedTaints(node({ Ready: "Unknown" }, own), "keep", NOW)).toBeUndefined();
  expect(shown(plannedTaints(node({ Ready: "True" }, own), "keep", NOW))).toEqual([
    "gpu:NoSchedule",
    `${K}out-of-service:NoExecute`,
  ]);
});

test("evicting begins when it is said, changes its reason with the trouble, and ends with it", () => {
  const lost = node({ Ready: "Unknown" }, [{ key: `${K}unreachable`, effect: "NoSchedule" }]);
  const added = plannedTaints(lost, "add", NOW);
  expect(added?.at(-1)).toEqual({
    key: `${K}unreachable`,
    effect: "NoExecute",
    timeAdded: "2026-01-01T00:00:00Z",
  });
  const back = node({ Ready: "False" }, [...(added ?? [])]);
  expect(shown(plannedTaints(back, "keep", NOW))).toEqual([
    `${K}not-ready:NoSchedule`,
    `${K}not-ready:NoExecute`,
  ]);
  const well = node({ Ready: "True" }, [...(added ?? [])]);
  expect(plannedTaints(well, "keep", NOW)).toEqual([]);
  const cutOff = node({ Ready: "Unknown" }, [...(added ?? [])]);
  expect(shown(plannedTaints(cutOff, "remove", NOW))).toEqual([`${K}unreachable:NoSchedule`]);
});
