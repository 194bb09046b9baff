import { expect, test } from "vitest";
import { nearestName } from "../../../src/gitops/check/nearest-name.ts";

test.each<[string, string[], string | undefined]>([
  ["replica", ["replicas", "selector"], "replicas"],
  ["Replicas", ["replicas"], "replicas"],
  ["mian", ["main", "mean"], "main"],
  ["kidn", ["kind", "metadata"], "kind"],
  ["x", ["replicas"], undefined],
  ["", ["a"], undefined],
  ["image", ["image"], undefined],
  ["contaners", ["initContainers", "containers"], "containers"],
  ["abcdef", ["uvwxyz"], undefined],
])("%s among %j: %s", (typed, known, expected) => {
  expect(nearestName(typed, known)).toBe(expected);
});

test("a very long name among very many takes no time", () => {
  const startMs = performance.now();
  const known = Array.from({ length: 100_000 }, (_, i) => `refs/heads/branch-${i}`);
  expect(nearestName("x".repeat(10_000), known)).toBeUndefined();
  nearestName("refs/heads/brunch", known);
  expect(performance.now() - startMs).toBeLessThan(2_000);
});
