/**
 * Removes what a manager applied before and no longer applies. A field goes when nobody else owns
 * it; with it goes what is below it and owned by nobody, such as the defaults inside a probe.
 */
import { checkDepth } from "../patch-error.ts";
import type { UnknownObject } from "../json-object.ts";
import { type FieldSet, isMember } from "./field-set.ts";
import { elementKeys } from "./list-elements.ts";
import type { MergeType } from "./merge-type.ts";
import { isGranularList, isGranularMap } from "./typed-value.ts";

/**
 * The value without the fields of `last` that none of `owned` has.
 * @param last what the manager owned before
 * @param owned what every manager owns now, the one that applies included
 */
export function pruneFields(
  value: unknown,
  last: FieldSet,
  owned: readonly FieldSet[],
  type: MergeType,
): unknown {
  return prune(value, last, owned, type, 0);
}

function prune(
  value: unknown,
  last: FieldSet,
  owned: readonly FieldSet[],
  type: MergeType,
  depth: number,
): unknown {
  checkDepth(depth);
  if (isGranularMap(value, type)) return pruneMap(value, last, owned, type, depth);
  if (isGranularList(value, type)) return pruneList(value, last, owned, type, depth);
  return value;
}

function pruneMap(
  value: UnknownObject,
  last: FieldSet,
  owned: readonly FieldSet[],
  type: MergeType,
  depth: number,
): UnknownObject {
  let pruned: Record<string, unknown> | undefined;
  for (const element in last) {
    const name = element.slice(2);
    const lastBelow = last[element];
    if (lastBelow === undefined || !element.startsWith("f:") || !Object.hasOwn(value, name)) {
      continue;
    }
    const before = value[name];
    const after = pruneChild(before, lastBelow, below(owned, element), {
      type: type.field(name),
      declared: type.declares(name),
      depth: depth + 1,
    });
    if (after === before) continue;
    pruned ??= { ...value };
    if (after === undefined) delete pruned[name];
    else pruned[name] = after;
  }
  return pruned ?? value;
}

function pruneList(
  value: readonly unknown[],
  last: FieldSet,
  owned: readonly FieldSet[],
  type: MergeType,
  depth: number,
): readonly unknown[] {
  const elementType = type.element();
  const keys = elementKeys(value, type);
  let changed = false;
  const pruned: unknown[] = [];
  for (const [index, element] of value.entries()) {
    const key = keys[index] ?? "";
    const lastBelow = last[key];
    const after =
      lastBelow === undefined
        ? element
        : pruneChild(element, lastBelow, below(owned, key), {
            type: elementType,
            declared: false,
            depth: depth + 1,
          });
    if (after !== element) changed = true;
    if (after !== undefined) pruned.push(after);
  }
  return changed ? pruned : value;
}

interface Child {
  readonly type: MergeType;
  /** A field that the schema names counts as owned by whoever owns something in it. */
  readonly declared: boolean;
  readonly depth: number;
}

function pruneChild(
  value: unknown,
  last: FieldSet,
  owned: readonly FieldSet[],
  { type, declared, depth }: Child,
): unknown {
  const wasOwned = declared || isMember(last);
  const isOwned = declared ? owned.length > 0 : owned.some(isMember);
  if (wasOwned && !isOwned) return undefined;
  const pruned = prune(value, last, owned, type, depth);
  const isLeftover = pruned !== value && isEmptied(pruned) && !owned.some(isMember);
  return isLeftover ? undefined : pruned;
}

const isEmptied = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.keys(value).length === 0;

function below(sets: readonly FieldSet[], element: string): FieldSet[] {
  const children: FieldSet[] = [];
  for (const set of sets) {
    const child = set[element];
    if (child !== undefined) children.push(child);
  }
  return children;
}
