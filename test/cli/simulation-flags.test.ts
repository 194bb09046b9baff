import { expect, test } from "vitest";
import { simulatedNodesOf, simulationFlags } from "../../src/cli/simulation-flags.ts";

const { simulatedNodes, simulatedCapacity } = simulationFlags;

test("a pool of nodes has a size, and perhaps a capacity", () => {
  expect(simulatedNodesOf({})).toBeUndefined();
  expect(simulatedNodesOf({ simulatedNodes: simulatedNodes.parse("3") })).toEqual({ count: 3 });
  const capacity = simulatedCapacity.parse("cpu=4, memory=8Gi");
  expect(simulatedNodesOf({ simulatedNodes: 0, simulatedCapacity: capacity })).toEqual({
    count: 0,
    capacity,
  });
});

test.each(["", "-1", "1.5", "many", "10001"])("--simulated-nodes %j is refused", (text) => {
  expect(() => simulatedNodes.parse(text)).toThrow(/write a number from 0 to 10000/);
});

test.each(["", "cpu", "cpu=", "cpu=lots", "=4", "cpu=4=5"])(
  "--simulated-capacity %j is refused",
  (text) => {
    expect(() => simulatedCapacity.parse(text)).toThrow(/write a list such as/);
  },
);

test("a capacity without nodes is a mistake", () => {
  expect(() => simulatedNodesOf({ simulatedCapacity: "cpu=4" })).toThrow(/give both/);
});
