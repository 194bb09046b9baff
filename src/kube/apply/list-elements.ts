/** What identifies the elements of a list that merges: their path elements in a field set. */
import { isObject, ownField, type UnknownObject } from "../json-object.ts";
import { PatchError } from "../patch-error.ts";
import { keyElement } from "./field-set.ts";
import type { MergeType } from "./merge-type.ts";

/**
 * One path element per list element, in order. An element that cannot be identified goes by its
 * index: stored objects may hold what an older schema allowed.
 */
export function elementKeys(list: readonly unknown[], type: MergeType): string[] {
  return list.map((element, index) => elementKey(element, type) ?? `i:${index}`);
}

/**
 * The same for a list that is being applied, where every element must have an identity of its own.
 * @throws {PatchError}
 */
export function uniqueElementKeys(list: readonly unknown[], type: MergeType): string[] {
  const seen = new Set<string>();
  return list.map((element, index) => {
    const key = elementKey(element, type);
    if (key === undefined) {
      throw new PatchError(
        "BadRequest",
        `element ${index} of a list must have the fields that identify it: ${type.keys.join(", ")}`,
      );
    }
    if (seen.has(key)) {
      throw new PatchError("BadRequest", `duplicate entries for key ${key.slice(2)}`);
    }
    seen.add(key);
    return key;
  });
}

function elementKey(element: unknown, type: MergeType): string | undefined {
  if (type.list === "set") return `v:${JSON.stringify(element)}`;
  if (!isObject(element)) return undefined;
  const [only] = type.keys;
  if (type.keys.length === 1 && only !== undefined) {
    const value = keyField(element, only, type);
    return value === undefined ? undefined : `k:{${JSON.stringify(only)}:${JSON.stringify(value)}}`;
  }
  const keys: Record<string, unknown> = {};
  for (const key of type.keys) {
    const value = keyField(element, key, type);
    if (value !== undefined) keys[key] = value;
  }
  return Object.keys(keys).length === 0 ? undefined : keyElement(keys);
}

function keyField(element: UnknownObject, key: string, type: MergeType): unknown {
  const value = ownField(element, key);
  return value === undefined || value === null ? type.keyDefault(key) : value;
}
