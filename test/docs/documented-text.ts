/** What README.md and docs/*.md tell their readers to type or to write. */
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../..");

export interface Page {
  /** Relative to the repository. */
  readonly path: string;
  readonly text: string;
}

export function pages(): Page[] {
  const docs = readdirSync(join(ROOT, "docs")).filter((name) => name.endsWith(".md"));
  return ["README.md", ...docs.map((name) => `docs/${name}`)].map(page);
}

export const page = (path: string): Page => ({
  path,
  text: readFileSync(join(ROOT, path), "utf8"),
});

/** The part below a heading, up to the next one of that level. */
export function section({ text }: Page, heading: string): string {
  const [, rest] = text.split(`\n## ${heading}\n`);
  if (rest === undefined) throw new Error(`there is no heading ${heading}`);
  return rest.split("\n## ")[0] ?? "";
}

/** Lines of `console` blocks that are typed, without the prompt. */
export function typedLines(text: string): string[] {
  return [...text.matchAll(/^```console\n(.*?)^```/gms)]
    .flatMap(([, block = ""]) => block.split("\n"))
    .filter((line) => line.startsWith("$ "))
    .map((line) => line.slice(2));
}

/** Commands of indented blocks, without the comments behind them. */
export function indentedCommands(text: string): string[] {
  return [...text.matchAll(/^ {4}((?:npx |git |kubectl )?\S.*)$/gm)]
    .map(([, line = ""]) => line.split(/ {2,}# /)[0]?.trim() ?? "")
    .filter((line) => /^(npx gantry|gantry|git|kubectl|npm) /.test(line));
}

/** Whole `yaml` blocks, moved to the left. */
export function yamlBlocks(text: string): string[] {
  return [...text.matchAll(/^( *)```yaml\n(.*?)^ *```/gms)].map(([, margin = "", block = ""]) =>
    block
      .split("\n")
      .map((line) => line.slice(margin.length))
      .join("\n"),
  );
}

/** Every mention of a `gantry` command in running text, blocks included. */
export function gantryCommands(text: string): string[] {
  return [...text.matchAll(/(?:`|^ {4}|\$ |\$\()(?:npx )?(gantry [a-z][^`\n)]*)/gm)].map(
    ([, command = ""]) => command.split(/ {2,}# /)[0]?.trim() ?? "",
  );
}
