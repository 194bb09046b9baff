/** Commands and flags that the documentation names exist; manifests that it shows are valid. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Application,
  type CommandContext,
  generateHelpTextForAllCommands,
} from "@stricli/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { application } from "../../src/cli/application.ts";
import { gantry } from "../cli/command-line.ts";
import { gantryCommands, pages, yamlBlocks } from "./documented-text.ts";

/** Written from the code, and compared with it elsewhere. */
const GENERATED = new Set(["docs/cli.md", "docs/configuration.md"]);
const written = pages().filter(({ path }) => !GENERATED.has(path));

test("every command and flag is there", () => {
  // Help runs no command, so it needs no more than any context has.
  const helped = application as unknown as Application<CommandContext>;
  const helps = new Map(generateHelpTextForAllCommands(helped));
  const wrong: string[] = [];
  let seen = 0;
  for (const { path, text } of written)
    for (const mention of gantryCommands(text)) {
      seen++;
      const words = mention.split(/\s+/);
      const long = words.slice(0, 3).join(" ");
      const help = helps.get(long) ?? helps.get(words.slice(0, 2).join(" "));
      const flags = mention.match(/(?<=[\s[])--[a-z][a-z-]*/g) ?? [];
      const missing = flags.filter((flag) => !new RegExp(`${flag}(?![a-z-])`).test(help ?? ""));
      if (help === undefined) wrong.push(`${path}: ${mention}: there is no such command`);
      else if (missing.length > 0) wrong.push(`${path}: ${mention}: no ${missing.join(", ")}`);
    }
  expect(wrong).toEqual([]);
  expect(seen).toBeGreaterThan(30);
});

describe("manifests", () => {
  let directory = "";
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "gantry-docs-"));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  const blocks = written.flatMap(({ path, text }) =>
    yamlBlocks(text)
      .filter((block) => /^apiVersion:/m.test(block))
      .map((block, index) => ({ name: `${path}, block ${index + 1}`, block })),
  );
  test("are shown", () => expect(blocks.length).toBeGreaterThan(5));
  test.each(blocks)("$name", async ({ block }) => {
    const file = join(directory, "shown.yaml");
    writeFileSync(file, block);
    expect(await gantry("validate", file)).toMatchObject({ exitCode: 0, stderr: "" });
  });
});
