/** Which places of an object a jq expression names. Bounded in steps; never throws on odd values. */
import { LinearPattern } from "../../../kube/cel/pattern/linear-pattern.ts";
import { deepEqual } from "../../../kube/equality.ts";
import { isObject, ownField } from "../../../kube/json-object.ts";
import { JqLimitError, JqValueError } from "./jq-error.ts";
import type { Comparison, JqNode } from "./jq-node.ts";

/** Of one expression over one object; some milliseconds. The largest objects have 10,000 fields. */
const MAX_STEPS = 200_000;
/** Deeper than any object of Kubernetes; bounds `..` on what a client may have made up. */
const MAX_DEPTH = 128;
/** Comparing or searching so many characters counts as one step. */
const CHARACTERS_PER_STEP = 64;

/** Field names and list indices on the way down, as a JSON pointer has them. */
export type Tokens = readonly string[];

/** A value and, where it was found in the object and not made of it, its place. */
interface Found {
  readonly value: unknown;
  readonly path?: Tokens;
}

/**
 * Without duplicates, in the order in which jq finds them; none where jq would report an error.
 * @throws {JqLimitError}
 */
export function jqPaths(expression: JqNode, object: unknown): Tokens[] {
  const paths = new Map<string, Tokens>();
  try {
    for (const { path } of new Evaluation().run(expression, { value: object, path: [] }))
      if (path !== undefined) paths.set(JSON.stringify(path), path);
  } catch (error) {
    if (error instanceof JqValueError) return [];
    throw error;
  }
  return [...paths.values()];
}

class Evaluation {
  #steps = 0;
  readonly #patterns = new Map<JqNode, LinearPattern>();

  *run(node: JqNode, input: Found): Generator<Found> {
    this.#charge(1);
    switch (node.op) {
      case "identity":
        yield input;
        return;
      case "recurse":
        yield* this.#recurse(input, 0);
        return;
      case "literal":
        yield { value: node.value };
        return;
      case "index":
        for (const key of this.run(node.key, input))
          for (const of of this.run(node.of, input)) yield childOf(of, key.value);
        return;
      case "each":
        for (const of of this.run(node.of, input)) yield* this.#childrenOf(of);
        return;
      case "optional":
        try {
          yield* this.run(node.of, input);
        } catch (error) {
          if (!(error instanceof JqValueError)) throw error;
        }
        return;
      case "pipe":
        for (const from of this.run(node.from, input)) yield* this.run(node.to, from);
        return;
      case "comma":
        yield* this.run(node.left, input);
        yield* this.run(node.right, input);
        return;
      case "alternative":
        yield* this.#alternative(node.left, node.right, input);
        return;
      case "and":
      case "or":
        for (const left of this.run(node.left, input)) {
          if (isTrue(left.value) === (node.op === "or")) yield { value: node.op === "or" };
          else
            for (const right of this.run(node.right, input)) yield { value: isTrue(right.value) };
        }
        return;
      case "compare":
        for (const right of this.run(node.right, input))
          for (const left of this.run(node.left, input))
            yield { value: this.#compare(node.comparison, left.value, right.value) };
        return;
      case "call":
        yield* this.#call(node, input);
    }
  }

  #charge(steps: number): void {
    this.#steps += steps;
    if (this.#steps > MAX_STEPS)
      throw new JqLimitError(`it takes more than ${MAX_STEPS} steps: make it more precise`);
  }
  #chargeText(text: string): void {
    this.#charge(Math.ceil(text.length / CHARACTERS_PER_STEP));
  }

  *#recurse(from: Found, depth: number): Generator<Found> {
    this.#charge(1);
    yield from;
    if (depth >= MAX_DEPTH || !(isObject(from.value) || Array.isArray(from.value))) return;
    for (const child of this.#childrenOf(from)) yield* this.#recurse(child, depth + 1);
  }

  *#childrenOf(of: Found): Generator<Found> {
    const { value } = of;
    if (!Array.isArray(value) && !isObject(value))
      throw new JqValueError(`cannot iterate over ${typeOf(value)}`);
    for (const key of Object.keys(value)) {
      this.#charge(1);
      yield childOf(of, Array.isArray(value) ? Number(key) : key);
    }
  }

  *#alternative(left: JqNode, right: JqNode, input: Found): Generator<Found> {
    let some = false;
    try {
      for (const found of this.run(left, input)) {
        if (!isTrue(found.value)) continue;
        some = true;
        yield found;
      }
    } catch (error) {
      if (!(error instanceof JqValueError)) throw error;
    }
    if (!some) yield* this.run(right, input);
  }

  #compare(comparison: Comparison, left: unknown, right: unknown): boolean {
    if (comparison === "==" || comparison === "!=") {
      if (isObject(left) || Array.isArray(left)) this.#chargeText(JSON.stringify(left));
      return deepEqual(left, right) === (comparison === "==");
    }
    const order = orderOf(left, right);
    return { "<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0 }[comparison];
  }

  *#call(node: JqNode & { op: "call" }, input: Found): Generator<Found> {
    const { name, args } = node;
    const [first = IDENTITY] = args;
    switch (name) {
      case "empty":
        return;
      case "recurse":
        yield* this.#recurse(input, 0);
        return;
      case "select":
        for (const found of this.run(first, input)) if (isTrue(found.value)) yield input;
        return;
      case "first":
        for (const found of args.length === 0 ? [childOf(input, 0)] : this.run(first, input)) {
          yield found;
          return;
        }
        return;
      case "last":
        yield childOf(input, -1);
        return;
      case "keys":
        yield { value: keysOf(input.value) };
        return;
      case "any":
      case "all":
        yield { value: this.#everyOrSome(node, input) };
        return;
      case "test":
        yield { value: this.#test(node, text(input.value, name)) };
        return;
      case "IN":
        yield { value: this.#isIn(first, input) };
        return;
      case "has":
      case "startswith":
      case "endswith":
      case "contains":
        for (const argument of this.run(first, input))
          yield { value: this.#ask(name, input.value, argument.value) };
        return;
      default:
        yield { value: this.#convert(name, input.value) };
    }
  }

  #everyOrSome({ name, args }: JqNode & { op: "call" }, input: Found): boolean {
    const wanted = name === "any";
    const [condition = IDENTITY] = args;
    for (const child of this.#childrenOf(input))
      for (const found of this.run(condition, child))
        if (isTrue(found.value) === wanted) return wanted;
    return !wanted;
  }

  #isIn(among: JqNode, input: Found): boolean {
    for (const found of this.run(among, input))
      if (this.#compare("==", input.value, found.value)) return true;
    return false;
  }

  #test(node: JqNode & { op: "call" }, subject: string): boolean {
    let pattern = this.#patterns.get(node);
    if (pattern === undefined) {
      const [source = "", flags = ""] = node.args.map((arg) =>
        arg.op === "literal" ? String(arg.value) : "",
      );
      pattern = new LinearPattern(flags.includes("i") ? `(?i)${source}` : source);
      this.#patterns.set(node, pattern);
    }
    this.#charge(Math.ceil((pattern.size * subject.length) / CHARACTERS_PER_STEP));
    return pattern.test(subject);
  }

  #ask(name: string, value: unknown, argument: unknown): boolean {
    switch (name) {
      case "has":
        if (Array.isArray(value)) return Number(argument) in value;
        if (!isObject(value)) throw new JqValueError(`has asks an object, not ${typeOf(value)}`);
        return Object.hasOwn(value, text(argument, name));
      case "startswith":
        return text(value, name).startsWith(text(argument, name));
      case "endswith":
        return text(value, name).endsWith(text(argument, name));
      default:
        return this.#contains(value, argument);
    }
  }

  #contains(value: unknown, part: unknown): boolean {
    this.#charge(1);
    if (typeof value === "string" && typeof part === "string") {
      this.#chargeText(value);
      return value.includes(part);
    }
    if (Array.isArray(value) && Array.isArray(part))
      return part.every((one) => value.some((other) => this.#contains(other, one)));
    if (isObject(value) && isObject(part))
      return Object.keys(part).every(
        (key) => Object.hasOwn(value, key) && this.#contains(value[key], part[key]),
      );
    if (typeOf(value) !== typeOf(part))
      throw new JqValueError(`${typeOf(value)} cannot contain ${typeOf(part)}`);
    return value === part;
  }

  #convert(name: string, value: unknown): unknown {
    switch (name) {
      case "not":
        return !isTrue(value);
      case "type":
        return typeOf(value);
      case "length":
        return lengthOf(value);
      case "tostring":
        if (typeof value === "string") return value;
        this.#chargeText(JSON.stringify(value));
        return JSON.stringify(value);
      case "tonumber":
        if (typeof value === "number") return value;
        return numberOf(text(value, name));
      case "ascii_downcase":
        return text(value, name).replace(/[A-Z]/g, (letter) => letter.toLowerCase());
      case "ascii_upcase":
        return text(value, name).replace(/[a-z]/g, (letter) => letter.toUpperCase());
      default:
        throw new Error(`the parser let the function ${name} through`);
    }
  }
}

const IDENTITY: JqNode = { op: "identity" };

/** What jq takes for true: everything but false and null. */
const isTrue = (value: unknown): boolean =>
  value !== false && value !== null && value !== undefined;

function childOf({ value, path }: Found, key: unknown): Found {
  const place = (token: string): { path?: Tokens } =>
    path === undefined ? {} : { path: [...path, token] };
  if (typeof key === "number") {
    if (value !== null && value !== undefined && !Array.isArray(value))
      throw new JqValueError(`cannot index ${typeOf(value)} with a number`);
    const list: readonly unknown[] = Array.isArray(value) ? value : [];
    const index = Math.floor(key < 0 ? list.length + key : key);
    return { value: list[index] ?? null, ...place(String(index)) };
  }
  if (typeof key !== "string") throw new JqValueError(`cannot index with ${typeOf(key)}`);
  if (value === null || value === undefined) return { value: null, ...place(key) };
  if (!isObject(value)) throw new JqValueError(`cannot index ${typeOf(value)} with a string`);
  return { value: ownField(value, key) ?? null, ...place(key) };
}

function typeOf(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value;
}

function text(value: unknown, name: string): string {
  if (typeof value === "string") return value;
  throw new JqValueError(`${name} takes strings, not ${typeOf(value)}`);
}

function keysOf(value: unknown): readonly (string | number)[] {
  if (Array.isArray(value)) return [...value.keys()];
  if (isObject(value)) return Object.keys(value).sort();
  throw new JqValueError(`${typeOf(value)} has no keys`);
}

function lengthOf(value: unknown): number {
  if (value === null || value === undefined) return 0;
  if (typeof value === "string") return [...value].length;
  if (typeof value === "number") return Math.abs(value);
  if (Array.isArray(value)) return value.length;
  if (isObject(value)) return Object.keys(value).length;
  throw new JqValueError(`${typeOf(value)} has no length`);
}

function numberOf(value: string): number {
  const number = value.trim() === "" ? Number.NaN : Number(value);
  if (Number.isNaN(number)) throw new JqValueError(`${JSON.stringify(value)} is no number`);
  return number;
}

/** jq's order of types: null, false, true, numbers, strings; lists and objects have none here. */
function orderOf(left: unknown, right: unknown): number {
  const ranks = [rankOf(left), rankOf(right)] as const;
  if (ranks[0] !== ranks[1]) return ranks[0] - ranks[1];
  if (typeof left === "number" && typeof right === "number") return left - right;
  if (typeof left === "string" && typeof right === "string")
    return left < right ? -1 : left > right ? 1 : 0;
  if (ranks[0] >= 5) throw new JqValueError("lists and objects are not ordered");
  return 0;
}

function rankOf(value: unknown): number {
  if (value === false) return 1;
  if (value === true) return 2;
  return { null: 0, number: 3, string: 4, array: 5 }[typeOf(value)] ?? 6;
}
