/** What a parsed pattern consists of; parsed by `parse-pattern.ts`, compiled by `compile-pattern.ts`. */

/** Whether a code point belongs to a class. */
export type CharacterTest = (codePoint: number) => boolean;

export type Assertion =
  | "lineStart"
  | "lineEnd"
  | "textStart"
  | "textEnd"
  | "boundary"
  | "noBoundary";

export type PatternNode =
  | { readonly type: "character"; readonly test: CharacterTest }
  | { readonly type: "assertion"; readonly assertion: Assertion }
  | { readonly type: "sequence"; readonly items: readonly PatternNode[] }
  | { readonly type: "choice"; readonly options: readonly PatternNode[] }
  | {
      readonly type: "repeat";
      readonly item: PatternNode;
      readonly min: number;
      /** Infinity: without end. */
      readonly max: number;
      readonly greedy: boolean;
    };

/** `(?imsU)`. */
export interface PatternFlags {
  readonly ignoreCase: boolean;
  readonly multiline: boolean;
  readonly dotAll: boolean;
  readonly ungreedy: boolean;
}
