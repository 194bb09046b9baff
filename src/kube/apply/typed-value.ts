/** The questions that every walk over a typed value asks. */
import { deepEqual } from "../equality.ts";
import { isObject, type UnknownObject } from "../json-object.ts";
import { canonicalQuantity, QuantityError } from "../quantity.ts";
import type { MergeType } from "./merge-type.ts";

/** Whether a value is an object that merges field by field. */
export function isGranularMap(value: unknown, type: MergeType): value is UnknownObject {
  return isObject(value) && !type.atomicMap;
}

/** Whether a value is a list that merges element by element. */
export function isGranularList(value: unknown, type: MergeType): value is readonly unknown[] {
  return Array.isArray(value) && type.list !== "atomic";
}

/** Whether a field counts as absent: null stands for that unless the schema says otherwise. */
export function isAbsent(value: unknown, type: MergeType): boolean {
  return value === undefined || (value === null && !type.nullable);
}

/** Whether two values that are replaced as a whole are the same. */
export function sameLeaf(a: unknown, b: unknown, type: MergeType): boolean {
  if (deepEqual(a, b)) return true;
  return type.quantity && isScalar(a) && isScalar(b) && sameQuantity(a, b);
}

const isScalar = (value: unknown): value is string | number =>
  typeof value === "string" || typeof value === "number";

function sameQuantity(a: string | number, b: string | number): boolean {
  try {
    return canonicalQuantity(a) === canonicalQuantity(b);
  } catch (error) {
    if (error instanceof QuantityError) return false;
    throw error;
  }
}
