/**
 * `spec.ignoreDifferences`: fields that others may set. They are applied when an object is created
 * and left alone from then on, as Argo CD does with `RespectIgnoreDifferences=true`. Pure.
 */
import { EMPTY, type FieldSet, isEmpty } from "../../kube/apply/field-set.ts";
import { fieldsOwnedBy, readFieldPath } from "../../kube/apply/ownership.ts";
import { deepEqual } from "../../kube/equality.ts";
import { isObject, ownField } from "../../kube/json-object.ts";
import { parseArrayIndex, readJsonPointer } from "../../kube/json-pointer.ts";
import type { KubeObject } from "../../kube/object.ts";
import { type IgnoredFields, NOTHING_IGNORED } from "./ignore-rules.ts";
import { isListed, placesOf, typeOf } from "./ignored-places.ts";
import type { Tokens } from "./jq/jq-paths.ts";
import { withMarksOf } from "./tracking.ts";

/**
 * What to apply over a live object so that its ignored fields stay as they are: left out where
 * somebody else holds them; where only `manager` does, leaving them out would remove them, so their
 * live values are applied again. @throws {IgnoreRuleError}
 */
export function leaveAlone(
  desired: KubeObject,
  live: KubeObject,
  ignored: IgnoredFields,
  manager: string,
): KubeObject {
  if (ignored === NOTHING_IGNORED) return desired;
  const owned = fieldsOwnedBy(live, manager, "Apply");
  return adapted(desired, live, ignored, (tokens, value) =>
    value !== undefined && owns(owned, live, tokens) ? value : undefined,
  );
}

/** What to create in the place of a live object: its ignored fields go on as they are. */
export function keepIgnored(
  desired: KubeObject,
  live: KubeObject,
  ignored: IgnoredFields,
): KubeObject {
  return adapted(desired, live, ignored, (_tokens, value) => value);
}

/** The ignored fields in which the two differ, as JSON pointers into the manifest. */
export function ignoredDifferences(
  desired: KubeObject,
  live: KubeObject,
  ignored: IgnoredFields,
): Tokens[] {
  return placesOf(desired, live, ignored)
    .filter((place) => {
      const found = place.live === undefined ? undefined : readJsonPointer(live, place.live);
      return !deepEqual(readJsonPointer(desired, place.desired), found);
    })
    .map((place) => place.desired);
}

function adapted(
  desired: KubeObject,
  live: KubeObject,
  ignored: IgnoredFields,
  valueOf: (live: Tokens, value: unknown) => unknown,
): KubeObject {
  const places = placesOf(desired, live, ignored);
  const type = typeOf(desired);
  let object: unknown = desired;
  const removed: Tokens[] = [];
  for (const place of places) {
    const value =
      place.live === undefined ? undefined : valueOf(place.live, readJsonPointer(live, place.live));
    if (value === undefined && isListed(desired, place.desired, type)) removed.push(place.desired);
    else object = withField(object, place.desired, value);
  }
  // From the end, so that those that are still to go keep their index.
  for (const tokens of removed.sort(byIndexDescending)) object = withoutElement(object, tokens);
  return withIdentity(object as KubeObject, desired);
}

/** What says which object it is and whose is never ignored, whatever a rule names. */
function withIdentity(object: KubeObject, { apiVersion, kind, metadata }: KubeObject): KubeObject {
  const { name, namespace } = metadata;
  const named = { ...object.metadata, name, ...(namespace === undefined ? {} : { namespace }) };
  return withMarksOf({ ...object, apiVersion, kind, metadata: named }, metadata);
}

function byIndexDescending(a: Tokens, b: Tokens): number {
  return Number(b.at(-1)) - Number(a.at(-1));
}

function owns(owned: FieldSet, live: unknown, tokens: Tokens): boolean {
  let node = owned;
  let value = live;
  for (const token of tokens) {
    // Whoever owns a value that is replaced as a whole owns its parts.
    if (node !== owned && isEmpty(node)) return true;
    const below = Array.isArray(value) ? elementOf(node, value, token) : node[`f:${token}`];
    if (below === undefined) return false;
    node = below;
    value = readJsonPointer(value, [token]);
  }
  return true;
}

function elementOf(node: FieldSet, list: readonly unknown[], token: string): FieldSet | undefined {
  const element = list[parseArrayIndex(token) ?? -1];
  const key = Object.keys(node).find((path) => readFieldPath(list, [path]) === element);
  return key === undefined ? undefined : (node[key] ?? EMPTY);
}

/** A copy with another value at a pointer; undefined removes. What has no such place stays itself. */
function withField(container: unknown, [token = "", ...rest]: Tokens, value: unknown): unknown {
  if (Array.isArray(container)) {
    const index = parseArrayIndex(token) ?? -1;
    if (index < 0 || index >= container.length) return container;
    const list = [...(container as readonly unknown[])];
    // Taking an element out would move the others: lists keep their length.
    if (rest.length > 0) list[index] = withField(list[index], rest, value);
    else if (value !== undefined) list[index] = value;
    return list;
  }
  if (!isObject(container)) return container;
  const next = rest.length === 0 ? value : withField(ownField(container, token), rest, value);
  if (next === ownField(container, token)) return container;
  const { [token]: _before, ...others } = container;
  return next === undefined ? others : { ...container, [token]: next };
}

function withoutElement(container: unknown, tokens: Tokens): unknown {
  const list = readJsonPointer(container, tokens.slice(0, -1));
  if (!Array.isArray(list)) return container;
  const index = Number(tokens.at(-1));
  return withField(
    container,
    tokens.slice(0, -1),
    list.filter((_element, at) => at !== index),
  );
}
