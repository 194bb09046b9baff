/**
 * `matches`, `find` and `findAll` with patterns that cannot backtrack. The engine's own `matches`
 * uses JavaScript's regular expressions; `meter.ts` puts this one in its place.
 */
import { type Environment, EvaluationError } from "../library.ts";
import { LinearPattern } from "../pattern/linear-pattern.ts";
import { PatternError } from "../pattern/pattern-error.ts";

/** Compiled patterns kept: an expression has few, and the same for each object. */
const MAX_KEPT = 256;
const kept = new Map<string, LinearPattern>();

/** @throws {EvaluationError} when it is no pattern */
export function patternOf(source: string): LinearPattern {
  const known = kept.get(source);
  if (known !== undefined) return known;
  try {
    const pattern = new LinearPattern(source);
    if (kept.size >= MAX_KEPT) kept.clear();
    kept.set(source, pattern);
    return pattern;
  } catch (error) {
    if (error instanceof PatternError)
      throw new EvaluationError(`invalid regular expression: ${error.message}`);
    throw error;
  }
}

export const matches = (text: string, pattern: string): boolean => patternOf(pattern).test(text);

function find(text: string, pattern: string): string {
  const match = patternOf(pattern).find(text);
  return match === undefined ? "" : text.slice(match.start, match.end);
}

function findAll(text: string, pattern: string, limit = -1n): string[] {
  const compiled = patternOf(pattern);
  const found: string[] = [];
  for (let from = 0; from <= text.length && (limit < 0n || found.length < Number(limit)); ) {
    const match = compiled.find(text, from);
    if (match === undefined) break;
    found.push(text.slice(match.start, match.end));
    // An empty match would be found again for ever.
    from = match.end > match.start ? match.end : match.end + 1;
  }
  return found;
}

export function registerPatterns(environment: Environment): void {
  environment.registerFunction("matches(string, string): bool", matches, { async: false });
  environment.registerFunction("string.find(string): string", find, { async: false });
  environment.registerFunction("string.findAll(string): list<string>", findAll, { async: false });
  environment.registerFunction("string.findAll(string, int): list<string>", findAll, {
    async: false,
  });
}
