/** Fields that a schema does not know: what strict field validation rejects or warns of. */
import { FieldPath } from "./field-path.ts";
import type { Schema } from "./schema.ts";
import { isObject, type Shape, shapeOf } from "./shape.ts";

/** Listing more than this many helps nobody. */
const MAX_UNKNOWN = 100;

/** Their field paths, in the order of the value: `spec.template.spec.containers[0].imagee`. */
export function unknownFields(schema: Schema, value: unknown): string[] {
  const found: string[] = [];
  walk(shapeOf(schema), value, new FieldPath(), found);
  return found;
}

function walk(shape: Shape, value: unknown, path: FieldPath, found: string[]): void {
  if (typeof value !== "object" || value === null) return;
  if (shape.anyOf !== undefined) {
    const type = Array.isArray(value) ? "array" : "object";
    const member = shape.anyOf.find(({ schema }) => schema.type === type);
    if (member !== undefined) walk(member, value, path, found);
    return;
  }
  if (Array.isArray(value)) {
    const { items } = shape;
    if (items === undefined) return;
    for (let at = 0; at < value.length; at += 1) {
      path.push(at);
      walk(items, value[at], path, found);
      path.pop();
    }
    return;
  }
  if (isObject(value)) walkFields(shape, value, path, found);
}

function walkFields(
  shape: Shape,
  value: Readonly<Record<string, unknown>>,
  path: FieldPath,
  found: string[],
): void {
  if (found.length >= MAX_UNKNOWN) return;
  const { properties, additional } = shape;
  for (const key in value) {
    const field = value[key];
    const known = properties.get(key);
    const child = known ?? additional;
    if (child === undefined) {
      if (shape.open || field === undefined) continue;
      path.push(key);
      found.push(path.toString());
      path.pop();
      continue;
    }
    if (typeof field !== "object") continue;
    path.push(key, known === undefined);
    walk(child, field, path, found);
    path.pop();
  }
}
