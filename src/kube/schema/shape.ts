/**
 * A schema prepared for walking values: `$ref`s resolved, names in maps, patterns compiled, and
 * whether defaults lie below known. Built once per schema, one level at a time, because definitions
 * are large and some (JSONSchemaProps) contain themselves.
 */
import type { Json } from "../object.ts";
import { isBuiltin, resolve } from "./definitions.ts";
import { type FormatCheck, formatCheck } from "./formats.ts";
import type { Schema } from "./schema.ts";

export interface Shape {
  readonly schema: Schema;
  /** Decoded into typed structs upstream: null is absence, and numbers may stand for quantities. */
  readonly builtin: boolean;
  /** Fields are not pruned and not reported as unknown. */
  readonly open: boolean;
  readonly nullable: boolean;
  readonly format: FormatCheck | undefined;
  readonly pattern: RegExp | undefined;
  readonly properties: ReadonlyMap<string, Shape>;
  /** Of the values of keys that `properties` does not name; undefined when there may be none. */
  readonly additional: Shape | undefined;
  readonly items: Shape | undefined;
  /** The union of which a value takes the first member that has its JSON type. */
  readonly anyOf: readonly Shape[] | undefined;
  /** Properties that have a default, or have one somewhere below. */
  readonly defaulted: readonly (readonly [string, Shape])[];
  /** Whether filling in defaults can change a value of this shape. */
  readonly hasDefaults: boolean;
  /** Values that are known to fit, shared by all shapes of the same definition; see `sound.ts`. */
  readonly sound: SoundValues;
}
/** Without a set nothing is known, which is so for nearly all shapes and costs nothing to find out. */
export interface SoundValues {
  values: WeakSet<object> | undefined;
}

const soundOfSchema = new WeakMap<Schema, SoundValues>();

function soundOf(schema: Schema): SoundValues {
  let sound = soundOfSchema.get(schema);
  if (sound === undefined) {
    sound = { values: undefined };
    soundOfSchema.set(schema, sound);
  }
  return sound;
}

const shapes = new WeakMap<Schema, Shape>();
/** The same for schemas that inherit the built-in reading from a definition around them. */
const builtinShapes = new WeakMap<Schema, Shape>();

/** The shape of a schema; the same schema always gives the same shape. */
export function shapeOf(schema: Schema, insideBuiltin = false): Shape {
  const builtin = insideBuiltin || isBuiltin(schema);
  const cache = builtin ? builtinShapes : shapes;
  const known = cache.get(schema);
  if (known !== undefined) return known;
  const shape = new LazyShape(resolve(schema), builtin);
  cache.set(schema, shape);
  return shape;
}

const OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
const EMBEDDED: Readonly<Record<string, Schema>> = {
  apiVersion: { type: "string" },
  kind: { type: "string" },
  metadata: { $ref: OBJECT_META },
};

class LazyShape implements Shape {
  readonly schema: Schema;
  readonly builtin: boolean;
  readonly open: boolean;
  readonly nullable: boolean;
  readonly format: FormatCheck | undefined;
  readonly pattern: RegExp | undefined;
  readonly sound: SoundValues;
  #properties: ReadonlyMap<string, Shape> | undefined;
  #additional: Shape | undefined;
  #items: Shape | undefined;
  #anyOf: readonly Shape[] | undefined;
  #defaulted: readonly (readonly [string, Shape])[] | undefined;
  #hasDefaults: boolean | undefined;

  constructor(schema: Schema, builtin: boolean) {
    this.schema = schema;
    this.sound = soundOf(schema);
    this.builtin = builtin;
    this.open = schema["x-kubernetes-preserve-unknown-fields"] === true;
    this.nullable = schema.nullable === true;
    this.format = schema.format === undefined ? undefined : formatCheck(schema.format);
    this.pattern = schema.pattern === undefined ? undefined : compilePattern(schema.pattern);
  }

  get properties(): ReadonlyMap<string, Shape> {
    if (this.#properties === undefined) {
      const { properties = {} } = this.schema;
      const embedded = this.schema["x-kubernetes-embedded-resource"] === true ? EMBEDDED : {};
      this.#properties = new Map(
        Object.entries({ ...properties, ...embedded }).map(([name, child]) => [
          name,
          shapeOf(child, this.builtin),
        ]),
      );
    }
    return this.#properties;
  }
  get additional(): Shape | undefined {
    const schema = this.schema.additionalProperties;
    if (schema === undefined || schema === false) return undefined;
    this.#additional ??= shapeOf(schema === true ? ANYTHING : schema, this.builtin);
    return this.#additional;
  }
  get items(): Shape | undefined {
    if (this.schema.items === undefined) return undefined;
    this.#items ??= shapeOf(this.schema.items, this.builtin);
    return this.#items;
  }
  get anyOf(): readonly Shape[] | undefined {
    if (this.schema.anyOf === undefined || !this.builtin) return undefined;
    this.#anyOf ??= this.schema.anyOf.map((member) => shapeOf(member, true));
    return this.#anyOf;
  }
  get defaulted(): readonly (readonly [string, Shape])[] {
    this.#defaulted ??= [...this.properties].filter(
      ([, child]) => child.schema.default !== undefined || child.hasDefaults,
    );
    return this.#defaulted;
  }
  get hasDefaults(): boolean {
    this.#hasDefaults ??= defaultsBelow(this, new Set());
    return this.#hasDefaults;
  }
}

const ANYTHING: Schema = { "x-kubernetes-preserve-unknown-fields": true };

/** Looks below for a default, each shape once, so that recursive definitions end. */
function defaultsBelow(shape: Shape, seen: Set<Shape>): boolean {
  if (seen.has(shape)) return false;
  seen.add(shape);
  for (const child of shape.properties.values())
    if (child.schema.default !== undefined || defaultsBelow(child, seen)) return true;
  return (
    (shape.items !== undefined && defaultsBelow(shape.items, seen)) ||
    (shape.additional !== undefined && defaultsBelow(shape.additional, seen))
  );
}

/** RE2 and JavaScript agree on what schemas use, but for the leading flags group. */
function compilePattern(pattern: string): RegExp | undefined {
  const [, flags = "", rest = pattern] = /^\(\?([ims]+)\)([\s\S]*)$/.exec(pattern) ?? [];
  try {
    return new RegExp(rest, flags);
  } catch {
    return undefined; // `structuralErrors` reports it when the definition is created
  }
}

/** Whether a field's value stands for no value: `""` or `0` where Go cannot tell them from absence. */
export function isZero(shape: Shape, field: unknown): boolean {
  return (field === "" || field === 0) && shape.schema["x-gantry-zero-is-absent"] === true;
}

/** Whether a value is a JSON object, as opposed to null, a list or a scalar. */
export function isObject(value: unknown): value is Readonly<Record<string, Json>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
