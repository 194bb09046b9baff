import { expect, test } from "vitest";
import { parseDurationRange } from "../../../src/engine/simulation/duration-range.ts";

test.each([
  ["0", 0, 0],
  ["500ms", 500, 500],
  ["1.5s", 1_500, 1_500],
  ["1m30s", 90_000, 90_000],
  ["1s..2m", 1_000, 120_000],
  ["0..1h", 0, 3_600_000],
])("%s", (text, minMs, maxMs) => {
  expect(parseDurationRange(text)).toEqual({ minMs, maxMs });
});

test.each([
  "",
  "5",
  "-1s",
  "1s..",
  "..1s",
  "2s..1s",
  "1s..2s..3s",
  "1d",
  "9999999h",
  "1 s",
  "1e9s",
])("%j is none", (text) => {
  expect(parseDurationRange(text)).toBeUndefined();
});
