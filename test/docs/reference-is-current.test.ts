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
import { builtinKinds } from "../../src/kube/kinds/index.ts";
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

test("docs/configuration.md has every field of Gantry's own kinds", () => {
  const rows: string[] = [];
  const walk = (schema: Schema, path: string, above: readonly Schema[] = []): void => {
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
      const within = [...above, resolve(schema)];
      // Generators of generators have the same fields again.
      if (inner?.properties !== undefined && !within.includes(inner))
        walk(inner, `${field}[]`, within);
      else if (type === "object") walk(child, field, within);
    }
  };
  const own = builtinKinds.filter(({ group }) => group === "gantry.dev");
  expect(own.length).toBeGreaterThan(5);
  const parts = own.flatMap(({ kind, namespaced, schema }) => {
    const { description = "", properties = {} } = resolve(schema);
    const title = `## ${kind}\n\n${description} ${namespaced ? "Namespaced." : "Cluster-scoped."}\n`;
    const tables = (["spec", "operation", "status"] as const).flatMap((part) => {
      rows.length = 0;
      const section = properties[part];
      if (section === undefined) return [];
      walk(section, part);
      return [
        `### ${kind} ${part}\n\n| field | type | meaning |\n|---|---|---|\n${rows.join("\n")}\n`,
      ];
    });
    return [title, ...tables];
  });
  const head =
    "# Configuration\n\nEvery field of Gantry's own kinds (`gantry.dev/v1`), written from their schemas. Fields marked * are required.\n";
  check("configuration.md", [head, ...parts].join("\n"));
});
