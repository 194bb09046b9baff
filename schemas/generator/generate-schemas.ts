/**
 * From `node_modules/kubernetes-types` and `schemas/overlay` to the texts of all generated files.
 * Reads those two folders and nothing else; the same input always gives the same bytes.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import type { Schema } from "../../src/kube/schema/schema.ts";
import { type DeclarationFile, parseDeclarations } from "./declarations.ts";
import { type Definition, definitionsOf, mergeFiles } from "./definitions.ts";
import { applyOverlay } from "./overlay.ts";
import { definitionName, outputOf } from "./packages.ts";

const EMPTY: DeclarationFile = { imports: new Map(), declarations: [] };

/**
 * @param root the repository's root folder
 * @returns path relative to the root → file text
 */
export function generateSchemas(root: string): Map<string, string> {
  const base = readModules(join(root, "node_modules", "kubernetes-types"));
  const own = readModules(join(root, "schemas", "overlay", "declarations"));
  const modules = [...new Set([...base.keys(), ...own.keys()])].toSorted();
  const declared = modules.flatMap((module) =>
    definitionsOf(module, mergeFiles(base.get(module) ?? EMPTY, own.get(module) ?? EMPTY)),
  );
  return render(applyOverlay(declared));
}

/** Module name (`core/v1`) → declarations. */
function readModules(folder: string): Map<string, DeclarationFile> {
  const modules = new Map<string, DeclarationFile>();
  if (!existsSync(folder)) return modules;
  for (const entry of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!entry.endsWith(".d.ts")) continue;
    const path = join(folder, entry);
    const name = relative(folder, path).split(sep).join("/").slice(0, -".d.ts".length);
    modules.set(name, parseDeclarations(readFileSync(path, "utf8"), path));
  }
  return modules;
}

function render(definitions: readonly Definition[]): Map<string, string> {
  const shapes = new Map<string, Record<string, Schema>>();
  const descriptions = new Map<string, Record<string, Definition["descriptions"]>>();
  const sorted = definitions
    .map((each) => ({ each, full: definitionName(each.module, each.name) }))
    .toSorted((a, b) => (a.full < b.full ? -1 : 1));
  for (const { each, full } of sorted) {
    const output = outputOf(each.module);
    shapes.set(output, { ...shapes.get(output), [full]: each.schema });
    descriptions.set(output, { ...descriptions.get(output), [full]: each.descriptions });
  }
  const files = new Map<string, string>();
  for (const [output, content] of shapes)
    files.set(`schemas/kubernetes/${output}.json`, linePerEntry(content));
  for (const [output, content] of descriptions)
    files.set(`schemas/descriptions/${output}.json`, linePerEntry(content));
  const outputs = [...shapes.keys()].toSorted();
  files.set("schemas/kubernetes/index.ts", shapesIndex(outputs));
  files.set("schemas/descriptions/index.ts", descriptionsIndex(outputs));
  return files;
}

const NOTICE = "// Written by schemas/generate.ts; do not edit.";

/** Static imports, so that a bundler inlines the shapes and the schema layer does no I/O. */
function shapesIndex(outputs: readonly string[]): string {
  const imports = outputs.map(
    (output) => `import ${identifier(output)} from "./${output}.json" with { type: "json" };`,
  );
  const names = outputs.map((output) => `  "${output}": ${identifier(output)},`);
  return `${NOTICE}\n${imports.join("\n")}\n\nexport const shapes: Readonly<Record<string, object>> = {\n${names.join("\n")}\n};\n`;
}

/** Dynamic imports: descriptions are twice the size of the shapes and only documents need them. */
function descriptionsIndex(outputs: readonly string[]): string {
  const loaders = outputs.map(
    (output) => `  "${output}": () => import("./${output}.json", { with: { type: "json" } }),`,
  );
  return `${NOTICE}\nexport const descriptions: Readonly<Record<string, () => Promise<{ readonly default: object }>>> = {\n${loaders.join("\n")}\n};\n`;
}

/** `apps.v1` → `appsV1`. */
function identifier(output: string): string {
  return output.replace(/\.(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** Compact, with one definition a line, so that a diff of a regeneration can be read. */
function linePerEntry(content: Readonly<Record<string, unknown>>): string {
  const lines = Object.entries(content).map(
    ([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`,
  );
  return `{\n${lines.join(",\n")}\n}\n`;
}
