/** Classes of characters, as RE2 has them (github.com/google/re2/wiki/Syntax). */
import type { CharacterTest } from "./pattern-syntax.ts";
import { PatternError } from "./pattern-error.ts";

const between =
  (...ranges: readonly (readonly [string, string])[]): CharacterTest =>
  (codePoint) =>
    ranges.some(
      ([from, to]) =>
        codePoint >= (from.codePointAt(0) ?? 0) && codePoint <= (to.codePointAt(0) ?? 0),
    );

const not =
  (test: CharacterTest): CharacterTest =>
  (codePoint) =>
    !test(codePoint);

const DIGIT = between(["0", "9"]);
const WORD = between(["0", "9"], ["A", "Z"], ["a", "z"], ["_", "_"]);
/** Without \v, which RE2's `\s` has not. */
const SPACE = between(["\t", "\n"], ["\f", "\r"], [" ", " "]);

export const isWordCharacter = WORD;

/** `\d`, `\W`, …; undefined when the letter names no class. */
export function perlClass(letter: string): CharacterTest | undefined {
  switch (letter) {
    case "d":
      return DIGIT;
    case "D":
      return not(DIGIT);
    case "w":
      return WORD;
    case "W":
      return not(WORD);
    case "s":
      return SPACE;
    case "S":
      return not(SPACE);
    default:
      return undefined;
  }
}

const POSIX = new Map<string, CharacterTest>([
  ["alnum", between(["0", "9"], ["A", "Z"], ["a", "z"])],
  ["alpha", between(["A", "Z"], ["a", "z"])],
  ["ascii", between(["\0", "\x7f"])],
  ["blank", between(["\t", "\t"], [" ", " "])],
  ["cntrl", between(["\0", "\x1f"], ["\x7f", "\x7f"])],
  ["digit", DIGIT],
  ["graph", between(["!", "~"])],
  ["lower", between(["a", "z"])],
  ["print", between([" ", "~"])],
  ["punct", between(["!", "/"], [":", "@"], ["[", "`"], ["{", "~"])],
  ["space", between(["\t", "\r"], [" ", " "])],
  ["upper", between(["A", "Z"])],
  ["word", WORD],
  ["xdigit", between(["0", "9"], ["A", "F"], ["a", "f"])],
]);

/** `alpha`, `^digit`. @throws {PatternError} when there is no such class */
export function posixClass(name: string): CharacterTest {
  const isNegated = name.startsWith("^");
  const test = POSIX.get(isNegated ? name.slice(1) : name);
  if (test === undefined) throw new PatternError(`there is no character class [:${name}:]`);
  return isNegated ? not(test) : test;
}

/** A Unicode category or script: `L`, `Greek`. @throws {PatternError} when there is none */
export function unicodeClass(name: string, isNegated: boolean): CharacterTest {
  // One character is matched at a time, so the native engine cannot backtrack here.
  const test =
    /^[A-Za-z_]{1,40}$/.test(name) &&
    (tryUnicode(`\\p{${name}}`) ?? tryUnicode(`\\p{Script=${name}}`));
  if (!test) throw new PatternError(`there is no character class \\p{${name}}`);
  return isNegated ? not(test) : test;
}

function tryUnicode(source: string): CharacterTest | undefined {
  try {
    const pattern = new RegExp(`^${source}$`, "u");
    return (codePoint) => pattern.test(String.fromCodePoint(codePoint));
  } catch {
    return undefined; // no such name: the caller tries another or says so
  }
}

export function rangeClass(from: number, to: number): CharacterTest {
  return (codePoint) => codePoint >= from && codePoint <= to;
}

export function anyOf(tests: readonly CharacterTest[], isNegated: boolean): CharacterTest {
  return (codePoint) => tests.some((test) => test(codePoint)) !== isNegated;
}

/** Matches either case of what `test` matches. */
export function ignoringCase(test: CharacterTest): CharacterTest {
  return (codePoint) => {
    if (test(codePoint)) return true;
    const character = String.fromCodePoint(codePoint);
    return [character.toLowerCase(), character.toUpperCase()].some(
      (other) => other !== character && test(other.codePointAt(0) ?? 0),
    );
  };
}
