/**
 * The patterns of `directory.include` and `exclude`, as Argo CD reads them: `*` takes any
 * characters, slashes too; `?`, `[a-z]`, `[!a-z]`, `{a,b}`, `\` to escape. Matching never takes
 * more than pattern length times path length.
 */

/** `{a,b}{c,d}…` doubles with every group. */
const MAX_ALTERNATIVES = 256;
const MAX_PATTERN_LENGTH = 1024;

type Token = "any" | { readonly matches: (char: string) => boolean };

export type Glob = (path: string) => boolean;

/** @returns undefined for a malformed pattern */
export function compileGlob(pattern: string): Glob | undefined {
  if (pattern.length > MAX_PATTERN_LENGTH) return undefined;
  const alternatives = expandBraces(pattern);
  const compiled = alternatives?.map(tokenize);
  if (compiled === undefined || compiled.includes(undefined)) return undefined;
  const sequences = compiled.filter((tokens) => tokens !== undefined);
  return (path) => {
    const characters = [...path];
    return sequences.some((tokens) => matches(tokens, characters));
  };
}

/** `{a,b}c` as `ac` and `bc`. */
function expandBraces(pattern: string): string[] | undefined {
  const open = indexOutside(pattern, "{", 0);
  if (open < 0) return indexOutside(pattern, "}", 0) < 0 ? [pattern] : undefined;
  let depth = 0;
  let partStart = open + 1;
  const parts: string[] = [];
  for (let at = open; at < pattern.length; at++) {
    const char = pattern[at];
    if (char === "\\") at++;
    else if (char === "{") depth++;
    else if (char === "," && depth === 1) {
      parts.push(pattern.slice(partStart, at));
      partStart = at + 1;
    } else if (char === "}" && --depth === 0) {
      parts.push(pattern.slice(partStart, at));
      return expandParts(pattern.slice(0, open), parts, pattern.slice(at + 1));
    }
  }
  return undefined;
}

function expandParts(before: string, parts: string[], after: string): string[] | undefined {
  const expanded: string[] = [];
  for (const part of parts) {
    const rest = expandBraces(part + after);
    if (rest === undefined || expanded.length + rest.length > MAX_ALTERNATIVES) return undefined;
    expanded.push(...rest.map((text) => before + text));
  }
  return expanded;
}

function indexOutside(pattern: string, wanted: string, from: number): number {
  for (let at = from; at < pattern.length; at++) {
    if (pattern[at] === "\\") at++;
    else if (pattern[at] === wanted) return at;
  }
  return -1;
}

function tokenize(pattern: string): Token[] | undefined {
  const tokens: Token[] = [];
  const characters = [...pattern];
  for (let at = 0; at < characters.length; at++) {
    const char = characters[at] ?? "";
    if (char === "*") {
      if (tokens.at(-1) !== "any") tokens.push("any");
    } else if (char === "?") tokens.push({ matches: () => true });
    else if (char === "[") {
      const end = characters.indexOf("]", at + 2);
      if (end < 0) return undefined;
      tokens.push(characterClass(characters.slice(at + 1, end)));
      at = end;
    } else {
      const literal = char === "\\" ? characters[++at] : char;
      if (literal === undefined) return undefined;
      tokens.push({ matches: (other) => other === literal });
    }
  }
  return tokens;
}

function characterClass(content: string[]): Token {
  const negated = content[0] === "!" || content[0] === "^";
  const members = negated ? content.slice(1) : content;
  const ranges: [string, string][] = [];
  for (let at = 0; at < members.length; at++) {
    const from = members[at] ?? "";
    const to = members[at + 1] === "-" ? members[at + 2] : undefined;
    ranges.push([from, to ?? from]);
    if (to !== undefined) at += 2;
  }
  return {
    matches: (char) => ranges.some(([from, to]) => from <= char && char <= to) !== negated,
  };
}

/** On a mismatch only the last star takes one more character: no other choice can do better. */
function matches(tokens: readonly Token[], characters: readonly string[]): boolean {
  let token = 0;
  let char = 0;
  let starToken = -1;
  let starChar = 0;
  while (char < characters.length) {
    const current = tokens[token];
    if (current === "any") {
      starToken = token++;
      starChar = char;
    } else if (current?.matches(characters[char] ?? "") === true) {
      token++;
      char++;
    } else if (starToken >= 0) {
      token = starToken + 1;
      char = ++starChar;
    } else return false;
  }
  while (tokens[token] === "any") token++;
  return token === tokens.length;
}
