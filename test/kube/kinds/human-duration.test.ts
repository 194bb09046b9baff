import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ageSince, humanDuration } from "../../../src/kube/kinds/human-duration.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const cases: [durationMs: number, text: string][] = [
  [-3 * SECOND, "<invalid>"],
  [-SECOND, "0s"],
  [0, "0s"],
  [999, "0s"],
  [119 * SECOND, "119s"],
  [2 * MINUTE, "2m"],
  [2 * MINUTE + SECOND, "2m1s"],
  [9 * MINUTE + 59 * SECOND, "9m59s"],
  [10 * MINUTE + 30 * SECOND, "10m"],
  [179 * MINUTE, "179m"],
  [3 * HOUR, "3h"],
  [7 * HOUR + 59 * MINUTE, "7h59m"],
  [8 * HOUR + 59 * MINUTE, "8h"],
  [47 * HOUR, "47h"],
  [2 * DAY, "2d"],
  [2 * DAY + 4 * HOUR, "2d4h"],
  [7 * DAY + 23 * HOUR, "7d23h"],
  [8 * DAY + 5 * HOUR, "8d"],
  [729 * DAY, "729d"],
  [730 * DAY, "2y"],
  [731 * DAY, "2y1d"],
  [8 * 365 * DAY, "8y"],
];

describe("ages in kubectl's format", () => {
  test.each(cases)("%d ms is %s", (durationMs, text) => {
    expect(humanDuration(durationMs)).toBe(text);
  });

  test("never longer than six characters within a century", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100 * 365 * DAY }), (durationMs) => {
        expect(humanDuration(durationMs).length).toBeLessThanOrEqual(6);
      }),
    );
  });

  test("an absent time is unknown", () => {
    expect(ageSince(undefined, 0)).toBe("<unknown>");
    expect(ageSince("yesterday", 0)).toBe("<unknown>");
    expect(ageSince("2026-01-01T00:00:00Z", Date.parse("2026-01-01T00:01:00Z"))).toBe("60s");
  });
});
