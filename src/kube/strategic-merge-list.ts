/**
 * How a strategic merge patch changes a list that merges: by merge key for objects, as a set for
 * scalars. Follows k8s.io/apimachinery/pkg/util/strategicpatch, the order of the result included.
 */
import { isObject, ownField, type UnknownObject } from "./json-object.ts";
import { PatchError } from "./patch-error.ts";

export interface ListMerge {
  /** The field, for errors. */
  readonly field: string;
  /** Which field identifies an element; undefined for lists of scalars. */
  readonly mergeKey: string | undefined;
  /** Merges one element of the patch into the element with the same key. */
  readonly mergeElement: (element: UnknownObject, patch: UnknownObject) => unknown;
  /** An element that is new, without directives. */
  readonly newElement: (patch: unknown) => unknown;
}

/** Identity of an element: `80` and `"80"` are the same, as upstream compares printed keys. */
function keyOf(element: unknown, list: ListMerge): string | undefined {
  if (list.mergeKey === undefined) return JSON.stringify(element);
  const key = isObject(element) ? ownField(element, list.mergeKey) : undefined;
  return typeof key === "string" || typeof key === "number" ? `${key}` : undefined;
}

function requiredKey(element: unknown, list: ListMerge): string {
  const key = keyOf(element, list);
  if (key !== undefined) return key;
  throw new PatchError(
    "BadRequest",
    `an element of ${list.field} in the patch has no merge key "${list.mergeKey}"`,
  );
}

/**
 * The patched list. Without `$setElementOrder` the elements of the patch order the result.
 * @throws {PatchError}
 */
export function mergeList(
  original: readonly unknown[],
  patch: readonly unknown[] | undefined,
  order: readonly unknown[] | undefined,
  list: ListMerge,
): readonly unknown[] {
  const { changes, deleted, replaces } = splitDirectives(patch ?? [], list);
  const rank = rankOf(order ?? changes, list);
  if (order !== undefined) checkOrder(changes, rank, list);
  const kept = replaces ? [] : original.filter((element) => !isDeleted(element, deleted, list));
  const merged = mergeElements(kept, changes, list);
  const ordered = orderElements(merged, rank, original, list);
  return sameElements(ordered, original) ? original : ordered;
}

/** The list without the given scalars, as `$deleteFromPrimitiveList` asks. */
export function deleteFromList(
  original: readonly unknown[],
  deletions: readonly unknown[],
): readonly unknown[] {
  const gone = new Set(deletions);
  const kept = original.filter((element) => !gone.has(element));
  return kept.length === original.length ? original : kept;
}

const sameElements = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((element, index) => element === b[index]);

interface Directives {
  readonly changes: readonly unknown[];
  readonly deleted: ReadonlySet<string>;
  readonly replaces: boolean;
}

function splitDirectives(patch: readonly unknown[], list: ListMerge): Directives {
  const changes: unknown[] = [];
  const deleted = new Set<string>();
  let replaces = false;
  for (const element of patch) {
    const directive = isObject(element) ? ownField(element, "$patch") : undefined;
    if (directive === undefined || directive === "merge") changes.push(element);
    else if (directive === "delete") deleted.add(requiredKey(element, list));
    else if (directive === "replace") replaces = true;
    else throw unknownDirective(directive, list.field);
  }
  return { changes, deleted, replaces };
}

/** For a `$patch` that is none of `merge`, `replace` and `delete`. */
export function unknownDirective(directive: unknown, field: string): PatchError {
  return new PatchError(
    "BadRequest",
    `unknown "$patch" ${JSON.stringify(directive)} in ${field}; known are merge, replace, delete`,
  );
}

function isDeleted(element: unknown, deleted: ReadonlySet<string>, list: ListMerge): boolean {
  const key = keyOf(element, list);
  return key !== undefined && deleted.has(key);
}

function mergeElements(
  kept: readonly unknown[],
  changes: readonly unknown[],
  list: ListMerge,
): readonly unknown[] {
  const merged = [...kept];
  const positions = new Map<string, number>();
  for (const [index, element] of merged.entries()) {
    const key = keyOf(element, list);
    if (key !== undefined && !positions.has(key)) positions.set(key, index);
  }
  for (const change of changes) {
    const key = requiredKey(change, list);
    const position = positions.get(key);
    if (position === undefined) {
      positions.set(key, merged.length);
      merged.push(list.newElement(change));
    } else {
      const element = merged[position];
      if (isObject(element) && isObject(change)) {
        merged[position] = list.mergeElement(element, change);
      }
    }
  }
  return merged;
}

/** The position that a list asks for, by key. */
function rankOf(order: readonly unknown[], list: ListMerge): ReadonlyMap<string, number> {
  const rank = new Map<string, number>();
  for (const element of order) {
    const key = requiredKey(element, list);
    if (!rank.has(key)) rank.set(key, rank.size);
  }
  return rank;
}

function checkOrder(
  changes: readonly unknown[],
  rank: ReadonlyMap<string, number>,
  list: ListMerge,
): void {
  let last = -1;
  for (const change of changes) {
    const position = rank.get(requiredKey(change, list)) ?? -1;
    if (position < last || position < 0) {
      throw new PatchError(
        "BadRequest",
        `the order of ${list.field} in the patch does not match its $setElementOrder`,
      );
    }
    last = position;
  }
}

/**
 * Ranked elements stand in the order of their rank, the others in the order they had. An unranked
 * element goes in front of the first ranked one that it preceded before; new ranked ones come first.
 */
function orderElements(
  merged: readonly unknown[],
  rank: ReadonlyMap<string, number>,
  original: readonly unknown[],
  list: ListMerge,
): readonly unknown[] {
  if (rank.size === 0) return merged;
  const before = new Map<string, number>();
  for (const [index, element] of original.entries()) {
    const key = keyOf(element, list);
    if (key !== undefined && !before.has(key)) before.set(key, index);
  }
  const rankIn = (positions: ReadonlyMap<string, number>, element: unknown): number | undefined =>
    positions.get(keyOf(element, list) ?? "");
  const ranked = merged
    .filter((element) => rankIn(rank, element) !== undefined)
    .sort((a, b) => (rankIn(rank, a) ?? 0) - (rankIn(rank, b) ?? 0));
  const others = merged.filter((element) => rankIn(rank, element) === undefined);
  const ordered: unknown[] = [];
  let next = 0;
  for (const other of others) {
    const position = rankIn(before, other) ?? Number.POSITIVE_INFINITY;
    while (next < ranked.length && (rankIn(before, ranked[next]) ?? -1) < position) {
      ordered.push(ranked[next++]);
    }
    ordered.push(other);
  }
  return [...ordered, ...ranked.slice(next)];
}
