/**
 * Defaults that run before an object's types are checked: every step here leaves alone what does not
 * have the expected shape, so that the schema check reports it afterwards. Nothing is changed in place.
 */
import { isObject, type UnknownObject } from "../json-object.ts";

/** Returns its argument itself when there is nothing to change. */
export type Change = (object: UnknownObject) => UnknownObject;

/** Where a change applies (`*` stands for each item of a list) and the change. */
export type Rewrite = readonly [path: string, change: Change];

/** Applies the rewrites in order. Paths that do not lead to an object are skipped. */
export function rewrite<T>(value: T, rewrites: readonly Rewrite[]): T {
  let result: unknown = value;
  for (const [path, change] of rewrites) {
    result = rewriteAt(result, path === "" ? [] : path.split("."), change);
  }
  return result as T;
}

function rewriteAt(value: unknown, path: readonly string[], change: Change): unknown {
  const [head, ...rest] = path;
  if (head === undefined) return isObject(value) ? change(value) : value;
  if (head === "*") {
    if (!Array.isArray(value)) return value;
    const items: readonly unknown[] = value;
    const next = items.map((item) => rewriteAt(item, rest, change));
    return next.some((item, index) => item !== items[index]) ? next : value;
  }
  if (!isObject(value) || !Object.hasOwn(value, head)) return value;
  const child = rewriteAt(value[head], rest, change);
  return child === value[head] ? value : { ...value, [head]: child };
}

/** Sets fields that are absent or null. */
export function withDefaults(object: UnknownObject, defaults: UnknownObject): UnknownObject {
  const missing = Object.entries(defaults).filter(
    ([key]) => !Object.hasOwn(object, key) || object[key] === undefined || object[key] === null,
  );
  return missing.length === 0 ? object : { ...object, ...Object.fromEntries(missing) };
}
