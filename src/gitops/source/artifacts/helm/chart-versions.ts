/**
 * The versions of one chart in a Helm repository's `index.yaml`. Public indexes have 20 MB, of which
 * one chart is a hundredth: only its part is parsed.
 */
import { parse } from "yaml";
import { parseVersion, parseVersionConstraint } from "../../version-range.ts";
import { protocolProblem } from "../artifact-problems.ts";

export interface ChartVersion {
  readonly version: string;
  /** Of the archive; absent in indexes that are not made by Helm. */
  readonly digest?: string;
  /** Absolute, or relative to the repository. */
  readonly url: string;
  /** Milliseconds since the epoch; 0 when unknown. */
  readonly createdMs: number;
  readonly description: string;
}

/** A chart that was released every day for twenty years. */
const MAX_VERSIONS = 10_000;
/** What is parsed at once: 10,000 versions with their descriptions, or a whole small index. */
const MAX_PARSED_CHARS = 8 * 1024 * 1024;
/**
 * Lines and items of it, each of which costs time: the most released public charts have 50,000, and
 * nobody else waits longer than a few seconds for one that was made to take long.
 */
const MAX_PARSED_ITEMS = 200_000;
const MAX_DESCRIPTION_LENGTH = 200;

/**
 * @returns undefined when the index has no such chart
 * @throws SourceError `protocol`
 */
export function chartVersions(
  index: string,
  chart: string,
  where: string,
): readonly ChartVersion[] | undefined {
  const listed = index.trimStart().startsWith("{")
    ? asRecord(asRecord(parsed(() => JSON.parse(index) as unknown, where))["entries"])[chart]
    : fromYaml(index, chart, where);
  if (listed === undefined || listed === null) return undefined;
  if (!Array.isArray(listed)) throw malformedIndex(where);
  return listed.slice(0, MAX_VERSIONS).flatMap(chartVersion);
}

function fromYaml(index: string, chart: string, where: string): unknown {
  const part = partOf(index, chart);
  const text = part ?? index;
  if (text === "") return undefined;
  if (text.length > MAX_PARSED_CHARS || hasMoreItems(text, MAX_PARSED_ITEMS))
    throw malformedIndex(where, "it is too large to be read");
  // All scalars as text: a digest of digits only is no number.
  const value = parsed(
    () => parse(text, { schema: "failsafe", logLevel: "silent" }) as unknown,
    where,
  );
  return part === undefined ? asRecord(asRecord(value)["entries"])[chart] : asRecord(value)[chart];
}

/** Counts what ends a line or an item, in any style. */
function hasMoreItems(text: string, limit: number): boolean {
  let count = 0;
  for (const _end of text.matchAll(/[\n,[{]/g)) if (++count > limit) return true;
  return false;
}

/**
 * The lines of a chart in the block style that Helm writes: `entries:`, names one level deeper,
 * their lists at the same level or deeper.
 * @returns an empty text when there is no such chart, undefined for another style
 */
function partOf(index: string, chart: string): string | undefined {
  const entries = /^entries:[ \t]*(?:#.*)?$/m.exec(index);
  if (entries === null) return undefined;
  const body = index.slice(entries.index + entries[0].length);
  const indent = /^\n(?:[ \t]*(?:#.*)?\n)*( +)\S/.exec(body)?.[1];
  if (indent === undefined) return undefined;
  const names = new RegExp(`^${indent}(?![ #-])("?)([^"':\\s]+)\\1:[ \\t]*(?:#.*)?$`, "gm");
  const ends = new RegExp(`^(?:${indent}(?![ #-])\\S|(?! {${indent.length}})[^\\s#])`, "gm");
  for (let match = names.exec(body); match !== null; match = names.exec(body)) {
    if (match[2] !== chart) continue;
    ends.lastIndex = match.index + match[0].length;
    return body.slice(match.index, ends.exec(body)?.index ?? body.length);
  }
  return "";
}

function chartVersion(entry: unknown): ChartVersion[] {
  const { version, urls, digest, created, description, removed } = asRecord(entry);
  const url: unknown = Array.isArray(urls) ? urls[0] : undefined;
  if (
    typeof version !== "string" ||
    typeof url !== "string" ||
    removed === true ||
    removed === "true"
  )
    return [];
  if (parseVersion(version) === undefined) return [];
  const hex =
    typeof digest === "string" ? /^(?:sha256:)?([0-9a-f]{64})$/.exec(digest)?.[1] : undefined;
  const createdMs = typeof created === "string" ? Date.parse(created) : Number.NaN;
  return [
    {
      version,
      url,
      ...(hex !== undefined && { digest: `sha256:${hex}` }),
      createdMs: Number.isNaN(createdMs) ? 0 : createdMs,
      description:
        typeof description === "string" ? description.slice(0, MAX_DESCRIPTION_LENGTH) : "",
    },
  ];
}

/**
 * The version that Helm would install: one that is written exactly so, else the highest in a range;
 * nothing means the newest release.
 */
export function selectVersion(
  versions: readonly ChartVersion[],
  wanted: string,
): ChartVersion | undefined {
  const range = wanted === "" || wanted === "HEAD" ? "*" : wanted;
  const exact = versions.find(({ version }) => version === range);
  if (exact !== undefined) return exact;
  const best = parseVersionConstraint(range)?.best(versions.map(({ version }) => version));
  return versions.find(({ version }) => version === best);
}

function parsed(read: () => unknown, where: string): unknown {
  try {
    return read();
  } catch {
    throw malformedIndex(where);
  }
}

function malformedIndex(where: string, why = "it is no index of charts"): Error {
  return protocolProblem(`the repository's index.yaml cannot be used: ${why}`, where);
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}
