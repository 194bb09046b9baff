/** Static defaults, as a schema states them. Defaults that depend on other fields are the kind's. */
import { deepFreeze } from "../object.ts";
import type { Schema } from "./schema.ts";
import { isSound } from "./sound.ts";
import { isObject, isZero, type Shape, shapeOf } from "./shape.ts";

/**
 * The value with every absent field that has a default filled in, wherever its parent is present.
 * Copy on write: untouched parts are shared, and a value that lacks nothing is returned as it is.
 * Null counts as absent where a field is not `nullable`, as upstream has it.
 */
export function applyDefaults<T>(schema: Schema, value: T): T {
  return fill(shapeOf(schema), value) as T;
}

function fill(shape: Shape, value: unknown): unknown {
  if (!shape.hasDefaults || typeof value !== "object" || value === null) return value;
  if (isSound(shape, value)) return value;
  if (Array.isArray(value)) return fillItems(shape, value);
  return isObject(value) ? fillFields(shape, value) : value;
}

function fillItems(shape: Shape, value: readonly unknown[]): readonly unknown[] {
  const { items } = shape;
  if (items === undefined) return value;
  let copy: unknown[] | undefined;
  for (let at = 0; at < value.length; at += 1) {
    const filled = fill(items, value[at]);
    if (filled === value[at]) continue;
    copy ??= [...value];
    copy[at] = filled;
  }
  return copy ?? value;
}

function fillFields(
  shape: Shape,
  value: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  let copy: Record<string, unknown> | undefined;
  const set = (key: string, filled: unknown): void => {
    copy ??= { ...value };
    copy[key] = filled;
  };
  for (const [name, child] of shape.defaulted) {
    const field = Object.hasOwn(value, name) ? value[name] : undefined;
    if (field === undefined || (field === null && !child.nullable) || isZero(child, field)) {
      if (child.schema.default !== undefined) set(name, defaultOf(child));
    } else {
      const filled = fill(child, field);
      if (filled !== field) set(name, filled);
    }
  }
  const { additional } = shape;
  if (additional?.hasDefaults === true) {
    for (const key in value) {
      if (shape.properties.has(key)) continue;
      const filled = fill(additional, value[key]);
      if (filled !== value[key]) set(key, filled);
    }
  }
  return copy ?? value;
}

const filledDefaults = new WeakMap<Shape, unknown>();

/** A field's default with the defaults inside it; frozen, because all objects share it. */
function defaultOf(shape: Shape): unknown {
  const known = filledDefaults.get(shape);
  if (known !== undefined) return known;
  const filled = deepFreeze(fill(shape, shape.schema.default));
  filledDefaults.set(shape, filled);
  return filled;
}
