/** Which fields differ between two versions of a value. Shared parts are skipped by identity. */
import { checkDepth } from "../patch-error.ts";
import { deepEqual } from "../equality.ts";
import type { UnknownObject } from "../json-object.ts";
import { EMPTY, type FieldSet, LEAF, nodeOf, withoutSelf } from "./field-set.ts";
import { everyPath } from "./field-set-of.ts";
import { elementKeys } from "./list-elements.ts";
import type { MergeType } from "./merge-type.ts";
import { isAbsent, isGranularList, isGranularMap, sameLeaf } from "./typed-value.ts";

export interface Comparison {
  /** Paths that are new or have another value. */
  readonly changed: FieldSet;
  /** Paths that are gone. */
  readonly removed: FieldSet;
}

/** Compares two values of one type. The order of list elements is no difference. */
export function compareValues(before: unknown, after: unknown, type: MergeType): Comparison {
  const { changed = EMPTY, removed = EMPTY } = compare(before, after, type, 0);
  return { changed, removed };
}

interface Node {
  readonly changed?: FieldSet | undefined;
  readonly removed?: FieldSet | undefined;
}
const SAME: Node = {};

function compare(before: unknown, after: unknown, type: MergeType, depth: number): Node {
  checkDepth(depth);
  if (before === after) return SAME;
  if (isAbsent(before, type)) {
    return isAbsent(after, type) ? SAME : { changed: everyPath(after, type, depth) };
  }
  if (isAbsent(after, type)) return { removed: everyPath(before, type, depth) };
  if (isGranularMap(before, type) && isGranularMap(after, type)) {
    return compareMaps(before, after, type, depth);
  }
  if (isGranularList(before, type) && isGranularList(after, type)) {
    return compareLists(before, after, type, depth);
  }
  if (sameLeaf(before, after, type)) return SAME;
  const gone = everyPath(before, type, depth);
  return { changed: everyPath(after, type, depth), removed: withoutSelf(gone) };
}

function compareMaps(
  before: UnknownObject,
  after: UnknownObject,
  type: MergeType,
  depth: number,
): Node {
  const differences: [string, Node][] = [];
  for (const name in before) {
    const next = Object.hasOwn(after, name) ? after[name] : undefined;
    if (before[name] === next) continue;
    differences.push([`f:${name}`, compare(before[name], next, type.field(name), depth + 1)]);
  }
  for (const name in after) {
    if (Object.hasOwn(before, name)) continue;
    differences.push([`f:${name}`, compare(undefined, after[name], type.field(name), depth + 1)]);
  }
  return join(differences);
}

function compareLists(
  before: readonly unknown[],
  after: readonly unknown[],
  type: MergeType,
  depth: number,
): Node {
  const elementType = type.element();
  const left = elementsByKey(before, type);
  const right = elementsByKey(after, type);
  const differences: [string, Node][] = [];
  for (const [key, elements] of left) {
    const next = right.get(key);
    differences.push([key, compareElements(elements, next, elementType, depth + 1)]);
  }
  for (const [key, elements] of right) {
    if (left.has(key)) continue;
    differences.push([key, compareElements(undefined, elements, elementType, depth + 1)]);
  }
  return join(differences);
}

/** Elements with one identity; several of them are only compared as a whole. */
function compareElements(
  before: readonly unknown[] | undefined,
  after: readonly unknown[] | undefined,
  type: MergeType,
  depth: number,
): Node {
  if ((before?.length ?? 1) === 1 && (after?.length ?? 1) === 1) {
    return compare(before?.[0], after?.[0], type, depth);
  }
  if (after === undefined) return { removed: LEAF };
  return deepEqual(before, after) ? SAME : { changed: LEAF };
}

function elementsByKey(list: readonly unknown[], type: MergeType): Map<string, unknown[]> {
  const elements = new Map<string, unknown[]>();
  for (const [index, key] of elementKeys(list, type).entries()) {
    const known = elements.get(key);
    if (known === undefined) elements.set(key, [list[index]]);
    else known.push(list[index]);
  }
  return elements;
}

function join(differences: readonly [string, Node][]): Node {
  const changed: [string, FieldSet][] = [];
  const removed: [string, FieldSet][] = [];
  for (const [key, node] of differences) {
    if (node.changed !== undefined) changed.push([key, node.changed]);
    if (node.removed !== undefined) removed.push([key, node.removed]);
  }
  if (changed.length === 0 && removed.length === 0) return SAME;
  const byKey = ([a]: [string, unknown], [b]: [string, unknown]): number => (a < b ? -1 : 1);
  return {
    changed: nodeOf(false, changed.sort(byKey)),
    removed: nodeOf(false, removed.sort(byKey)),
  };
}
