/**
 * `spec.ignoreDifferences`: fields that others may set. They are applied when an object is created
 * and left alone from then on, as Argo CD does with `RespectIgnoreDifferences=true`. Pure.
 */
import { EMPTY, type FieldSet, isEmpty, pathsOf } from "../../kube/apply/field-set.ts";
import { elementKeys } from "../../kube/apply/list-elements.ts";
import { type MergeType, objectTypeOf } from "../../kube/apply/merge-type.ts";
import { fieldsOwnedBy, readFieldPath } from "../../kube/apply/ownership.ts";
import { deepEqual } from "../../kube/equality.ts";
import { isObject, ownField } from "../../kube/json-object.ts";
import { parseArrayIndex, parseJsonPointer, readJsonPointer } from "../../kube/json-pointer.ts";
import type { Application, IgnoreDifference } from "../../kube/kinds/application.ts";
import type { KubeObject } from "../../kube/object.ts";
import { schemaOf } from "../../kube/schema/definitions.ts";
import { JqLimitError, JqSyntaxError } from "./jq/jq-error.ts";
import type { JqNode } from "./jq/jq-node.ts";
import { jqPaths, type Tokens } from "./jq/jq-paths.ts";
import { parseJqPath } from "./jq/parse-jq.ts";
import type { ObjectRef } from "./object-ref.ts";
import { withMarksOf } from "./tracking.ts";

/** Rules of one Application; each is looked at for each object. */
const MAX_RULES = 500;

interface JqExpression {
  readonly text: string;
  readonly node: JqNode;
}
/** What is ignored of one object. */
export interface IgnoredFields {
  readonly pointers: readonly Tokens[];
  readonly expressions: readonly JqExpression[];
  /** Every field that one of these owns. */
  readonly managers: readonly string[];
}
export const NOTHING_IGNORED: IgnoredFields = { pointers: [], expressions: [], managers: [] };

/** A rule that cannot be understood or that never ends; the message names it. */
export class IgnoreRuleError extends Error {
  override readonly name = "IgnoreRuleError";
}

/** What the rules ignore of an object. @throws {IgnoreRuleError} */
export function ignoredFields(
  rules: readonly IgnoreDifference[] | undefined,
  ref: ObjectRef,
): IgnoredFields {
  const matching = (rules ?? []).filter((rule) => matches(rule, ref));
  if (matching.length === 0) return NOTHING_IGNORED;
  return {
    pointers: matching
      .flatMap(({ jsonPointers = [] }) => jsonPointers.map((pointer) => parsePointer(pointer)))
      .filter((tokens) => tokens.length > 0),
    expressions: matching.flatMap(({ jqPathExpressions = [] }) => jqPathExpressions.map(parseJq)),
    managers: matching.flatMap(({ managedFieldsManagers = [] }) => managedFieldsManagers),
  };
}

/** What is wrong with an Application's rules: as long as there is anything, nothing may be applied. */
export function ignoreRuleProblem({ spec }: Application): string | undefined {
  const { ignoreDifferences = [] } = spec;
  if (ignoreDifferences.length > MAX_RULES)
    return `spec.ignoreDifferences has ${ignoreDifferences.length} rules; no more than ${MAX_RULES} are supported`;
  for (const [index, { jsonPointers = [], jqPathExpressions = [] }] of ignoreDifferences.entries())
    try {
      jsonPointers.forEach(parsePointer);
      jqPathExpressions.forEach(parseJq);
    } catch (error) {
      if (!(error instanceof IgnoreRuleError)) throw error;
      return `spec.ignoreDifferences[${index}]: ${error.message}`;
    }
  return undefined;
}

function parsePointer(pointer: string): Tokens {
  try {
    return parseJsonPointer(pointer);
  } catch (error) {
    throw new IgnoreRuleError(error instanceof Error ? error.message : String(error), {
      cause: error,
    });
  }
}

function parseJq(text: string): JqExpression {
  try {
    return { text, node: parseJqPath(text) };
  } catch (error) {
    if (!(error instanceof JqSyntaxError)) throw error;
    throw new IgnoreRuleError(
      `the jq path expression ${JSON.stringify(text)} is not supported: ${error.message}`,
      { cause: error },
    );
  }
}

function matches({ group = "", kind, namespace, name }: IgnoreDifference, ref: ObjectRef): boolean {
  return (
    (group === "*" || group === ref.group) &&
    (kind === "*" || kind === ref.kind) &&
    (namespace === undefined || namespace === ref.namespace) &&
    (name === undefined || name === ref.name)
  );
}

/** A field, where it is in the manifest and where in the live object: lists may differ in order. */
interface Place {
  readonly desired: Tokens;
  /** Undefined: the list element that it is in does not exist there. */
  readonly live: Tokens | undefined;
}

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

const typeOf = ({ apiVersion, kind }: KubeObject): MergeType =>
  objectTypeOf(schemaOf(apiVersion, kind));

function placesOf(desired: KubeObject, live: KubeObject, ignored: IgnoredFields): Place[] {
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
function isListed(object: unknown, tokens: Tokens, type: MergeType): boolean {
  const list = listType(object, tokens, type);
  return list !== undefined && list.list !== "atomic";
}

/** What identifies an element has to be applied with whatever else is said of it. */
function isKeyField(object: unknown, tokens: Tokens, type: MergeType): boolean {
  const list = listType(object, tokens.slice(0, -1), type);
  return list?.list === "map" && list.keys.includes(tokens.at(-1) ?? "");
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
