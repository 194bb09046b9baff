/**
 * Remembers parts of stored objects that need no second look: they have their defaults, nothing
 * unknown, and no error. A status write leaves the spec as it is, and ten thousand pods share the
 * spec of one template: walking them again would find nothing.
 */
import type { KubeObject } from "../object.ts";
import type { Schema } from "./schema.ts";
import { isObject, type Shape, shapeOf } from "./shape.ts";

/** The parts that are large and shared between versions of an object. */
const PARTS = ["spec", "status", "template"] as const;

/**
 * `object` is as it is stored, of a built-in kind: it went through defaults, pruning and validation
 * when it was written. Parts that are not frozen are not remembered: they may still change.
 */
export function noteSound(schema: Schema, object: KubeObject): void {
  note(shapeOf(schema), object);
}

function note(shape: Shape, value: object): void {
  for (const part of PARTS) {
    const child = shape.properties.get(part);
    const field: unknown = (value as Readonly<Record<string, unknown>>)[part];
    if (child === undefined || !child.builtin || !isObject(field) || !Object.isFrozen(field))
      continue;
    child.sound.values ??= new WeakSet();
    if (child.sound.values.has(field)) continue;
    child.sound.values.add(field);
    note(child, field);
  }
}

export function isSound({ sound: { values } }: Shape, value: object): boolean {
  return values !== undefined && values.has(value);
}
