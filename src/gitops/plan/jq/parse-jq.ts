/**
 * Parses the part of jq that `ignoreDifferences` uses: paths, `select` with conditions, pipes,
 * commas. Everything else is an error that says so. Precedence as in jq, loosest first:
 * `|`  `,`  `//`  `or`  `and`  comparisons.
 */
import { LinearPattern } from "../../../kube/cel/pattern/linear-pattern.ts";
import { PatternError } from "../../../kube/cel/pattern/pattern-error.ts";
import { JqSyntaxError } from "./jq-error.ts";
import { type Comparison, isPath, type JqNode } from "./jq-node.ts";
import { type JqToken, jqTokens } from "./jq-tokens.ts";

/** Expressions are a line; bounds parsing and, with it, the depth of evaluation. */
const MAX_CHARACTERS = 2_000;
const MAX_DEPTH = 64;
/** Functions and how many arguments each can have. */
const FUNCTIONS: Readonly<Record<string, readonly number[]>> = {
  select: [1],
  empty: [0],
  recurse: [0],
  first: [0, 1],
  last: [0],
  not: [0],
  length: [0],
  keys: [0],
  type: [0],
  tostring: [0],
  tonumber: [0],
  ascii_downcase: [0],
  ascii_upcase: [0],
  has: [1],
  startswith: [1],
  endswith: [1],
  contains: [1],
  test: [1, 2],
  any: [0, 1],
  all: [0, 1],
  IN: [1],
};
const COMPARISONS = new Set(["==", "!=", "<", "<=", ">", ">="]);

const IDENTITY: JqNode = { op: "identity" };

/** An expression whose results are places in an object. @throws {JqSyntaxError} */
export function parseJqPath(text: string): JqNode {
  if (text.length > MAX_CHARACTERS)
    throw new JqSyntaxError(`the expression has more than ${MAX_CHARACTERS} characters`);
  const parser = new Parser(jqTokens(text));
  const node = parser.all();
  if (!isPath(node)) throw new JqSyntaxError("it yields values, not fields of the object");
  return node;
}

class Parser {
  readonly #tokens: readonly JqToken[];
  #next = 0;
  #depth = 0;

  constructor(tokens: readonly JqToken[]) {
    this.#tokens = tokens;
  }

  all(): JqNode {
    const node = this.#pipe();
    if (this.#peek().type !== "end") this.#unexpected();
    return node;
  }

  #pipe(): JqNode {
    if (++this.#depth > MAX_DEPTH) throw new JqSyntaxError("it is nested too deeply");
    let node = this.#comma();
    while (this.#takes("|")) node = { op: "pipe", from: node, to: this.#comma() };
    this.#depth--;
    return node;
  }

  #comma(): JqNode {
    let node = this.#alternative();
    while (this.#takes(",")) node = { op: "comma", left: node, right: this.#alternative() };
    return node;
  }

  #alternative(): JqNode {
    const left = this.#or();
    if (!this.#takes("//")) return left;
    if (++this.#depth > MAX_DEPTH) throw new JqSyntaxError("it is nested too deeply");
    const right = this.#alternative();
    this.#depth--;
    return { op: "alternative", left, right };
  }

  #or(): JqNode {
    let node = this.#and();
    while (this.#takesName("or")) node = { op: "or", left: node, right: this.#and() };
    return node;
  }

  #and(): JqNode {
    let node = this.#comparison();
    while (this.#takesName("and")) node = { op: "and", left: node, right: this.#comparison() };
    return node;
  }

  #comparison(): JqNode {
    const left = this.#postfix();
    const { type, text } = this.#peek();
    if (type !== "symbol" || !COMPARISONS.has(text)) return left;
    this.#next++;
    return { op: "compare", comparison: text as Comparison, left, right: this.#postfix() };
  }

  /** A term and what follows it: `.name`, `["name"]`, `[1]`, `[]`, `?`. */
  #postfix(): JqNode {
    let node = this.#term();
    for (;;) {
      const token = this.#peek();
      if (token.type === "field") {
        this.#next++;
        node = { op: "index", of: node, key: { op: "literal", value: token.text } };
      } else if (this.#takes("?")) node = { op: "optional", of: node };
      else if (this.#takes("[")) node = this.#bracket(node);
      else if (token.text === "." && this.#tokens[this.#next + 1]?.text === "[") this.#next++;
      else return node;
    }
  }

  #bracket(of: JqNode): JqNode {
    if (this.#takes("]")) return { op: "each", of };
    const key = this.#pipe();
    if (this.#peek().text === ":") throw new JqSyntaxError("slices as .[1:3] are not supported");
    this.#require("]");
    return { op: "index", of, key };
  }

  #term(): JqNode {
    const token = this.#peek();
    switch (token.type) {
      case "field":
        this.#next++;
        return { op: "index", of: IDENTITY, key: { op: "literal", value: token.text } };
      case "string":
        this.#next++;
        return { op: "literal", value: token.text };
      case "number":
        this.#next++;
        return { op: "literal", value: Number(token.text) };
      case "name":
        return this.#named();
      case "symbol":
        return this.#symbol();
      case "end":
        return this.#unexpected();
    }
  }

  #symbol(): JqNode {
    if (this.#takes(".")) return IDENTITY;
    if (this.#takes("..")) return { op: "recurse" };
    if (this.#takes("(")) {
      const node = this.#pipe();
      this.#require(")");
      return node;
    }
    if (this.#takes("-")) {
      const { type, text } = this.#peek();
      if (type !== "number") return this.#unexpected();
      this.#next++;
      return { op: "literal", value: -Number(text) };
    }
    return this.#unexpected();
  }

  #named(): JqNode {
    const { text } = this.#peek();
    if (text === "true" || text === "false" || text === "null") {
      this.#next++;
      return { op: "literal", value: text === "null" ? null : text === "true" };
    }
    const arities = Object.hasOwn(FUNCTIONS, text) ? FUNCTIONS[text] : undefined;
    if (arities === undefined)
      throw new JqSyntaxError(
        `${text} is not supported; these are: ${Object.keys(FUNCTIONS).join(", ")}`,
      );
    this.#next++;
    const args = this.#arguments();
    if (!arities.includes(args.length))
      throw new JqSyntaxError(
        `${text} takes ${arities.join(" or ")} arguments, not ${args.length}`,
      );
    if (text === "test") checkPattern(args);
    return { op: "call", name: text, args };
  }

  #arguments(): JqNode[] {
    if (!this.#takes("(")) return [];
    const args = [this.#pipe()];
    while (this.#takes(";")) args.push(this.#pipe());
    this.#require(")");
    return args;
  }

  #peek(): JqToken {
    return this.#tokens[this.#next] ?? { type: "end", text: "", at: 0 };
  }
  #takes(symbol: string): boolean {
    const { type, text } = this.#peek();
    if (type !== "symbol" || text !== symbol) return false;
    this.#next++;
    return true;
  }
  #takesName(name: string): boolean {
    const { type, text } = this.#peek();
    if (type !== "name" || text !== name) return false;
    this.#next++;
    return true;
  }
  #require(symbol: string): void {
    if (!this.#takes(symbol)) this.#unexpected(symbol);
  }
  #unexpected(wanted?: string): never {
    const { type, text, at } = this.#peek();
    const found = type === "end" ? "it ends" : `${JSON.stringify(text)} at character ${at + 1}`;
    throw new JqSyntaxError(
      wanted === undefined ? `${found} unexpectedly` : `${found} where ${wanted} is missing`,
    );
  }
}

/** Patterns are written in the expression, so that a wrong one is found before anything is synced. */
function checkPattern([pattern, flags]: readonly JqNode[]): void {
  if (pattern?.op !== "literal" || typeof pattern.value !== "string")
    throw new JqSyntaxError("test takes a pattern written out as a string");
  if (flags !== undefined && (flags.op !== "literal" || !/^[gi]*$/.test(String(flags.value))))
    throw new JqSyntaxError('of the flags of test, only "i" is supported');
  try {
    new LinearPattern(pattern.value);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    throw new JqSyntaxError(`pattern ${JSON.stringify(pattern.value)}: ${error.message}`, {
      cause: error,
    });
  }
}
