/**
 * Where the fields are that are ignored of an object, in its manifest and in the live object. Lists
 * may differ in order: their elements go by what identifies them. Pure.
 */
import { pathsOf } from "../../kube/apply/field-set.ts";
import { elementKeys } from "../../kube/apply/list-elements.ts";
import { type MergeType, objectTypeOf } from "../../kube/apply/merge-type.ts";
import { fieldsOwnedBy, readFieldPath } from "../../kube/apply/ownership.ts";
import { isObject } from "../../kube/json-object.ts";
import { parseArrayIndex, readJsonPointer } from "../../kube/json-pointer.ts";
import type { KubeObject } from "../../kube/object.ts";
import { schemaOf } from "../../kube/schema/definitions.ts";
import { IgnoreRuleError, type IgnoredFields, type JqExpression } from "./ignore-rules.ts";
import { JqLimitError } from "./jq/jq-error.ts";
import { jqPaths, type Tokens } from "./jq/jq-paths.ts";

/** A field, where it is in the manifest and where in the live object: lists may differ in order. */
export interface Place {
  readonly desired: Tokens;
  /** Undefined: the list element that it is in does not exist there. */
  readonly live: Tokens | undefined;
}

/** How the fields of an object merge. */
export const typeOf = ({ apiVersion, kind }: KubeObject): MergeType =>
  objectTypeOf(schemaOf(apiVersion, kind));

/** @throws {IgnoreRuleError} when finding them is too much work */
export function placesOf(desired: KubeObject, live: KubeObject, ignored: IgnoredFields): Place[] {
  const type = typeOf(desired);
  const places = new Map<string, Place>();
  const add = (found: { desired: Tokens | undefined; live: Tokens | undefined }): void => {
    if (found.desired === undefined) return;
    for (const place of partsOf({ ...found, desired: found.desired }, desired, live, type))
      if (!isKeyField(desired, place.desired, type))
        places.set(JSON.stringify(place.desired), place);
  };
  for (const tokens of ignored.pointers) add({ desired: tokens, live: tokens });
  for (const expression of ignored.expressions) {
    for (const tokens of pathsIn(expression, desired))
      add({ desired: tokens, live: counterpart(desired, live, tokens, type) });
    for (const tokens of pathsIn(expression, live))
      add({ desired: counterpart(live, desired, tokens, type), live: tokens });
  }
  for (const manager of ignored.managers)
    for (const path of pathsOf(fieldsOwnedBy(live, manager))) {
      const tokens = leafTokens(live, path);
      if (tokens !== undefined)
        add({ desired: counterpart(live, desired, tokens, type), live: tokens });
    }
  return [...places.values()];
}

/**
 * The fields of an object that is ignored as a whole: of those that merge, each has its own owners.
 */
function partsOf(
  place: Place,
  desired: KubeObject,
  live: KubeObject,
  rootType: MergeType,
): Place[] {
  const found = readJsonPointer(desired, place.desired);
  const there = place.live === undefined ? undefined : readJsonPointer(live, place.live);
  const type = typeAt(desired, place.desired, rootType);
  if (!isObject(found) || !isObject(there) || type.atomicMap) return [place];
  return [...new Set([...Object.keys(found), ...Object.keys(there)])].flatMap((key) =>
    partsOf(
      { desired: [...place.desired, key], live: [...(place.live ?? []), key] },
      desired,
      live,
      rootType,
    ),
  );
}

function pathsIn({ text, node }: JqExpression, object: KubeObject): Tokens[] {
  try {
    return jqPaths(node, object);
  } catch (error) {
    if (!(error instanceof JqLimitError)) throw error;
    throw new IgnoreRuleError(
      `the jq path expression ${JSON.stringify(text)} of spec.ignoreDifferences is too much work: ${error.message}`,
      { cause: error },
    );
  }
}

/** A path of a field set in the live object; undefined where it only leads to other paths. */
function leafTokens(live: unknown, path: readonly string[]): Tokens | undefined {
  const tokens: string[] = [];
  let value = live;
  for (const element of path) {
    const below = readFieldPath(value, [element]);
    if (below === undefined) return undefined;
    const token = Array.isArray(value) ? String(value.indexOf(below)) : element.slice(2);
    tokens.push(token);
    value = below;
  }
  // A map or list that others have their parts in is not ignored as a whole.
  return isObject(value) || Array.isArray(value) ? undefined : tokens;
}

/** Where the same field is in another version of the object: list elements go by what identifies them. */
function counterpart(
  from: unknown,
  to: unknown,
  tokens: Tokens,
  rootType: MergeType,
): Tokens | undefined {
  const found: string[] = [];
  let [here, there, type] = [from, to, rootType];
  for (const token of tokens) {
    let other = token;
    if (Array.isArray(here)) {
      const index = matchingIndex(here, there, parseArrayIndex(token) ?? -1, type);
      if (index === undefined) return undefined;
      other = String(index);
      type = type.element();
    } else type = type.field(token);
    here = readJsonPointer(here, [token]);
    there = readJsonPointer(there, [other]);
    found.push(other);
  }
  return found;
}

function matchingIndex(
  list: readonly unknown[],
  other: unknown,
  index: number,
  type: MergeType,
): number | undefined {
  if (!Array.isArray(other)) return undefined;
  if (type.list === "atomic") return index < other.length ? index : undefined;
  const key = elementKeys(list, type)[index];
  const found = elementKeys(other, type).indexOf(key ?? "");
  return found < 0 ? undefined : found;
}

function typeAt(object: unknown, tokens: Tokens, rootType: MergeType): MergeType {
  let [value, type] = [object, rootType];
  for (const token of tokens) {
    type = Array.isArray(value) ? type.element() : type.field(token);
    value = readJsonPointer(value, [token]);
  }
  return type;
}

/** The type of the list that the last token of a pointer is an index of; undefined for a field. */
function listType(object: unknown, tokens: Tokens, rootType: MergeType): MergeType | undefined {
  const container = tokens.slice(0, -1);
  if (!Array.isArray(readJsonPointer(object, container))) return undefined;
  return typeAt(object, container, rootType);
}

/** Whether a pointer names a whole element of a list whose elements are merged one by one. */
export function isListed(object: unknown, tokens: Tokens, type: MergeType): boolean {
  const list = listType(object, tokens, type);
  return list !== undefined && list.list !== "atomic";
}

/** What identifies an element has to be applied with whatever else is said of it. */
function isKeyField(object: unknown, tokens: Tokens, type: MergeType): boolean {
  const list = listType(object, tokens.slice(0, -1), type);
  return list?.list === "map" && list.keys.includes(tokens.at(-1) ?? "");
}
