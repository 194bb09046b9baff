/** Questions about the recorded owners of an object's fields: for `gantry blame` and for drift. */
import { isObject, ownField } from "../json-object.ts";
import type { KubeObject } from "../object.ts";
import {
  EMPTY,
  type FieldPath,
  type FieldSet,
  formatFieldPath,
  has,
  isEmpty,
  pathsOf,
  union,
} from "./field-set.ts";
import { decodeOwners, type Operation, type Owner } from "./managed-fields.ts";

export interface OwnedField {
  readonly path: FieldPath;
  /** The path as text: `.spec.replicas`. */
  readonly field: string;
  readonly owners: readonly Owner[];
}

/** The fields that a manager owns, through any version or subresource. @throws {FieldSetError} */
export function fieldsOwnedBy(
  object: KubeObject,
  manager: string,
  operation?: Operation,
): FieldSet {
  let fields = EMPTY;
  for (const owner of decodeOwners(object.metadata.managedFields).values()) {
    if (owner.manager !== manager) continue;
    if (operation === undefined || owner.operation === operation)
      fields = union(fields, owner.fields);
  }
  return fields;
}

/**
 * The owners of a field: those who own it itself or, for a part of a value that is replaced as a
 * whole, those who own that value. @throws {FieldSetError}
 */
export function ownersOf(object: KubeObject, path: FieldPath): Owner[] {
  const owners = [...decodeOwners(object.metadata.managedFields).values()];
  const exact = owners.filter(({ fields }) => has(fields, path));
  return exact.length > 0 ? exact : owners.filter(({ fields }) => isBelowLeaf(fields, path));
}

function isBelowLeaf(fields: FieldSet, path: FieldPath): boolean {
  let node = fields;
  for (const [depth, element] of path.entries()) {
    if (depth > 0 && isEmpty(node)) return true;
    const below = node[element];
    if (below === undefined) return false;
    node = below;
  }
  return false;
}

/** Every owned field with its owners, in order of the paths. @throws {FieldSetError} */
export function ownedFields(object: KubeObject): OwnedField[] {
  const owners = [...decodeOwners(object.metadata.managedFields).values()];
  const all = owners.reduce((fields, owner) => union(fields, owner.fields), EMPTY);
  return [...pathsOf(all)]
    .map((path) => ({
      path,
      field: formatFieldPath(path),
      owners: owners.filter(({ fields }) => has(fields, path)),
    }))
    .sort((a, b) => (a.field < b.field ? -1 : a.field > b.field ? 1 : 0));
}

/** The value at a path, or undefined; list elements are found by what identifies them. */
export function readFieldPath(object: unknown, path: FieldPath): unknown {
  let value = object;
  for (const element of path) {
    value = step(value, element.slice(0, 2), element.slice(2));
  }
  return value;
}

function step(value: unknown, form: string, content: string): unknown {
  if (form === "f:") return isObject(value) ? ownField(value, content) : undefined;
  if (!Array.isArray(value)) return undefined;
  const list: readonly unknown[] = value;
  if (form === "i:") return list[Number(content)];
  const wanted: unknown = JSON.parse(content);
  if (form === "v:" || !isObject(wanted)) return list.find((item) => item === wanted);
  const keys = Object.entries(wanted);
  const same = (item: unknown, absent: (field: unknown) => unknown): boolean =>
    isObject(item) &&
    keys.every(([key, field]) => (ownField(item, key) ?? absent(field)) === field);
  // Where no element has all keys, one that leaves some out has their defaults.
  return (
    list.find((item) => same(item, () => undefined)) ?? list.find((item) => same(item, (it) => it))
  );
}
