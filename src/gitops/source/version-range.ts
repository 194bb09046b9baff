/**
 * Ranges of semantic versions (`1.x`, `>=1.2 <2`, `^1.4 || ~2.0`), read as Argo CD, Flux and Helm
 * read them: by the rules of Masterminds/semver, which differ from npm's in commas, in `v`
 * prefixes, in versions with fewer than three numbers and in what counts as a pre-release match.
 */
// The whole package takes five times as long to load.
import SemVer from "semver/classes/semver.js";
import compareBuild from "semver/functions/compare-build.js";

export interface VersionRange {
  /** Whether a version is inside; what is no version is not. */
  matches(version: string): boolean;
  /** The highest of the versions that is inside, as it was written; undefined when none is. */
  best(versions: readonly string[]): string | undefined;
}

/** Longer than any range a person writes; keeps hostile input out of the expressions below. */
const MAX_RANGE_LENGTH = 256;
const MAX_VERSION_LENGTH = 256;

/**
 * Reads a range, but no single version: `v1.2` and `1.2.3` name a tag, as in Argo CD.
 * @returns undefined for versions and for what is no range, such as a branch name
 */
export function parseVersionRange(text: string): VersionRange | undefined {
  return parseVersion(text.trim()) === undefined ? parseVersionConstraint(text) : undefined;
}

/**
 * Reads what Helm takes as the version of a chart, where `1.2` means the newest of 1.2 and nothing
 * means the newest release.
 * @returns undefined for what is neither a version nor a range
 */
export function parseVersionConstraint(text: string): VersionRange | undefined {
  if (text.length > MAX_RANGE_LENGTH) return undefined;
  const alternatives: Alternative[] = [];
  for (const part of withoutHyphens(text).split("||")) {
    const terms = parseTerms(part);
    if (terms === undefined) return undefined;
    alternatives.push({ terms, wantsPrerelease: terms.some(hasPrerelease) });
  }
  const inside = (version: SemVer): boolean =>
    alternatives.some(({ terms, wantsPrerelease }) =>
      terms.every((term) => satisfies(version, term, wantsPrerelease)),
    );
  return {
    matches: (version) => {
      const parsed = parseVersion(version);
      return parsed !== undefined && inside(parsed);
    },
    best: (versions) => highest(versions, inside),
  };
}

/** A version with one to three numbers, `v` allowed: missing numbers are zero. */
export function parseVersion(text: string): SemVer | undefined {
  if (text.length > MAX_VERSION_LENGTH) return undefined;
  const match = VERSION.exec(text);
  if (match === null) return undefined;
  const [, major = "0", minor = "0", patch = "0", prerelease = "", build = ""] = match;
  const numbers = [major, minor, patch].map((number) => number.replace(/^0+(?=\d)/, ""));
  try {
    return new SemVer(`${numbers.join(".")}${prerelease}${build}`);
  } catch {
    return undefined; // numbers beyond 2^53, pre-release numbers with leading zeros
  }
}

const SUFFIX = String.raw`(-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?`;
const VERSION = new RegExp(String.raw`^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?${SUFFIX}$`);
const OPERATORS = ["=", "!=", ">", "<", ">=", "=>", "<=", "=<", "~", "~>", "^"] as const;
const TERM = new RegExp(
  String.raw`^(=>|=<|=|!=|>=|<=|>|<|~>|~|\^)?\s*v?(\d+|[xX*])(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?${SUFFIX}(?=$|[\s,])`,
);

type Operator = (typeof OPERATORS)[number];

/** Several terms that must all hold. */
interface Alternative {
  readonly terms: readonly Term[];
  /** One term that names a pre-release lets pre-releases into the whole alternative. */
  readonly wantsPrerelease: boolean;
}

interface Term {
  readonly operator: Operator;
  readonly version: SemVer;
  /** The first number that was left open, `1.x` or `1`: the minor one. */
  readonly open: "none" | "major" | "minor" | "patch";
}

const hasPrerelease = ({ version }: Term): boolean => version.prerelease.length > 0;

/** `1.2 - 1.4.5` says `>=1.2 <=1.4.5`. */
function withoutHyphens(text: string): string {
  return text.replace(/(?<=^|[\s,|])([^\s,|]+)\s+-\s+([^\s,|]+)/g, ">=$1 <=$2");
}

function parseTerms(text: string): Term[] | undefined {
  const terms: Term[] = [];
  let rest = text.trim();
  if (rest === "") return undefined;
  while (rest !== "") {
    const match = TERM.exec(rest);
    const term = match === null ? undefined : termOf(match);
    if (match === null || term === undefined) return undefined;
    terms.push(term);
    const after = rest.slice(match[0].length);
    rest = after.replace(/^\s*,?\s*/, "");
    if (rest === "" && after.includes(",")) return undefined;
  }
  return terms;
}

function termOf(match: RegExpExecArray): Term | undefined {
  const [, operator = "=", major = "", minor = "", patch = "", prerelease = ""] = match;
  const isOpen = (number: string): boolean => number === "" || /[xX*]/.test(number);
  const open = isOpen(major) ? "major" : isOpen(minor) ? "minor" : isOpen(patch) ? "patch" : "none";
  const numbers = {
    none: [major, minor, patch],
    patch: [major, minor, "0"],
    minor: [major, "0", "0"],
    major: ["0", "0", "0"],
  }[open];
  const version = parseVersion(`${numbers.join(".")}${prerelease}`);
  const known = OPERATORS.find((each) => each === operator);
  return version === undefined || known === undefined
    ? undefined
    : { operator: known, version, open };
}

function satisfies(version: SemVer, term: Term, wantsPrerelease: boolean): boolean {
  if (version.prerelease.length > 0 && !wantsPrerelease) return false;
  const { operator, open } = term;
  const compared = version.compare(term.version);
  switch (operator) {
    case "=":
      return open === "none" ? compared === 0 : isNear(version, term);
    case "!=":
      return open === "none" ? compared !== 0 : !isNear(version, term);
    case ">":
      return open === "minor" || open === "patch" ? isBeyond(version, term) : compared > 0;
    case "<":
      return compared < 0;
    case ">=":
    case "=>":
      return compared >= 0;
    case "<=":
    case "=<":
      return open === "none" ? compared <= 0 : !isBeyond(version, term);
    case "~":
    case "~>":
      return isNear(version, term);
    case "^":
      return isCompatible(version, term);
  }
}

/** Above everything that an open version stands for: 1.3.0 is beyond `1.2.x`, 1.2.9 is not. */
function isBeyond(version: SemVer, { version: limit, open }: Term): boolean {
  if (version.major !== limit.major) return version.major > limit.major;
  return open !== "minor" && version.minor > limit.minor;
}

/**
 * `~1.2.3`: at least that, and the same minor version; `~1`: the same major version. `~0.0.0` says
 * "any", as the library documents.
 */
function isNear(version: SemVer, { version: base, open }: Term): boolean {
  if (version.compare(base) < 0) return false;
  if (open === "major" || (open === "none" && base.compareMain("0.0.0") === 0)) return true;
  return version.major === base.major && (open === "minor" || version.minor === base.minor);
}

/** `^1.2.3`: at least that, and no change of the first number that is not zero. */
function isCompatible(version: SemVer, { version: base, open }: Term): boolean {
  if (version.compare(base) < 0) return false;
  if (open === "major") return true;
  if (version.major !== base.major) return false;
  if (base.major > 0 || open === "minor") return true;
  if (version.minor !== base.minor) return false;
  return base.minor > 0 || open === "patch" || version.patch === base.patch;
}

function highest(
  versions: readonly string[],
  inside: (version: SemVer) => boolean,
): string | undefined {
  let best: { readonly text: string; readonly version: SemVer } | undefined;
  for (const text of versions) {
    const version = parseVersion(text);
    if (version === undefined || !inside(version)) continue;
    // Build metadata has no rank, but a choice must not depend on the order of a list.
    if (best === undefined || compareBuild(version, best.version) > 0) best = { text, version };
  }
  return best?.text;
}
