/**
 * Reading JSON of unknown shape. Objects come from clients: a key is looked up as an own property
 * only, so that `constructor` or `toString` in a document never reaches `Object.prototype`.
 */

export type UnknownObject = Readonly<Record<string, unknown>>;

/** Whether a JSON value is an object (neither array nor null). */
export function isObject(value: unknown): value is UnknownObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value of a field of the document itself; undefined where it is absent. */
export function ownField(object: UnknownObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** The only key that plain assignment would not store but take as the object's prototype. */
export const PROTOTYPE_KEY = "__proto__";
