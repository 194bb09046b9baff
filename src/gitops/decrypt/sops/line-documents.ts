/** Formats of a value a line: dotenv and INI. Their metadata is flat. */
import type { ClearValue } from "./encrypted-value.ts";
import type { EncryptedDocument, Leaf } from "./encrypted-document.ts";
import { malformed, unflatten } from "./sops-metadata.ts";

/** A line of the file: a value, or something that stays as it is. */
type Line =
  | { readonly leaf: Leaf; readonly before: string }
  | { readonly leaf?: undefined; readonly text: string };

/**
 * `KEY=value` lines, with `\n` for line breaks in values; metadata in `sops_…` keys.
 * @returns undefined when there is no metadata
 */
export function readDotenv(text: string): EncryptedDocument | undefined {
  const metadata: [string, string][] = [];
  const lines: Line[] = [];
  for (const line of text.split("\n")) {
    const equals = line.indexOf("=");
    if (line === "" || line.startsWith("#") || equals < 0) {
      lines.push({ text: line });
      continue;
    }
    const key = line.slice(0, equals);
    const value = line.slice(equals + 1).replaceAll("\\n", "\n");
    if (key.startsWith("sops_")) metadata.push([key.slice("sops_".length), value]);
    else lines.push({ leaf: textLeaf([key], value), before: line.slice(0, equals + 1) });
  }
  if (metadata.length === 0) return undefined;
  return {
    metadata: unflatten(metadata),
    leaves: leavesOf(lines),
    render: (clear) => joined(lines, clear, (value) => value.replaceAll("\n", "\\n")),
  };
}

const SECTION = /^\s*\[(.+)\]\s*$/;
const ENTRY = /^(\s*([^=:]+?)\s*[=:]\s*)(.*?)\s*$/s;

/**
 * `key = value` lines in `[sections]`; metadata in the section `sops`. What comes before the first
 * section belongs to `DEFAULT`.
 * @returns undefined when there is no metadata
 */
export function readIni(text: string): EncryptedDocument | undefined {
  const metadata: [string, string][] = [];
  const lines: Line[] = [];
  let section = "DEFAULT";
  for (const line of text.split(/\r?\n/)) {
    const opened = SECTION.exec(line)?.[1];
    if (opened !== undefined) section = opened;
    const [, before = "", key = "", value = ""] =
      opened === undefined && !/^\s*[#;]/.test(line) ? (ENTRY.exec(line) ?? []) : [];
    if (section === "sops") {
      if (key !== "") metadata.push([key, unquoted(value).replaceAll("\\n", "\n")]);
    } else if (key === "") lines.push({ text: line });
    else lines.push({ leaf: textLeaf([section, unquoted(key)], unquoted(value)), before });
  }
  if (metadata.length === 0) return undefined;
  return {
    metadata: unflatten(metadata),
    leaves: leavesOf(lines),
    render: (clear) => joined(lines, clear, iniValue),
  };
}

function unquoted(value: string): string {
  const match = /^(?:"""(.*)"""|`(.*)`|"(.*)"|'(.*)')$/s.exec(value);
  return match?.[1] ?? match?.[2] ?? match?.[3] ?? match?.[4] ?? value;
}

/** As the INI library of SOPS quotes it. */
function iniValue(value: string): string {
  if (/[\n`]/.test(value)) return `"""${value}"""`;
  return /[#;]/.test(value) || value.trim() !== value ? `\`${value}\`` : value;
}

function textLeaf(path: readonly string[], text: string): Leaf {
  return { path, text, isText: true };
}

function leavesOf(lines: readonly Line[]): Leaf[] {
  return lines.flatMap(({ leaf }) => (leaf === undefined ? [] : [leaf]));
}

function joined(
  lines: readonly Line[],
  clear: ReadonlyMap<Leaf, ClearValue>,
  written: (value: string) => string,
): Uint8Array {
  const rendered = lines.map((line) => {
    if (line.leaf === undefined) return line.text;
    const value = clear.get(line.leaf)?.bytes.toString("utf8") ?? line.leaf.text;
    if (value.includes("\0")) throw malformed("it holds a NUL, which the format cannot hold");
    return line.before + written(value);
  });
  return Buffer.from(rendered.join("\n"));
}
