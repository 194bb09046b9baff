/**
 * `fixtures/version-ranges.json` was made by asking the Go library that Argo CD, Flux and Helm use
 * (named in the file) which of the versions each range takes.
 */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  parseVersion,
  parseVersionConstraint,
  parseVersionRange,
} from "../../../src/gitops/source/version-range.ts";

interface Table {
  readonly versions: readonly string[];
  readonly valid: readonly string[];
  readonly ranges: readonly {
    readonly range: string;
    readonly valid: boolean;
    readonly isVersion: boolean;
    readonly matches: readonly string[];
  }[];
}
const table = JSON.parse(
  readFileSync(new URL("fixtures/version-ranges.json", import.meta.url), "utf8"),
) as Table;

test("the same texts are versions", () => {
  expect(table.versions.filter((text) => parseVersion(text) !== undefined)).toEqual(table.valid);
});

/**
 * `^*` is documented as "any" there, but takes 0.0.0 only. Of an open version with a pre-release
 * only that pre-release is excluded there; nobody writes that.
 */
const DIFFERENT: ReadonlySet<string> = new Set(["^*", "!=1.2.x-beta"]);

test.each(table.ranges.filter(({ range }) => !DIFFERENT.has(range)))(
  "$range",
  ({ range, valid, isVersion, matches }) => {
    const constraint = parseVersionConstraint(range);
    expect(constraint !== undefined).toBe(valid);
    expect(table.versions.filter((version) => constraint?.matches(version))).toEqual(matches);
    expect(parseVersionRange(range) !== undefined).toBe(valid && !isVersion);
  },
);

test("an open caret takes every release", () => {
  expect(parseVersionRange("^*")?.best(["0.1.0", "3.0.0", "4.0.0-rc.1"])).toBe("3.0.0");
});

test("the best version is the highest, as it was written", () => {
  const versions = ["v1.2.0", "v1.10.0", "nightly", "1.9.0", "2.0.0-rc.1", "2.0.0"];
  expect(parseVersionRange("1.x")?.best(versions)).toBe("v1.10.0");
  expect(parseVersionRange("*")?.best(versions)).toBe("2.0.0");
  expect(parseVersionRange(">=2.0.0-0")?.best(["2.0.0-rc.1", "1.0.0"])).toBe("2.0.0-rc.1");
  expect(parseVersionRange("<1")?.best(versions)).toBeUndefined();
  expect(parseVersionRange("1.x")?.best(["1.0.0+b", "1.0.0+c", "1.0.0+a"])).toBe("1.0.0+c");
});

test("hostile ranges are read in no time, or not at all", () => {
  const startedAt = performance.now();
  for (const text of [
    "1".repeat(200_000),
    `${">=1.2.3 ".repeat(30)}!`,
    "1-".repeat(120),
    "a-".repeat(120),
    `1.2.3${"-a.".repeat(80)}!`,
    `${" ".repeat(250)}x!`,
    "||".repeat(120),
  ])
    parseVersionRange(text);
  expect(performance.now() - startedAt).toBeLessThan(1000);
  expect(parseVersionRange(">=1 ".repeat(100))).toBeUndefined();
});
