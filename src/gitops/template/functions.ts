/** The functions of templates, named and behaving as in sprig and Argo CD; the piped value comes last there, first here. */
import type { Json } from "../../kube/object.ts";
import { TemplateError } from "./template-error.ts";

type TemplateFunction = (value: Json, args: readonly Json[]) => Json;

/** Longest name that DNS takes. */
const MAX_NAME_LENGTH = 253;
const DEFAULT_SLUG_LENGTH = 50;

const TABLE: Readonly<Record<string, TemplateFunction>> = {
  lower: (value) => text(value).toLowerCase(),
  upper: (value) => text(value).toUpperCase(),
  trim: (value) => text(value).trim(),
  trimPrefix: (value, [prefix]) => {
    const start = text(prefix);
    return text(value).startsWith(start) ? text(value).slice(start.length) : text(value);
  },
  trimSuffix: (value, [suffix]) => {
    const end = text(suffix);
    return end !== "" && text(value).endsWith(end)
      ? text(value).slice(0, -end.length)
      : text(value);
  },
  replace: (value, [from, to]) => text(value).replaceAll(text(from), () => text(to)),
  trunc: (value, [length]) => {
    const count = Number(length);
    return count < 0 ? text(value).slice(count) : text(value).slice(0, count);
  },
  quote: (value) => JSON.stringify(text(value)),
  squote: (value) => `'${text(value)}'`,
  toString: (value: Json) => text(value),
  toJson: (value) => JSON.stringify(value),
  join: (value, [separator]) => list(value).map(text).join(text(separator)),
  splitList: (value, [separator]) => text(value).split(text(separator)),
  first: (value) => list(value)[0] ?? "",
  last: (value) => list(value).at(-1) ?? "",
  base: (value) => text(value).split("/").at(-1) ?? "",
  dir: (value) => text(value).split("/").slice(0, -1).join("/") || ".",
  /** A DNS name, as Argo CD makes them: what does not fit becomes a dash. */
  normalize: (value) => dnsName(text(value)),
  slugify: (value, [length]) =>
    slug(text(value), length === undefined ? undefined : Number(length)),
};

/** By name; a map, so that no name finds what every object has. */
export const FUNCTIONS: ReadonlyMap<string, TemplateFunction> = new Map(Object.entries(TABLE));

/** `Feature/ÄX_1` → `feature--x-1`: lower case letters, digits, dashes and dots, cut to length. */
export function dnsName(value: string): string {
  return value
    .toLowerCase()
    .replace(/[^a-z0-9.-]/g, "-")
    .slice(0, MAX_NAME_LENGTH)
    .replace(/^[.-]+|[.-]+$/g, "");
}

/** A DNS label: as {@link dnsName}, without dots, and short. */
export function slug(value: string, maxLength = DEFAULT_SLUG_LENGTH): string {
  return dnsName(value).replace(/[._]+/g, "-").slice(0, maxLength).replace(/-+$/, "");
}

function text(value: Json | undefined): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  throw new TemplateError(
    `a text is expected, not ${value === undefined ? "nothing" : JSON.stringify(value).slice(0, 80)}`,
  );
}

function list(value: Json): readonly Json[] {
  if (Array.isArray(value)) return value as readonly Json[];
  throw new TemplateError(`a list is expected, not ${JSON.stringify(value).slice(0, 80)}`);
}
