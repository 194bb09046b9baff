/** Lists of globs as projects and policies have them: `*` takes any characters, `!` takes away. */
import { compileGlob, type Glob } from "../render/glob.ts";

/** Compiled globs kept: lists are the same for thousands of objects. */
const MAX_KEPT = 4096;
const kept = new Map<string, Glob>();
const nothing: Glob = () => false;

/** A malformed glob fits nothing. */
export function globOf(pattern: string): Glob {
  const known = kept.get(pattern);
  if (known !== undefined) return known;
  if (kept.size >= MAX_KEPT) kept.clear();
  const glob = compileGlob(pattern) ?? nothing;
  kept.set(pattern, glob);
  return glob;
}

export function fitsAny(patterns: readonly string[], text: string): boolean {
  return patterns.some((pattern) => globOf(pattern)(text));
}

/** Some glob fits, and none that begins with `!` does. */
export function isAllowed(patterns: readonly string[], text: string): boolean {
  let allowed = false;
  for (const pattern of patterns) {
    const denies = pattern.startsWith("!");
    if (!globOf(denies ? pattern.slice(1) : pattern)(text)) continue;
    if (denies) return false;
    allowed = true;
  }
  return allowed;
}
