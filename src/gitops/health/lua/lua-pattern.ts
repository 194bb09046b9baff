/**
 * Lua's patterns (reference manual 5.3, §6.4.1). The interpreter's own matcher backtracks without
 * asking anyone; this one charges every step. Text is one character per byte.
 */

/** Deepest backtracking, as in Lua itself: it takes recursion. */
const MAX_DEPTH = 200;
/** As in Lua. */
const MAX_CAPTURES = 32;

export class LuaPatternError extends Error {
  override readonly name = "LuaPatternError";
}

/** A text, or a position (from 1) for `()`. */
export type LuaCapture = string | number;

export interface LuaMatch {
  /** From 0; `end` is exclusive. */
  readonly start: number;
  readonly end: number;
  readonly captures: readonly LuaCapture[];
}

const OPEN = -1;
const POSITION = -2;

interface CaptureState {
  readonly start: number;
  length: number;
}

export class LuaPattern {
  readonly #pattern: string;
  readonly #isAnchored: boolean;
  readonly #charge: (steps: number) => void;
  #text = "";
  #captures: CaptureState[] = [];
  #depth = 0;

  /** @param charge is called with the steps done; what it throws ends the search */
  constructor(pattern: string, charge: (steps: number) => void, mayAnchor = true) {
    this.#isAnchored = mayAnchor && pattern.startsWith("^");
    this.#pattern = pattern;
    this.#charge = charge;
  }

  get isAnchored(): boolean {
    return this.#isAnchored;
  }

  /** The first match at or after `from`. @throws {LuaPatternError} when the pattern is malformed */
  find(text: string, from: number): LuaMatch | undefined {
    for (let start = from; start <= text.length; start++) {
      const match = this.matchAt(text, start);
      if (match !== undefined || this.#isAnchored) return match;
    }
    return undefined;
  }

  matchAt(text: string, start: number): LuaMatch | undefined {
    this.#text = text;
    this.#captures = [];
    this.#depth = 0;
    const end = this.#match(start, this.#isAnchored ? 1 : 0);
    if (end === undefined) return undefined;
    return { start, end, captures: this.#captures.map((capture) => this.#captured(capture)) };
  }

  #captured({ start, length }: CaptureState): LuaCapture {
    if (length === POSITION) return start + 1;
    if (length === OPEN) throw new LuaPatternError("unfinished capture");
    return this.#text.slice(start, start + length);
  }

  /** The end of a match of the pattern from `p` at `s`. */
  #match(s: number, p: number): number | undefined {
    if (++this.#depth > MAX_DEPTH) throw new LuaPatternError("pattern too complex");
    try {
      return this.#matchItems(s, p);
    } finally {
      this.#depth--;
    }
  }

  #matchItems(from: number, first: number): number | undefined {
    let [s, p] = [from, first];
    const pattern = this.#pattern;
    for (;;) {
      this.#charge(1);
      if (p >= pattern.length) return s;
      const item = pattern[p];
      if (item === "(") {
        return pattern[p + 1] === ")"
          ? this.#openCapture(s, p + 2, POSITION)
          : this.#openCapture(s, p + 1, OPEN);
      }
      if (item === ")") return this.#closeCapture(s, p + 1);
      if (item === "$" && p + 1 === pattern.length) return s === this.#text.length ? s : undefined;
      if (item === "%") {
        const kind = pattern[p + 1] ?? "";
        if (kind === "b") {
          const end = this.#balanced(s, p + 2);
          if (end === undefined) return undefined;
          [s, p] = [end, p + 4];
          continue;
        }
        if (kind === "f") {
          const set = p + 2;
          if (pattern[set] !== "[") throw new LuaPatternError("missing '[' after '%f' in pattern");
          const end = this.#itemEnd(set);
          const before = s === 0 ? "\0" : this.#text.charAt(s - 1);
          const after = s < this.#text.length ? this.#text.charAt(s) : "\0";
          if (this.#inSet(before, set, end - 1) || !this.#inSet(after, set, end - 1))
            return undefined;
          p = end;
          continue;
        }
        if (kind >= "0" && kind <= "9") {
          const end = this.#backReference(s, kind);
          if (end === undefined) return undefined;
          [s, p] = [end, p + 2];
          continue;
        }
      }
      const end = this.#itemEnd(p);
      switch (pattern[end]) {
        case "?": {
          if (this.#matchesOne(s, p, end)) {
            const rest = this.#match(s + 1, end + 1);
            if (rest !== undefined) return rest;
          }
          p = end + 1;
          continue;
        }
        case "+":
          return this.#matchesOne(s, p, end) ? this.#longest(s + 1, p, end) : undefined;
        case "*":
          return this.#longest(s, p, end);
        case "-":
          return this.#shortest(s, p, end);
        default:
          if (!this.#matchesOne(s, p, end)) return undefined;
          [s, p] = [s + 1, end];
      }
    }
  }

  #longest(s: number, p: number, end: number): number | undefined {
    let count = 0;
    while (this.#matchesOne(s + count, p, end)) {
      count++;
      this.#charge(1);
    }
    for (; count >= 0; count--) {
      const rest = this.#match(s + count, end + 1);
      if (rest !== undefined) return rest;
    }
    return undefined;
  }

  #shortest(from: number, p: number, end: number): number | undefined {
    for (let s = from; ; s++) {
      const rest = this.#match(s, end + 1);
      if (rest !== undefined) return rest;
      if (!this.#matchesOne(s, p, end)) return undefined;
    }
  }

  #openCapture(s: number, p: number, length: number): number | undefined {
    if (this.#captures.length >= MAX_CAPTURES) throw new LuaPatternError("too many captures");
    this.#captures.push({ start: s, length });
    const end = this.#match(s, p);
    if (end === undefined) this.#captures.pop();
    return end;
  }

  #closeCapture(s: number, p: number): number | undefined {
    const open = this.#captures.findLast(({ length }) => length === OPEN);
    if (open === undefined) throw new LuaPatternError("invalid pattern capture");
    open.length = s - open.start;
    const end = this.#match(s, p);
    if (end === undefined) open.length = OPEN;
    return end;
  }

  #backReference(s: number, digit: string): number | undefined {
    const capture = this.#captures[Number(digit) - 1];
    if (capture === undefined || capture.length === OPEN)
      throw new LuaPatternError(`invalid capture index %${digit}`);
    const text = this.#captured(capture);
    this.#charge(String(text).length);
    if (typeof text === "number") return undefined;
    return this.#text.startsWith(text, s) ? s + text.length : undefined;
  }

  #balanced(s: number, p: number): number | undefined {
    const [open, close] = [this.#pattern[p], this.#pattern[p + 1]];
    if (open === undefined || close === undefined)
      throw new LuaPatternError("malformed pattern (missing arguments to '%b')");
    if (this.#text[s] !== open) return undefined;
    let depth = 1;
    for (let at = s + 1; at < this.#text.length; at++) {
      this.#charge(1);
      if (this.#text[at] === close) {
        if (--depth === 0) return at + 1;
      } else if (this.#text[at] === open) depth++;
    }
    return undefined;
  }

  /** After the single-character item at `p`. */
  #itemEnd(p: number): number {
    const pattern = this.#pattern;
    if (pattern[p] === "%") {
      if (p + 1 >= pattern.length) throw new LuaPatternError("malformed pattern (ends with '%')");
      return p + 2;
    }
    if (pattern[p] !== "[") return p + 1;
    let at = p + 1;
    if (pattern[at] === "^") at++;
    // A bracket that comes first stands for itself.
    do {
      if (at >= pattern.length) throw new LuaPatternError("malformed pattern (missing ']')");
      at += pattern[at] === "%" ? 2 : 1;
    } while (pattern[at] !== "]");
    return at + 1;
  }

  #matchesOne(s: number, p: number, end: number): boolean {
    if (s >= this.#text.length) return false;
    const character = this.#text.charAt(s);
    switch (this.#pattern[p]) {
      case ".":
        return true;
      case "%":
        return inClass(character, this.#pattern.charAt(p + 1));
      case "[":
        return this.#inSet(character, p, end - 1);
      default:
        return this.#pattern[p] === character;
    }
  }

  /** Whether a set, from its `[` to its `]`, has the character. */
  #inSet(character: string, open: number, close: number): boolean {
    const pattern = this.#pattern;
    const isNegated = pattern[open + 1] === "^";
    for (let at = open + (isNegated ? 2 : 1); at < close; at++) {
      this.#charge(1);
      if (pattern[at] === "%") {
        at++;
        if (inClass(character, pattern.charAt(at))) return !isNegated;
      } else if (pattern[at + 1] === "-" && at + 2 < close) {
        if (pattern.charAt(at) <= character && character <= pattern.charAt(at + 2))
          return !isNegated;
        at += 2;
      } else if (pattern[at] === character) return !isNegated;
    }
    return isNegated;
  }
}

const between =
  (...ranges: readonly (readonly [number, number])[]) =>
  (code: number): boolean =>
    ranges.some(([from, to]) => from <= code && code <= to);

/** By the C locale, as codes. */
const CLASSES = new Map<string, (code: number) => boolean>([
  ["a", between([65, 90], [97, 122])],
  ["c", between([0, 31], [127, 127])],
  ["d", between([48, 57])],
  ["g", between([33, 126])],
  ["l", between([97, 122])],
  ["p", between([33, 47], [58, 64], [91, 96], [123, 126])],
  ["s", between([9, 13], [32, 32])],
  ["u", between([65, 90])],
  ["w", between([48, 57], [65, 90], [97, 122])],
  // Of Lua 5.1, for which scripts of Argo CD are written.
  ["z", between([0, 0])],
  ["x", between([48, 57], [65, 70], [97, 102])],
]);

/** `%a`, and `%A` for all others; any other letter stands for itself. */
function inClass(character: string, letter: string): boolean {
  const test = CLASSES.get(letter.toLowerCase());
  if (test === undefined) return character === letter;
  return test(character.charCodeAt(0)) === (letter === letter.toLowerCase());
}
