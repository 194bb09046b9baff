/**
 * The difference between two versions of an object, field by field, as plans, drift reports and
 * `gantry diff` show it. Elements of lists that merge are matched by what identifies them; values
 * that mean the same (`1000m` and `1`, null and absence) do not differ.
 */
import { elementKeys } from "./apply/list-elements.ts";
import { type FieldPath, formatFieldPath } from "./apply/field-set.ts";
import { type MergeType, objectTypeOf } from "./apply/merge-type.ts";
import { isAbsent, isGranularList, sameLeaf } from "./apply/typed-value.ts";
import { isObject, type UnknownObject } from "./json-object.ts";
import { checkDepth } from "./patch-error.ts";
import type { Schema } from "./schema/schema.ts";

export interface FieldChange {
  /** `spec.template.spec.containers[name="web"].image`, `metadata.annotations[example.com/a]`. */
  readonly path: string;
  /** The same for `ownersOf`. */
  readonly fieldPath: FieldPath;
  readonly type: "add" | "remove" | "change";
  /** Absent for what is added. */
  readonly from?: unknown;
  /** Absent for what is removed. */
  readonly to?: unknown;
}

export interface DiffOptions {
  /** Of the kind; without one, lists are compared as a whole. */
  readonly schema?: Schema;
  /** Fields to leave out, with everything below them. */
  readonly ignore?: (path: string) => boolean;
  /** Fields whose values are not to be shown, such as the data of Secrets. */
  readonly mask?: (path: string) => boolean;
}

/** Stands for a value that {@link DiffOptions.mask} hides. */
export const MASKED = "(masked)";

/**
 * What `next` changes in `live`. Whatever is new or gone is one change, at its topmost field; a
 * list that merges and only has another order is one change of the list.
 */
export function diffObjects(
  live: unknown,
  next: unknown,
  { schema, ignore, mask }: DiffOptions = {},
): FieldChange[] {
  const changes: FieldChange[] = [];
  const walk: Walk = { changes, ignore: ignore ?? (() => false), mask };
  diff(live, next, objectTypeOf(schema), ROOT, walk);
  return changes;
}

interface Walk {
  readonly changes: FieldChange[];
  readonly ignore: (path: string) => boolean;
  readonly mask: ((path: string) => boolean) | undefined;
}

interface Position {
  readonly path: string;
  readonly fieldPath: FieldPath;
}
const ROOT: Position = { path: "", fieldPath: [] };

const PLAIN_NAME = /^[A-Za-z_$][\w$-]*$/;

function fieldOf({ path, fieldPath }: Position, name: string): Position {
  const dotted = path === "" ? name : `${path}.${name}`;
  return {
    path: PLAIN_NAME.test(name) ? dotted : `${path}[${name}]`,
    fieldPath: [...fieldPath, `f:${name}`],
  };
}

function elementOf({ path, fieldPath }: Position, element: string): Position {
  return {
    path: `${path}${formatFieldPath([element])}`,
    fieldPath: [...fieldPath, element],
  };
}

function diff(live: unknown, next: unknown, type: MergeType, at: Position, walk: Walk): void {
  checkDepth(at.fieldPath.length);
  if (live === next || walk.ignore(at.path)) return;
  const wasAbsent = isAbsent(live, type);
  const isGone = isAbsent(next, type);
  if (wasAbsent && isGone) return;
  if (wasAbsent) report(walk, at, "add", undefined, next);
  else if (isGone) report(walk, at, "remove", live, undefined);
  else if (isObject(live) && isObject(next)) diffMaps(live, next, type, at, walk);
  else if (isGranularList(live, type) && isGranularList(next, type)) {
    diffLists(live, next, type, at, walk);
  } else if (isRecordList(live) && isRecordList(next) && live.length === next.length) {
    for (const [index, element] of live.entries()) {
      diff(element, next[index], type.element(), elementOf(at, `i:${index}`), walk);
    }
  } else if (!sameLeaf(live, next, type)) report(walk, at, "change", live, next);
}

const isRecordList = (value: unknown): value is readonly UnknownObject[] =>
  Array.isArray(value) && value.every(isObject);

function diffMaps(
  live: UnknownObject,
  next: UnknownObject,
  type: MergeType,
  at: Position,
  walk: Walk,
): void {
  for (const name of new Set([...Object.keys(live), ...Object.keys(next)])) {
    const before = Object.hasOwn(live, name) ? live[name] : undefined;
    const after = Object.hasOwn(next, name) ? next[name] : undefined;
    if (before !== after) diff(before, after, type.field(name), fieldOf(at, name), walk);
  }
}

function diffLists(
  live: readonly unknown[],
  next: readonly unknown[],
  type: MergeType,
  at: Position,
  walk: Walk,
): void {
  const before = elementKeys(live, type);
  const after = elementKeys(next, type);
  const liveByKey = new Map(before.map((key, index) => [key, live[index]]));
  const nextByKey = new Map(after.map((key, index) => [key, next[index]]));
  if (liveByKey.size < live.length || nextByKey.size < next.length) {
    if (!sameLeaf(live, next, type)) report(walk, at, "change", live, next);
    return;
  }
  for (const key of new Set([...before, ...after])) {
    diff(liveByKey.get(key), nextByKey.get(key), type.element(), elementOf(at, key), walk);
  }
  const kept = before.filter((key) => nextByKey.has(key));
  const order = after.filter((key) => liveByKey.has(key));
  if (kept.some((key, index) => key !== order[index])) report(walk, at, "change", live, next);
}

function report(
  { changes, mask }: Walk,
  { path, fieldPath }: Position,
  type: FieldChange["type"],
  from: unknown,
  to: unknown,
): void {
  const shown = (value: unknown): unknown =>
    mask === undefined ? value : masked(value, { path, fieldPath }, mask);
  changes.push({
    path,
    fieldPath,
    type,
    ...(type === "add" ? {} : { from: shown(from) }),
    ...(type === "remove" ? {} : { to: shown(to) }),
  });
}

/** The value without what is to be hidden in it. */
function masked(value: unknown, at: Position, mask: (path: string) => boolean): unknown {
  if (mask(at.path)) return MASKED;
  if (Array.isArray(value)) {
    return value.map((element, index) => masked(element, elementOf(at, `i:${index}`), mask));
  }
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [name, masked(field, fieldOf(at, name), mask)]),
  );
}
