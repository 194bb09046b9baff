/** The table of advisories names tests that are there, by names that they have. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { expect, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "../..");
const table = readFileSync(join(ROOT, "docs/decisions/advisories.md"), "utf8");
/** `folder/file`, `…/file` in the folder named before, `…` for the file named before; then a name. */
const REFERENCE = /`((?:[a-z0-9-]+\/)+[a-z0-9-]+|…(?:\/[a-z0-9-]+)?)(?:: ([^`]+))?`/g;

test("every test that the table names exists", () => {
  const missing: string[] = [];
  let named = 0;
  for (const row of table.split("\n").filter((line) => line.startsWith("| "))) {
    let before = "";
    for (const [reference, path = "", name = ""] of row.matchAll(REFERENCE)) {
      const file =
        path === "…" ? before : path.startsWith("…") ? dirname(before) + path.slice(1) : path;
      before = file;
      named++;
      const source = join(ROOT, "test", `${file}.test.ts`);
      const text = existsSync(source) ? readFileSync(source, "utf8") : undefined;
      const parts = name.split("…").map((part) => part.trim());
      if (text === undefined || !parts.every((part) => text.includes(part)))
        missing.push(reference);
    }
  }
  expect(missing).toEqual([]);
  expect(named).toBeGreaterThan(80);
});

test("every row says what proves it", () => {
  const rows = table.split("\n").filter((line) => /^\| (?!advisory|---)/.test(line));
  expect(rows.length).toBeGreaterThan(40);
  for (const row of rows)
    expect(row.split(" | ").at(-1)).toMatch(/`[a-z]+\/[a-z/0-9-]+|No such thing/i);
});
