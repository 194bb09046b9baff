/**
 * The part of kubectl's JSONPath that CustomResourceDefinitions use for columns and selectable
 * fields (k8s.io/client-go/util/jsonpath): fields, `[0]`, `[-1]`, `[1:3]`, `[*]`, `['a.b']`, `..a`
 * and filters such as `[?(@.type=="Ready")]`.
 */
import { isObject } from "../json-object.ts";

/** Longest path accepted; real ones are far shorter. */
const MAX_PATH_LENGTH = 1024;

export class JsonPathError extends Error {
  override readonly name = "JsonPathError";
}

/** Every value that a path leads to in a document, in order. */
export type JsonPath = (document: unknown) => readonly unknown[];

type Step = (value: unknown) => readonly unknown[];
type Operator = "==" | "!=" | "<=" | ">=" | "<" | ">";

/** @throws {JsonPathError} naming the position that cannot be read */
export function parseJsonPath(text: string): JsonPath {
  if (text.length > MAX_PATH_LENGTH) {
    throw new JsonPathError(`longer than ${MAX_PATH_LENGTH} characters`);
  }
  const steps = new PathParser(unwrapped(text)).parse();
  return (document) => {
    let values: readonly unknown[] = [document];
    for (const step of steps) values = values.flatMap(step);
    return values;
  };
}

/** `{.a.b}` and `$.a.b` mean `.a.b`. */
function unwrapped(text: string): string {
  const trimmed = text.trim();
  const inner = trimmed.startsWith("{") && trimmed.endsWith("}") ? trimmed.slice(1, -1) : trimmed;
  return inner.replace(/^\$/, "");
}

class PathParser {
  readonly #text: string;
  #at = 0;
  constructor(text: string) {
    this.#text = text;
  }

  parse(): Step[] {
    const steps: Step[] = [];
    while (this.#at < this.#text.length) steps.push(this.#step());
    if (steps.length === 0) throw new JsonPathError("the path is empty");
    return steps;
  }

  #step(): Step {
    const rest = this.#text.slice(this.#at);
    if (rest.startsWith("[")) return this.#bracket();
    if (!rest.startsWith(".")) throw this.#error("expected '.' or '['");
    const isRecursive = rest.startsWith("..");
    this.#at += isRecursive ? 2 : 1;
    if (this.#text[this.#at] === "[") return isRecursive ? descendants : same;
    const name = this.#fieldName();
    const select = name === "*" ? children : field(name);
    return isRecursive ? (value) => descendants(value).flatMap(select) : select;
  }

  /** Up to the next `.` or `[`; a backslash takes the next character literally. */
  #fieldName(): string {
    const match = /^(?:\\.|[^.[\]\\])+/s.exec(this.#text.slice(this.#at));
    if (match === null) throw this.#error("expected a field name");
    this.#at += match[0].length;
    return match[0].replaceAll(/\\(.)/gs, "$1");
  }

  #bracket(): Step {
    const end = this.#closingBracket();
    const inner = this.#text.slice(this.#at + 1, end).trim();
    const start = this.#at;
    this.#at = end + 1;
    if (inner === "*") return children;
    const filter = /^\?\s*\((.*)\)$/s.exec(inner);
    if (filter !== null) return filterStep((filter[1] ?? "").trim());
    const names = /^(?:'[^']*'|"[^"]*")(?:\s*,\s*(?:'[^']*'|"[^"]*"))*$/.exec(inner);
    if (names !== null) {
      const keys = (inner.match(/'[^']*'|"[^"]*"/g) ?? []).map((quoted) => quoted.slice(1, -1));
      return (value) => keys.flatMap((key) => field(key)(value));
    }
    const slice = /^(-?\d*):(-?\d*)$/.exec(inner);
    if (slice !== null) return sliceStep(slice[1] ?? "", slice[2] ?? "");
    if (/^-?\d+$/.test(inner)) return indexStep(Number(inner));
    this.#at = start;
    throw this.#error("cannot read what is between the brackets");
  }

  /** The bracket that closes the one here, past quotes and nested brackets. */
  #closingBracket(): number {
    let depth = 0;
    let quote = "";
    for (let at = this.#at; at < this.#text.length; at++) {
      const sign = this.#text.charAt(at);
      if (quote !== "") {
        if (sign === quote) quote = "";
      } else if (sign === "'" || sign === '"') quote = sign;
      else if (sign === "[") depth++;
      else if (sign === "]" && --depth === 0) return at;
    }
    throw this.#error("the bracket is not closed");
  }

  #error(problem: string): JsonPathError {
    return new JsonPathError(
      `${problem} at character ${this.#at + 1} of ${JSON.stringify(this.#text)}`,
    );
  }
}

const same: Step = (value) => [value];

const children: Step = (value) => {
  if (Array.isArray(value)) return value;
  return isObject(value) ? Object.values(value) : [];
};

/** The value itself and everything below it. */
const descendants: Step = (value) => [value, ...children(value).flatMap(descendants)];

function field(name: string): Step {
  return (value) => (isObject(value) && Object.hasOwn(value, name) ? [value[name]] : []);
}

function indexStep(index: number): Step {
  return (value) => {
    if (!Array.isArray(value)) return [];
    const items: readonly unknown[] = value;
    const at = index < 0 ? items.length + index : index;
    return at >= 0 && at < items.length ? [items[at]] : [];
  };
}

function sliceStep(from: string, to: string): Step {
  const start = from === "" ? 0 : Number(from);
  const end = to === "" ? undefined : Number(to);
  return (value) => (Array.isArray(value) ? children(value).slice(start, end) : []);
}

/** `@.type == "Ready"`, or `@.type` for items that have it. */
function filterStep(expression: string): Step {
  const match = /^(.+?)\s*(==|!=|<=|>=|<|>)\s*(.+)$/s.exec(expression);
  if (match === null) {
    const path = operand(expression);
    return (value) => children(value).filter((item) => path(item).length > 0);
  }
  const [, left = "", operator = "==", right = ""] = match;
  const [read, wanted] = [operand(left), operand(right)];
  return (value) =>
    children(value).filter((item) => {
      const [found] = read(item);
      const [bound] = wanted(item);
      return found !== undefined && compare(found, bound, operator as Operator);
    });
}

/** A path that starts at the item, or a literal. */
function operand(text: string): JsonPath {
  const trimmed = text.trim();
  if (trimmed === "@") return (item) => [item];
  if (trimmed.startsWith("@")) return parseJsonPath(trimmed.slice(1));
  const quoted = /^'([^']*)'$|^"([^"]*)"$/.exec(trimmed);
  if (quoted !== null) return () => [quoted[1] ?? quoted[2] ?? ""];
  if (trimmed === "true" || trimmed === "false") return () => [trimmed === "true"];
  const number = Number(trimmed);
  if (trimmed === "" || Number.isNaN(number)) {
    throw new JsonPathError(`cannot read ${JSON.stringify(trimmed)} in a filter`);
  }
  return () => [number];
}

function compare(found: unknown, bound: unknown, operator: Operator): boolean {
  if (operator === "==") return found === bound;
  if (operator === "!=") return found !== bound;
  const comparable =
    (typeof found === "number" && typeof bound === "number") ||
    (typeof found === "string" && typeof bound === "string");
  if (!comparable) return false;
  switch (operator) {
    case "<":
      return found < bound;
    case "<=":
      return found <= bound;
    case ">":
      return found > bound;
    case ">=":
      return found >= bound;
  }
}
