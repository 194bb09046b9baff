/** Drops what a schema does not provide for. */
import type { Schema } from "./schema.ts";
import { isSound } from "./sound.ts";
import { isObject, isZero, type Shape, shapeOf } from "./shape.ts";

/**
 * The value without unknown fields (`x-kubernetes-preserve-unknown-fields` is honoured) and, inside
 * built-in definitions, without nulls and with numeric quantities as strings: what decoding into
 * typed structs does upstream. Nulls that are not `nullable` go from custom resources too, so
 * defaults are to be applied first. Copy on write, as {@link applyDefaults}.
 */
export function prune<T>(schema: Schema, value: T): T {
  return pruneValue(shapeOf(schema), value) as T;
}

function pruneValue(shape: Shape, value: unknown): unknown {
  if (typeof value === "number" && shape.builtin && shape.schema.format === "quantity")
    return String(value);
  if (typeof value !== "object" || value === null || isSound(shape, value)) return value;
  if (shape.anyOf !== undefined) {
    const member = shape.anyOf.find(
      (each) => (each.schema.type === "array") === Array.isArray(value),
    );
    return member === undefined ? value : pruneValue(member, value);
  }
  if (Array.isArray(value)) return pruneItems(shape, value);
  return isObject(value) ? pruneFields(shape, value) : value;
}

function pruneItems(shape: Shape, value: readonly unknown[]): readonly unknown[] {
  const { items } = shape;
  if (items === undefined) return value;
  let copy: unknown[] | undefined;
  for (let at = 0; at < value.length; at += 1) {
    const pruned = pruneValue(items, value[at]);
    if (pruned === value[at]) continue;
    copy ??= [...value];
    copy[at] = pruned;
  }
  return copy ?? value;
}

function pruneFields(
  shape: Shape,
  value: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const { properties, additional } = shape;
  let changes: Map<string, unknown> | undefined;
  for (const key in value) {
    const field = value[key];
    const known = properties.get(key);
    const child = known ?? additional;
    let pruned: unknown;
    if (child === undefined) pruned = shape.open ? field : undefined;
    else if (field === null) pruned = nullField(shape, child, known !== undefined);
    else pruned = isZero(child, field) ? undefined : pruneValue(child, field);
    if (pruned === field) continue;
    changes ??= new Map();
    changes.set(key, pruned);
  }
  if (changes === undefined) return value;
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const field = changes.has(key) ? changes.get(key) : value[key];
    if (field !== undefined) copy[key] = field;
  }
  return copy;
}

/** Go decodes null into the zero value: an absent field, but a present, empty entry of a map. */
function nullField(parent: Shape, child: Shape, isField: boolean): unknown {
  if (child.nullable || (child.open && !child.builtin)) return null;
  if (isField) return undefined;
  return parent.builtin && child.schema.type === "string" ? "" : undefined;
}
