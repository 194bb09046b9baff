/** Globs of paths as Git generators have them: `*` and `?` stay within a name, `**` takes any directories. */
import { compileGlob } from "../render/glob.ts";

export type PathGlob = (path: string) => boolean;

/** More `**` than that in one pattern is no path that anybody writes. */
const MAX_SEGMENTS = 64;

/** @returns undefined for a malformed pattern */
export function compilePathGlob(pattern: string): PathGlob | undefined {
  const segments = pattern.split("/").filter((segment) => segment !== "" && segment !== ".");
  if (segments.length === 0 || segments.length > MAX_SEGMENTS) return undefined;
  const matchers = segments.map((segment) => (segment === "**" ? "any" : compileGlob(segment)));
  if (matchers.includes(undefined)) return undefined;
  const compiled = matchers.filter((matcher) => matcher !== undefined);
  return (path) => matchNames(compiled, path.split("/"));
}

/** Positions in the pattern that the names so far may have led to: never more than it is long. */
function matchNames(
  matchers: readonly ("any" | ((name: string) => boolean))[],
  names: readonly string[],
): boolean {
  let at = skipAny(matchers, new Set([0]));
  for (const name of names) {
    const next = new Set<number>();
    for (const position of at) {
      const matcher = matchers[position];
      if (matcher === "any") next.add(position);
      else if (matcher?.(name) === true) next.add(position + 1);
    }
    at = skipAny(matchers, next);
  }
  return at.has(matchers.length);
}

/** `**` may stand for no directory at all. */
function skipAny(matchers: readonly unknown[], positions: Set<number>): Set<number> {
  for (const position of positions) if (matchers[position] === "any") positions.add(position + 1);
  return positions;
}
