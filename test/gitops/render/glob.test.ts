import { expect, test } from "vitest";
import { compileGlob } from "../../../src/gitops/render/glob.ts";

test.each<[string, string, boolean]>([
  ["*.yaml", "a.yaml", true],
  ["*.yaml", "deep/er/a.yaml", true],
  ["*.yaml", "a.yml", false],
  ["**/a.yaml", "x/a.yaml", true],
  ["apps/*", "apps/a/b.yaml", true],
  ["apps/*", "other/a.yaml", false],
  ["?.yaml", "a.yaml", true],
  ["?.yaml", "ab.yaml", false],
  ["[a-c].yaml", "b.yaml", true],
  ["[!a-c].yaml", "b.yaml", false],
  ["[!a-c].yaml", "d.yaml", true],
  ["{a,b}.yaml", "b.yaml", true],
  ["{a,b/{c,d}}.yaml", "b/d.yaml", true],
  ["{a,b/{c,d}}.yaml", "b/e.yaml", false],
  ["\\*.yaml", "*.yaml", true],
  ["\\*.yaml", "a.yaml", false],
  ["a.yaml", "a.yaml", true],
  ["a.yaml", "aXyaml", false],
  ["*", "", true],
  ["größe-?.yaml", "größe-ß.yaml", true],
])("%s and %s: %s", (pattern, path, expected) => {
  expect(compileGlob(pattern)?.(path)).toBe(expected);
});

test.each(["{a", "a}", "[a", "a\\", "{a,{b}", "x".repeat(2000)])("%s is malformed", (pattern) => {
  expect(compileGlob(pattern)).toBeUndefined();
});

test("no pattern takes long", () => {
  const glob = compileGlob("*a".repeat(100));
  const startMs = performance.now();
  expect(glob?.("a".repeat(4000) + "b")).toBe(false);
  expect(performance.now() - startMs).toBeLessThan(500);
  expect(compileGlob("{a,b}".repeat(20))).toBeUndefined();
});
