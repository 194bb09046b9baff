/**
 * Regular expressions of strangers, matched in time linear in the text: all ways through the
 * pattern are followed at once (Thompson's construction, run as Pike's machine), and none is ever
 * tried again. What RE2 matches, this matches; leftmost-first, as in Perl.
 */
import { isWordCharacter } from "./character-class.ts";
import { parsePattern } from "./parse-pattern.ts";
import { PatternError } from "./pattern-error.ts";
import type { Assertion, CharacterTest, PatternNode } from "./pattern-syntax.ts";

/** Repetitions are written out: `(a{100}){100}` would be 10,000 instructions. */
const MAX_INSTRUCTIONS = 5000;

type Instruction =
  | { readonly op: "character"; readonly test: CharacterTest }
  | { readonly op: "assert"; readonly assertion: Assertion }
  /** Ways on, the preferred one first. */
  | { readonly op: "fork"; readonly targets: number[] }
  | { readonly op: "match" };

/** Offsets in UTF-16 units. */
export interface PatternMatch {
  readonly start: number;
  readonly end: number;
}

export class LinearPattern {
  readonly #program: Instruction[] = [];
  #nodes = 0;

  /** @throws {PatternError} */
  constructor(source: string) {
    this.#compile(parsePattern(source));
    this.#emit({ op: "match" });
  }

  /** Instructions: matching takes at most so many steps for each character. */
  get size(): number {
    return this.#program.length;
  }

  /** Whether any part of the text matches. */
  test(text: string): boolean {
    return this.#run(text, 0, true) !== undefined;
  }

  /** The first match at or after `from`. */
  find(text: string, from = 0): PatternMatch | undefined {
    return this.#run(text, from, false);
  }

  #emit(instruction: Instruction): number {
    if (this.#program.length >= MAX_INSTRUCTIONS)
      throw new PatternError("the pattern is too large");
    return this.#program.push(instruction) - 1;
  }
  #fork(...targets: number[]): { at: number; targets: number[] } {
    return { at: this.#emit({ op: "fork", targets }), targets };
  }
  get #next(): number {
    return this.#program.length;
  }

  #compile(node: PatternNode): void {
    // Counted as well: `((){1000}){1000}` has no instruction at all.
    if (++this.#nodes > MAX_INSTRUCTIONS) throw new PatternError("the pattern is too large");
    switch (node.type) {
      case "character":
        this.#emit({ op: "character", test: node.test });
        return;
      case "assertion":
        this.#emit({ op: "assert", assertion: node.assertion });
        return;
      case "sequence":
        for (const item of node.items) this.#compile(item);
        return;
      case "choice":
        this.#compileChoice(node.options);
        return;
      case "repeat":
        this.#compileRepeat(node);
    }
  }

  #compileChoice(options: readonly PatternNode[]): void {
    const choice = this.#fork();
    const ends: number[][] = [];
    for (const option of options) {
      choice.targets.push(this.#next);
      this.#compile(option);
      ends.push(this.#fork().targets);
    }
    for (const end of ends) end.push(this.#next);
  }

  #compileRepeat({ item, min, max, greedy }: Extract<PatternNode, { type: "repeat" }>): void {
    for (let count = 0; count < min; count++) this.#compile(item);
    const decide = (): { at: number; leave: (to: number) => void } => {
      const { at, targets } = this.#fork();
      targets.push(at + 1);
      return { at, leave: (to) => (greedy ? targets.push(to) : targets.unshift(to)) };
    };
    if (max === Infinity) {
      const loop = decide();
      this.#compile(item);
      this.#fork(loop.at);
      loop.leave(this.#next);
      return;
    }
    const exits: ((to: number) => void)[] = [];
    for (let count = min; count < max; count++) {
      exits.push(decide().leave);
      this.#compile(item);
    }
    for (const leave of exits) leave(this.#next);
  }

  #run(text: string, from: number, isAnyMatchEnough: boolean): PatternMatch | undefined {
    let current = new Threads(this.#program.length);
    let next = new Threads(this.#program.length);
    let found: PatternMatch | undefined;
    for (let at = from; ; ) {
      // A later start counts less than every way that began before it.
      if (found === undefined) this.#follow(current, 0, at, text, at);
      if (current.count === 0 && found !== undefined) return found;
      const codePoint = text.codePointAt(at);
      for (let index = 0; index < current.count; index++) {
        const instruction = this.#program[current.address(index)];
        if (instruction?.op === "match") {
          found = { start: current.start(index), end: at };
          if (isAnyMatchEnough) return found;
          break; // the ways after it count less
        }
        if (codePoint === undefined || instruction?.op !== "character") continue;
        if (!instruction.test(codePoint)) continue;
        const after = at + (codePoint > 0xffff ? 2 : 1);
        this.#follow(next, current.address(index) + 1, current.start(index), text, after);
      }
      if (codePoint === undefined) return found;
      at += codePoint > 0xffff ? 2 : 1;
      [current, next] = [next, current];
      next.clear();
    }
  }

  /** Adds every instruction reached from `address` without reading a character, best first. */
  #follow(threads: Threads, address: number, start: number, text: string, at: number): void {
    const pending = [address];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (!threads.visit(next)) continue;
      const instruction = this.#program[next];
      if (instruction?.op === "fork") {
        for (let index = instruction.targets.length - 1; index >= 0; index--)
          pending.push(instruction.targets[index] ?? 0);
      } else if (instruction?.op === "assert") {
        if (holds(instruction.assertion, text, at)) pending.push(next + 1);
      } else {
        threads.add(next, start);
      }
    }
  }
}

/** The ways being followed, in order of preference, each instruction at most once. */
class Threads {
  readonly #addresses: Int32Array;
  readonly #starts: Int32Array;
  /** In which generation an instruction was last visited: cleared by counting up. */
  readonly #visited: Int32Array;
  #generation = 1;
  count = 0;

  constructor(size: number) {
    this.#addresses = new Int32Array(size);
    this.#starts = new Int32Array(size);
    this.#visited = new Int32Array(size);
  }
  visit(address: number): boolean {
    if (this.#visited[address] === this.#generation) return false;
    this.#visited[address] = this.#generation;
    return true;
  }
  add(address: number, start: number): void {
    this.#addresses[this.count] = address;
    this.#starts[this.count++] = start;
  }
  address(index: number): number {
    return this.#addresses[index] ?? 0;
  }
  start(index: number): number {
    return this.#starts[index] ?? 0;
  }
  clear(): void {
    this.count = 0;
    this.#generation++;
  }
}

function holds(assertion: Assertion, text: string, at: number): boolean {
  switch (assertion) {
    case "textStart":
      return at === 0;
    case "textEnd":
      return at === text.length;
    case "lineStart":
      return at === 0 || text[at - 1] === "\n";
    case "lineEnd":
      return at === text.length || text[at] === "\n";
    case "boundary":
      return isWordAt(text, at - 1) !== isWordAt(text, at);
    case "noBoundary":
      return isWordAt(text, at - 1) === isWordAt(text, at);
  }
}

function isWordAt(text: string, index: number): boolean {
  return index >= 0 && index < text.length && isWordCharacter(text.charCodeAt(index));
}
