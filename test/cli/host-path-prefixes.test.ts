import { expect, it } from "vitest";
import { parseHostPathPrefixes } from "../../src/cli/host-path-prefixes.ts";

it("reads directories with commas between, and none", () => {
  expect(parseHostPathPrefixes("/srv, /mnt/data")).toEqual(["/srv", "/mnt/data"]);
  expect(parseHostPathPrefixes("none")).toEqual([]);
});

it.each(["srv", "/srv,", "/srv,../x", ""])("refuses %j with how to write it", (text) => {
  expect(() => parseHostPathPrefixes(text)).toThrow(/is no absolute path: write directories/);
});
