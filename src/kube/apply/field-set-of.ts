/** Which fields a value has, as field sets: those that an apply owns, and those that appear or go. */
import { checkDepth } from "../patch-error.ts";
import { EMPTY, type FieldSet, LEAF, memberNode, nodeOf } from "./field-set.ts";
import { elementKeys } from "./list-elements.ts";
import type { MergeType } from "./merge-type.ts";
import { isAbsent, isGranularList, isGranularMap } from "./typed-value.ts";

/**
 * The fields that applying a value owns: its leaves, the entries of its maps and the elements of
 * its lists. Objects and lists that the schema names are owned through what is in them, and by
 * themselves when they are empty (upstream leaves empty lists to nobody, and may prune them).
 */
export function fieldSetOf(value: unknown, type: MergeType): FieldSet {
  return appliedNode(value, type, 0) ?? EMPTY;
}

function appliedNode(value: unknown, type: MergeType, depth: number): FieldSet | undefined {
  checkDepth(depth);
  if (isGranularMap(value, type)) {
    const children: [string, FieldSet][] = [];
    for (const name of Object.keys(value).sort()) {
      const fieldType = type.field(name);
      const field = value[name];
      if (isAbsent(field, fieldType)) continue;
      const below = appliedNode(field, fieldType, depth + 1);
      const node = type.declares(name) && !isEmptyMap(field) ? below : memberNode(below);
      if (node !== undefined) children.push([`f:${name}`, node]);
    }
    return nodeOf(false, children);
  }
  if (isGranularList(value, type)) {
    const elementType = type.element();
    return nodeOf(
      value.length === 0,
      elementNodes(value, type, (element) =>
        memberNode(appliedNode(element, elementType, depth + 1)),
      ),
    );
  }
  return LEAF;
}

const isEmptyMap = (value: unknown): boolean =>
  typeof value === "object" &&
  value !== null &&
  !Array.isArray(value) &&
  Object.keys(value).length === 0;

/** Every path of a value that appears or goes as a whole, objects and lists on the way included. */
export function everyPath(value: unknown, type: MergeType, depth = 0): FieldSet {
  checkDepth(depth);
  if (isGranularMap(value, type)) {
    const children: [string, FieldSet][] = [];
    for (const name of Object.keys(value).sort()) {
      const fieldType = type.field(name);
      const field = value[name];
      if (isAbsent(field, fieldType)) continue;
      children.push([`f:${name}`, everyPath(field, fieldType, depth + 1)]);
    }
    return nodeOf(true, children) ?? LEAF;
  }
  if (isGranularList(value, type)) {
    const elementType = type.element();
    const children = elementNodes(value, type, (element) =>
      everyPath(element, elementType, depth + 1),
    );
    return nodeOf(true, children) ?? LEAF;
  }
  return LEAF;
}

function elementNodes(
  list: readonly unknown[],
  type: MergeType,
  nodeOfElement: (element: unknown) => FieldSet,
): [string, FieldSet][] {
  const nodes = new Map<string, FieldSet>();
  for (const [index, key] of elementKeys(list, type).entries()) {
    // Elements that share an identity can only be owned together, not field by field.
    nodes.set(key, nodes.has(key) ? LEAF : nodeOfElement(list[index]));
  }
  return [...nodes].sort(([a], [b]) => (a < b ? -1 : 1));
}
