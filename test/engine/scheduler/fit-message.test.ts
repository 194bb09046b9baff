import { describe, expect, it } from "vitest";
import { fitMessage } from "../../../src/engine/scheduler/fit-message.ts";
import { pickNode } from "../../../src/engine/scheduler/pick-node.ts";
import type { Node } from "../../../src/kube/kinds/node.ts";
import type { Pod } from "../../../src/kube/kinds/pod.ts";
import { cluster, cycleOf, node, plugins, pod, requesting } from "./cluster-fixtures.ts";

function message(made: Pod, ...nodes: readonly Node[]): string {
  const choice = pickNode(plugins, cycleOf(made, cluster(...nodes)));
  if (!("diagnosis" in choice)) throw new Error("it fits");
  return fitMessage(choice.diagnosis, "preemption: none.");
}
const tainted = (name: string) =>
  node(name, { spec: { taints: [{ key: "k", value: "v", effect: "NoSchedule" }] } });
const small = (name: string) => node(name, { allocatable: { cpu: "500m", memory: "1Gi" } });

describe("a pod that fits nowhere", () => {
  it("without any node", () => {
    expect(message(pod())).toBe("no nodes available to schedule pods preemption: none.");
  });
  it("begins as upstream does, then tells of each node with figures", () => {
    const made = requesting({ cpu: "2", memory: "2Gi" });
    expect(message(made, small("a"), tainted("b"), tainted("c"))).toBe(
      "0/3 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, 2 node(s) had untolerated taint {k: v}. preemption: none." +
        " Nodes: a: Insufficient cpu (2 requested, 500m of 500m free), Insufficient memory (2Gi requested, 1Gi of 1Gi free); b: node(s) had untolerated taint {k: v}; c: node(s) had untolerated taint {k: v}.",
    );
  });
  it("in a large cluster names some nodes for each reason, the rarest first", () => {
    const names = Array.from({ length: 40 }, (_, index) => `node-${index + 10}`);
    const made = requesting({ cpu: "2" });
    expect(message(made, ...names.map(small), tainted("odd"))).toBe(
      "0/41 nodes are available: 1 node(s) had untolerated taint {k: v}, 40 Insufficient cpu. preemption: none." +
        " Nodes: odd: node(s) had untolerated taint {k: v}; node-10, node-11, node-12 and 37 more: Insufficient cpu.",
    );
  });
  it("stays within what an Event holds", () => {
    const nodes = Array.from({ length: 300 }, (_, index) => {
      const taints = [{ key: `key-${index}`, value: "v".repeat(60), effect: "NoSchedule" }];
      return node(`n${index}`, { spec: { taints } });
    });
    const text = message(pod(), ...nodes);
    expect(text.length).toBeLessThanOrEqual(1_000);
    expect(text).toMatch(/^0\/300 nodes are available: 1 node\(s\) had untolerated taint/);
  });
});
