/** docs/cli.md and docs/configuration.md are what the code says. `UPDATE_DOCS=1` writes them anew. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Application,
  type CommandContext,
  generateHelpTextForAllCommands,
} from "@stricli/core";
import { expect, test } from "vitest";
import { application } from "../../src/cli/application.ts";
import { applications } from "../../src/kube/kinds/application.ts";
import { resolve } from "../../src/kube/schema/definitions.ts";
import type { Schema } from "../../src/kube/schema/schema.ts";

const DOCS = join(import.meta.dirname, "..", "..", "docs");

function check(file: string, generated: string): void {
  const path = join(DOCS, file);
  if (process.env["UPDATE_DOCS"] !== undefined) writeFileSync(path, generated);
  expect(readFileSync(path, "utf8")).toBe(generated);
}

test("docs/cli.md has every command with its flags", () => {
  const texts = generateHelpTextForAllCommands(
    // Help runs no command, so it needs no more than any context has.
    application as unknown as Application<CommandContext>,
  )
    .filter(([route]) => route !== "gantry" && route !== "gantry debug")
    .map(([route, text]) => `## ${route}\n\n\`\`\`\n${text.trimEnd()}\n\`\`\`\n`);
  expect(texts.length).toBeGreaterThan(10);
  const head =
    "# Commands\n\nWritten from the code (`UPDATE_DOCS=1 npx vitest run test/docs`). Results go to stdout, progress to stderr.\n";
  check("cli.md", [head, ...texts].join("\n"));
});

test("docs/configuration.md has every field of an Application", () => {
  const rows: string[] = [];
  const walk = (schema: Schema, path: string): void => {
    const { properties = {}, required = [] } = resolve(schema);
    for (const [name, child] of Object.entries(properties)) {
      const field = path === "" ? name : `${path}.${name}`;
      const { type, description = "", items, enum: values } = resolve(child);
      const inner = items === undefined ? undefined : resolve(items);
      const shown = type === "array" ? `${inner?.type ?? "object"}[]` : (type ?? "");
      const allowed =
        values === undefined
          ? ""
          : ` One of ${values.map((value) => `\`${JSON.stringify(value)}\``).join(", ")}.`;
      rows.push(
        `| \`${field}\`${required.includes(name) ? " *" : ""} | ${shown} | ${description}${allowed} |`,
      );
      if (inner?.properties !== undefined) walk(inner, `${field}[]`);
      else if (type === "object") walk(child, field);
    }
  };
  const { properties = {} } = resolve(applications.schema);
  const parts = (["spec", "operation", "status"] as const).map((part) => {
    rows.length = 0;
    const schema = properties[part];
    if (schema !== undefined) walk(schema, part);
    return `## ${part}\n\n| field | type | meaning |\n|---|---|---|\n${rows.join("\n")}\n`;
  });
  const head =
    "# Configuration\n\nEvery field of an Application (`gantry.dev/v1`), written from its schema. Fields marked * are required.\n";
  check("configuration.md", [head, ...parts].join("\n"));
});
