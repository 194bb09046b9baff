import { expect, it } from "vitest";
import { parseSchedulers } from "../../src/cli/scheduler-profiles.ts";

it("adds schedulers to the default one, which may be told to pack, too", () => {
  expect(parseSchedulers("packing=pack, batch")).toEqual([
    { schedulerName: "default-scheduler" },
    { schedulerName: "packing", resourceStrategy: "MostAllocated" },
    { schedulerName: "batch", resourceStrategy: "LeastAllocated" },
  ]);
  expect(parseSchedulers("default-scheduler=pack")).toEqual([
    { schedulerName: "default-scheduler", resourceStrategy: "MostAllocated" },
  ]);
});

it.each(["", "a,", "a=b", "a=pack=pack", "UPPER", "a,a", "a=constructor"])(
  "refuses %j with how to write it",
  (text) => {
    expect(() => parseSchedulers(text)).toThrow(/write each name once/);
  },
);

it("refuses more than anybody needs", () => {
  const names = Array.from({ length: 16 }, (_, index) => `s${index}`).join(",");
  expect(() => parseSchedulers(names)).toThrow("at most 16 schedulers");
});
