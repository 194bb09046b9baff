import { describe, expect, test } from "vitest";
import {
  internalUrl,
  parseInternalUrl,
  repositoryDirectory,
  repositoryId,
} from "../../../src/gitops/push/internal-repository.ts";

describe("repositories that Gantry keeps", () => {
  test("are named by a URL that is read back", () => {
    const id = { namespace: "team", name: "shop.web" };
    expect(internalUrl(id)).toBe("gantry://team/shop.web.git");
    expect(parseInternalUrl(internalUrl(id))).toEqual(id);
    expect(parseInternalUrl("gantry://team/shop.web")).toEqual(id);
    expect(repositoryDirectory("/data", id)).toBe("/data/repositories/team/shop.web.git");
  });

  test.each([
    "gantry://team",
    "gantry://team/",
    "gantry:///shop.git",
    "gantry://team/a/b.git",
    "gantry://../shop.git",
    "gantry://team/..",
    "gantry://team/-x.git",
    "gantry://team/Shop.git",
    "gantry://te am/shop.git",
    "https://team/shop.git",
    `gantry://team/${"x".repeat(201)}.git`,
  ])("are nothing else: %s", (url) => {
    expect(parseInternalUrl(url)).toBeUndefined();
  });

  test("never lead out of their folder", () => {
    for (const part of ["..", ".", "", "a/b", "a\\b", "\0", "a\n", ".git", "-a"]) {
      expect(repositoryId(part, "shop")).toBeUndefined();
      expect(repositoryId("team", part)).toBeUndefined();
    }
  });
});
