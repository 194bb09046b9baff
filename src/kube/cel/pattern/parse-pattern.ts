/**
 * Parses RE2's regular expressions: no backreferences, no lookaround, so that matching takes
 * linear time. Groups only group: nothing here asks what they captured.
 */
import {
  anyOf,
  ignoringCase,
  perlClass,
  posixClass,
  rangeClass,
  unicodeClass,
} from "./character-class.ts";
import { PatternError } from "./pattern-error.ts";
import type { CharacterTest, PatternFlags, PatternNode } from "./pattern-syntax.ts";

/** Longest pattern accepted. */
const MAX_LENGTH = 4096;
/** Nested groups, which take recursion. */
const MAX_DEPTH = 100;
/** RE2's own limit of `{n,m}`. */
const MAX_REPEAT = 1000;

const ESCAPED: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };

/** @throws {PatternError} */
export function parsePattern(source: string): PatternNode {
  if (source.length > MAX_LENGTH)
    throw new PatternError(`the pattern is longer than ${MAX_LENGTH} characters`);
  const parser = new PatternParser(source);
  return parser.parse();
}

class PatternParser {
  readonly #source: readonly string[];
  #at = 0;
  #depth = 0;
  #flags: PatternFlags = { ignoreCase: false, multiline: false, dotAll: false, ungreedy: false };

  constructor(source: string) {
    this.#source = [...source];
  }

  parse(): PatternNode {
    const node = this.#choice();
    if (this.#at < this.#source.length) throw new PatternError("there is a ) without its (");
    return node;
  }

  #peek(): string {
    return this.#source[this.#at] ?? "";
  }
  #take(): string {
    const character = this.#source[this.#at];
    if (character === undefined) throw new PatternError("the pattern ends too early");
    this.#at++;
    return character;
  }
  #takeIf(text: string): boolean {
    if (this.#source.slice(this.#at, this.#at + text.length).join("") !== text) return false;
    this.#at += text.length;
    return true;
  }
  #takeUntil(end: string): string {
    const from = this.#at;
    while (!this.#takeIf(end)) this.#take();
    return this.#source.slice(from, this.#at - end.length).join("");
  }

  #choice(): PatternNode {
    const options = [this.#sequence()];
    while (this.#takeIf("|")) options.push(this.#sequence());
    const [only] = options;
    return options.length === 1 && only !== undefined ? only : { type: "choice", options };
  }

  #sequence(): PatternNode {
    const items: PatternNode[] = [];
    while (this.#at < this.#source.length && this.#peek() !== "|" && this.#peek() !== ")") {
      const atom = this.#atom();
      if (atom !== undefined) items.push(this.#repeated(atom));
    }
    return { type: "sequence", items };
  }

  #repeated(item: PatternNode): PatternNode {
    const bounds = this.#bounds();
    if (bounds === undefined) return item;
    const isLazy = this.#takeIf("?");
    const node: PatternNode = {
      type: "repeat",
      item,
      ...bounds,
      greedy: isLazy === this.#flags.ungreedy,
    };
    if (this.#bounds() !== undefined)
      throw new PatternError("a repetition may not follow a repetition");
    return node;
  }

  #bounds(): { min: number; max: number } | undefined {
    if (this.#takeIf("*")) return { min: 0, max: Infinity };
    if (this.#takeIf("+")) return { min: 1, max: Infinity };
    if (this.#takeIf("?")) return { min: 0, max: 1 };
    if (this.#peek() !== "{") return undefined;
    // As RE2 does: a brace that counts nothing stands for itself.
    const rest = this.#source.slice(this.#at, this.#at + 16).join("");
    const match = /^\{(\d{1,6})(,(\d{0,6}))?\}/.exec(rest);
    if (match === null) return undefined;
    this.#at += match[0].length;
    const min = Number(match[1]);
    const max = match[2] === undefined ? min : match[3] === "" ? Infinity : Number(match[3]);
    if (min > MAX_REPEAT || (max !== Infinity && max > MAX_REPEAT) || max < min)
      throw new PatternError(`the repetition ${match[0]} is not within 0 and ${MAX_REPEAT}`);
    return { min, max };
  }

  /** Undefined: it was flags, which match nothing by themselves. */
  #atom(): PatternNode | undefined {
    const character = this.#take();
    switch (character) {
      case "(":
        return this.#group();
      case "[":
        return this.#character(this.#class());
      case ".": {
        const { dotAll } = this.#flags;
        return { type: "character", test: (codePoint) => dotAll || codePoint !== 10 };
      }
      case "^":
        return {
          type: "assertion",
          assertion: this.#flags.multiline ? "lineStart" : "textStart",
        };
      case "$":
        return { type: "assertion", assertion: this.#flags.multiline ? "lineEnd" : "textEnd" };
      case "\\":
        return this.#escape();
      case "*":
      case "+":
      case "?":
        throw new PatternError(`there is nothing before the repetition ${character}`);
      default:
        return this.#literal(character);
    }
  }

  #literal(character: string): PatternNode {
    const codePoint = character.codePointAt(0) ?? 0;
    return this.#character(rangeClass(codePoint, codePoint));
  }
  #character(test: CharacterTest): PatternNode {
    return { type: "character", test: this.#flags.ignoreCase ? ignoringCase(test) : test };
  }

  #group(): PatternNode | undefined {
    if (++this.#depth > MAX_DEPTH) throw new PatternError("the groups are nested too deeply");
    const outer = this.#flags;
    if (this.#takeIf("?")) {
      if (this.#takeIf("P<") || this.#takeIf("<")) {
        if (!/^\w$/.test(this.#peek())) throw new PatternError("lookbehind is not supported");
        this.#takeUntil(">");
      } else {
        const isWholeRest = this.#readFlags();
        if (isWholeRest) {
          this.#depth--;
          return undefined;
        }
      }
    }
    const node = this.#choice();
    if (!this.#takeIf(")")) throw new PatternError("there is a ( without its )");
    this.#flags = outer;
    this.#depth--;
    return node;
  }

  /** After `(?`: true when it was `(?i)`, false when a group follows, as in `(?i:`. */
  #readFlags(): boolean {
    const NAMES: Readonly<Record<string, keyof PatternFlags>> = {
      i: "ignoreCase",
      m: "multiline",
      s: "dotAll",
      U: "ungreedy",
    };
    let value = true;
    for (;;) {
      const character = this.#take();
      if (character === ":") return false;
      if (character === ")") return true;
      if (character === "-" && value) {
        value = false;
        continue;
      }
      const flag = NAMES[character];
      if (flag === undefined)
        throw new PatternError("lookaround and unknown flags are not supported");
      this.#flags = { ...this.#flags, [flag]: value };
    }
  }

  #escape(): PatternNode {
    const letter = this.#peek();
    switch (letter) {
      case "A":
        this.#at++;
        return { type: "assertion", assertion: "textStart" };
      case "z":
        this.#at++;
        return { type: "assertion", assertion: "textEnd" };
      case "b":
        this.#at++;
        return { type: "assertion", assertion: "boundary" };
      case "B":
        this.#at++;
        return { type: "assertion", assertion: "noBoundary" };
      case "Q": {
        this.#at++;
        const from = this.#at;
        while (this.#at < this.#source.length && !this.#takeIf("\\E")) this.#at++;
        const text = this.#source.slice(from, this.#at);
        if (text.at(-2) === "\\" && text.at(-1) === "E") text.splice(-2);
        const items = text.map((character) => this.#literal(character));
        const last = items.pop();
        // A repetition that follows is of the last character.
        if (last !== undefined) items.push(this.#repeated(last));
        return { type: "sequence", items };
      }
      default: {
        const escaped = this.#escapedCharacter();
        if (typeof escaped !== "number") return this.#character(escaped);
        return this.#character(rangeClass(escaped, escaped));
      }
    }
  }

  /** After a backslash, also inside a class: a code point, or a class. */
  #escapedCharacter(): number | CharacterTest {
    const letter = this.#take();
    const perl = perlClass(letter);
    if (perl !== undefined) return perl;
    if (letter === "p" || letter === "P") {
      const name = this.#takeIf("{") ? this.#takeUntil("}") : this.#take();
      const isNegated = name.startsWith("^");
      return unicodeClass(isNegated ? name.slice(1) : name, isNegated !== (letter === "P"));
    }
    if (letter === "x") {
      const digits = this.#takeIf("{") ? this.#takeUntil("}") : this.#take() + this.#take();
      const codePoint = /^[0-9A-Fa-f]{1,6}$/.test(digits) ? Number.parseInt(digits, 16) : Infinity;
      if (codePoint > 0x10_ffff) throw new PatternError(`\\x${digits} is no character`);
      return codePoint;
    }
    if (letter === "0") return this.#octal();
    const control = ESCAPED[letter];
    if (control !== undefined) return control;
    if (/^[0-9A-Za-z]$/.test(letter)) throw new PatternError(`\\${letter} is not supported`);
    return letter.codePointAt(0) ?? 0;
  }

  #octal(): number {
    let value = 0;
    for (let digits = 0; digits < 2 && /^[0-7]$/.test(this.#peek()); digits++)
      value = value * 8 + Number(this.#take());
    return value;
  }

  /** After `[`. */
  #class(): CharacterTest {
    const isNegated = this.#takeIf("^");
    const tests: CharacterTest[] = [];
    for (let isFirst = true; isFirst || this.#peek() !== "]"; isFirst = false) {
      if (this.#takeIf("[:")) {
        tests.push(posixClass(this.#takeUntil(":]")));
        continue;
      }
      const from = this.#classCharacter();
      if (typeof from !== "number") {
        tests.push(from);
        continue;
      }
      const isRange = this.#peek() === "-" && this.#source[this.#at + 1] !== "]";
      if (!isRange) {
        tests.push(rangeClass(from, from));
        continue;
      }
      this.#take();
      const to = this.#classCharacter();
      if (typeof to !== "number" || to < from)
        throw new PatternError("a range of characters has no valid end");
      tests.push(rangeClass(from, to));
    }
    this.#take();
    const { ignoreCase } = this.#flags;
    const test = anyOf(tests, false);
    const folded = ignoreCase ? ignoringCase(test) : test;
    return isNegated ? (codePoint) => !folded(codePoint) : folded;
  }

  #classCharacter(): number | CharacterTest {
    const character = this.#take();
    return character === "\\" ? this.#escapedCharacter() : (character.codePointAt(0) ?? 0);
  }
}
