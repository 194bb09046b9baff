/** Functions over lists, as Kubernetes' list library and CEL's list extension have them. */
import { type Environment, EvaluationError } from "../library.ts";

/** What can be ordered: compared with `<`, these give the order that CEL's own `<` gives. */
type Ordered = bigint | number | string | boolean | Date;

/** CEL orders text by code points, `<` of JavaScript by UTF-16 units; both agree up to U+D7FF. */
function compare(a: unknown, b: unknown): number {
  const isNumeric = (value: unknown): boolean =>
    typeof value === "bigint" || typeof value === "number";
  if (typeof a !== typeof b && !(isNumeric(a) && isNumeric(b)))
    throw new EvaluationError("the elements of the list are of different types");
  if (typeof a === "object" && !(a instanceof Date && b instanceof Date))
    throw new EvaluationError("the elements of the list have no order");
  return (a as Ordered) < (b as Ordered) ? -1 : (a as Ordered) > (b as Ordered) ? 1 : 0;
}

function sum(list: readonly unknown[]): unknown {
  if (list.every((item) => typeof item === "bigint")) {
    const total = list.reduce<bigint>((sofar, item) => sofar + item, 0n);
    if (BigInt.asIntN(64, total) !== total) throw new EvaluationError("integer overflow");
    return total;
  }
  if (list.every((item) => typeof item === "number"))
    return list.reduce<number>((sofar, item) => sofar + item, 0);
  throw new EvaluationError("sum() takes a list of ints or a list of doubles");
}

function extreme(list: readonly unknown[], name: string, sign: 1 | -1): unknown {
  if (list.length === 0) throw new EvaluationError(`${name}() takes a list that is not empty`);
  return list.reduce((best, item) => (compare(item, best) * sign > 0 ? item : best));
}

function isSorted(list: readonly unknown[]): boolean {
  return list.every((item, index) => index === 0 || compare(list[index - 1], item) <= 0);
}

/** Equality of scalars, which is all that the two functions below promise. */
function same(a: unknown, b: unknown): boolean {
  if (typeof a === "object" && a !== null)
    throw new EvaluationError("only scalars can be searched for; use exists() instead");
  // An int equals the same double.
  return typeof a === typeof b ? a === b : typeof a !== "string" && typeof b !== "string" && a == b;
}

function slice(list: readonly unknown[], from: bigint, to: bigint): unknown[] {
  if (from < 0n || to > BigInt(list.length) || from > to)
    throw new EvaluationError(`slice(${from}, ${to}) is not within the list`);
  return list.slice(Number(from), Number(to));
}

export function registerLists(environment: Environment): void {
  const method = (signature: string, handler: (...args: never[]) => unknown): void => {
    environment.registerFunction(`list<T>.${signature}`, handler, { async: false });
  };
  method("sum(): T", sum);
  method("min(): T", (list: unknown[]) => extreme(list, "min", -1));
  method("max(): T", (list: unknown[]) => extreme(list, "max", 1));
  method("isSorted(): bool", isSorted);
  method("sort(): list<T>", (list: unknown[]) => list.toSorted(compare));
  method("reverse(): list<T>", (list: unknown[]) => list.toReversed());
  method("distinct(): list<T>", (list: unknown[]) => [...new Set(list)]);
  method("slice(int, int): list<T>", slice);
  method("indexOf(T): int", (list: unknown[], wanted: unknown) =>
    BigInt(list.findIndex((item) => same(item, wanted))),
  );
  method("lastIndexOf(T): int", (list: unknown[], wanted: unknown) =>
    BigInt(list.findLastIndex((item) => same(item, wanted))),
  );
}
