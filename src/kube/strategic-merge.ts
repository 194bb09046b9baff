/**
 * Strategic merge patch: a merge patch that knows from the schema which lists merge by key, with
 * the directives `$patch`, `$retainKeys`, `$setElementOrder/…` and `$deleteFromPrimitiveList/…`.
 * Follows k8s.io/apimachinery/pkg/util/strategicpatch. Fields that the schema does not know merge
 * as objects and are replaced as lists.
 */
import { deepEqual } from "./equality.ts";
import { isObject, ownField, PROTOTYPE_KEY, type UnknownObject } from "./json-object.ts";
import { checkDepth, PatchError } from "./patch-error.ts";
import { resolve } from "./schema/definitions.ts";
import type { Schema } from "./schema/schema.ts";
import { deleteFromList, mergeList, unknownDirective } from "./strategic-merge-list.ts";

const DIRECTIVE = "$patch";
const RETAIN_KEYS = "$retainKeys";
const ELEMENT_ORDER = "$setElementOrder/";
const DELETE_FROM_LIST = "$deleteFromPrimitiveList/";

/**
 * Applies a patch to an object of a built-in kind. Neither argument is changed; what the patch does
 * not touch is shared, and a patch that changes nothing returns the target itself.
 * @throws {PatchError}
 */
export function applyStrategicMergePatch(
  target: unknown,
  patch: unknown,
  schema: Schema | undefined,
): unknown {
  if (!isObject(patch)) {
    throw new PatchError("BadRequest", "a strategic merge patch must be an object");
  }
  return mergeObject(isObject(target) ? target : {}, patch, schema, "the patch", 0);
}

function mergeObject(
  original: UnknownObject,
  patch: UnknownObject,
  unresolved: Schema | undefined,
  field: string,
  depth: number,
): UnknownObject {
  checkDepth(depth);
  const directive = ownField(patch, DIRECTIVE);
  if (directive === "delete") return {};
  if (directive === "replace") return withoutDirectives(patch, depth);
  if (directive !== undefined && directive !== "merge") throw unknownDirective(directive, field);

  const schema = unresolved === undefined ? undefined : resolve(unresolved);
  const draft: Record<string, unknown> = { ...retained(original, patch, field) };
  for (const [name, change] of fieldChanges(patch)) {
    const before = ownField(draft, name);
    const after = changedField(before, change, fieldSchema(schema, name), name, depth + 1);
    if (after === undefined) delete draft[name];
    else draft[name] = after;
  }
  return sameFields(draft, original) ? original : draft;
}

function sameFields(a: UnknownObject, b: UnknownObject): boolean {
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && a[key] === b[key])
  );
}

/** All that a patch says about one field. */
interface FieldChange {
  value?: unknown;
  order?: readonly unknown[];
  deletions?: readonly unknown[];
}

function fieldChanges(patch: UnknownObject): ReadonlyMap<string, FieldChange> {
  const changes = new Map<string, FieldChange>();
  const of = (name: string): FieldChange => {
    if (name === PROTOTYPE_KEY) throw new PatchError("Invalid", `field "${name}" is not allowed`);
    const known = changes.get(name) ?? {};
    changes.set(name, known);
    return known;
  };
  for (const [key, value] of Object.entries(patch)) {
    if (key === DIRECTIVE || key === RETAIN_KEYS) continue;
    if (key.startsWith(ELEMENT_ORDER)) of(key.slice(ELEMENT_ORDER.length)).order = list(key, value);
    else if (key.startsWith(DELETE_FROM_LIST)) {
      of(key.slice(DELETE_FROM_LIST.length)).deletions = list(key, value);
    } else of(key).value = value;
  }
  return changes;
}

function list(key: string, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new PatchError("BadRequest", `${key} must be a list`);
}

/** The fields that `$retainKeys` lets stay; the patch may set no field that it does not name. */
function retained(original: UnknownObject, patch: UnknownObject, field: string): UnknownObject {
  if (!Object.hasOwn(patch, RETAIN_KEYS)) return original;
  const keys = new Set(list(RETAIN_KEYS, patch[RETAIN_KEYS]));
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith("$") || value === null || keys.has(key)) continue;
    throw new PatchError("BadRequest", `$retainKeys of ${field} does not name the field "${key}"`);
  }
  return Object.fromEntries(Object.entries(original).filter(([key]) => keys.has(key)));
}

/** The new value of a field; undefined where it goes away. */
function changedField(
  before: unknown,
  change: FieldChange,
  schema: Schema | undefined,
  field: string,
  depth: number,
): unknown {
  const { value, order, deletions } = change;
  if (value === null) return undefined;
  let after = before;
  if (value !== undefined) after = changedValue(before, change, schema, field, depth);
  else if (order !== undefined && Array.isArray(before)) {
    after = changedList(before, undefined, order, schema, field, depth);
  }
  return deletions !== undefined && Array.isArray(after) ? deleteFromList(after, deletions) : after;
}

function changedValue(
  before: unknown,
  { value, order }: FieldChange,
  schema: Schema | undefined,
  field: string,
  depth: number,
): unknown {
  if (isObject(value)) {
    if (!isObject(before)) return isDeletion(value) ? undefined : withoutDirectives(value, depth);
    return patchStrategy(schema).includes("replace")
      ? withoutDirectives(value, depth)
      : mergeObject(before, value, schema, field, depth);
  }
  if (!Array.isArray(value)) return value;
  const original: readonly unknown[] = Array.isArray(before) ? before : [];
  const after = changedList(original, value, order, schema, field, depth);
  return after === original ? (before ?? []) : after;
}

function changedList(
  original: readonly unknown[],
  patch: readonly unknown[] | undefined,
  order: readonly unknown[] | undefined,
  schema: Schema | undefined,
  field: string,
  depth: number,
): readonly unknown[] {
  checkDepth(depth);
  const elements = [...original, ...(patch ?? [])];
  const ofObjects = elements.length > 0 && elements.every(isObject);
  const mergeKey = ofObjects ? schema?.["x-kubernetes-patch-merge-key"] : undefined;
  if (!patchStrategy(schema).includes("merge") || (ofObjects && mergeKey === undefined)) {
    if (patch === undefined) return original;
    const replaced = cleanElements(patch, depth);
    return deepEqual(replaced, original) ? original : replaced;
  }
  return mergeList(original, patch, order, {
    field,
    mergeKey,
    mergeElement: (element, change) =>
      mergeObject(element, change, schema?.items, field, depth + 1),
    newElement: (element) => clean(element, depth + 1),
  });
}

function patchStrategy(schema: Schema | undefined): readonly string[] {
  return schema?.["x-kubernetes-patch-strategy"]?.split(",") ?? [];
}

function fieldSchema(schema: Schema | undefined, name: string): Schema | undefined {
  if (schema === undefined) return undefined;
  const properties = schema.properties ?? {};
  if (Object.hasOwn(properties, name)) {
    const property = properties[name];
    return property === undefined ? undefined : resolve(property);
  }
  const additional = schema.additionalProperties;
  return typeof additional === "object" ? resolve(additional) : undefined;
}

const isDeletion = (value: unknown): boolean =>
  isObject(value) && ownField(value, DIRECTIVE) === "delete";

/** A value that nothing is there to merge with: its directives and nulls have nothing to act on. */
function clean(value: unknown, depth: number): unknown {
  checkDepth(depth);
  if (Array.isArray(value)) return cleanElements(value, depth);
  return isObject(value) ? withoutDirectives(value, depth) : value;
}

function cleanElements(elements: readonly unknown[], depth: number): readonly unknown[] {
  return elements
    .filter((element) => !isDeletion(element) && !isReplaceMarker(element))
    .map((element) => clean(element, depth + 1));
}

/** `{"$patch": "replace"}` in a list only says that the rest of the patch is the whole list. */
const isReplaceMarker = (element: unknown): boolean =>
  isObject(element) &&
  ownField(element, DIRECTIVE) === "replace" &&
  Object.keys(element).length === 1;

function withoutDirectives(value: UnknownObject, depth: number): UnknownObject {
  const cleaned: Record<string, unknown> = {};
  for (const [key, child] of Object.entries(value)) {
    if (key === PROTOTYPE_KEY) throw new PatchError("Invalid", `field "${key}" is not allowed`);
    if (child === null || isDirective(key) || isDeletion(child)) continue;
    cleaned[key] = clean(child, depth + 1);
  }
  return cleaned;
}

const isDirective = (key: string): boolean =>
  key === DIRECTIVE ||
  key === RETAIN_KEYS ||
  key.startsWith(ELEMENT_ORDER) ||
  key.startsWith(DELETE_FROM_LIST);
