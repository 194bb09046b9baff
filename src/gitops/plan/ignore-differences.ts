/**
 * `spec.ignoreDifferences`: fields that others may set. They are applied when an object is created
 * and left alone from then on, as Argo CD does with `RespectIgnoreDifferences=true`. Pure.
 */
import { EMPTY, type FieldSet, isEmpty } from "../../kube/apply/field-set.ts";
import { fieldsOwnedBy, readFieldPath } from "../../kube/apply/ownership.ts";
import { isObject, ownField } from "../../kube/json-object.ts";
import { parseArrayIndex, parseJsonPointer, readJsonPointer } from "../../kube/json-pointer.ts";
import type { IgnoreDifference } from "../../kube/kinds/application.ts";
import type { KubeObject } from "../../kube/object.ts";
import type { ObjectRef } from "./object-ref.ts";

/** The reference tokens of a JSON pointer. */
type Tokens = readonly string[];

/** The pointers that apply to an object. @throws JsonPointerError */
export function ignoredFields(
  rules: readonly IgnoreDifference[] | undefined,
  ref: ObjectRef,
): Tokens[] {
  return (rules ?? [])
    .filter((rule) => matches(rule, ref))
    .flatMap((rule) => (rule.jsonPointers ?? []).map((pointer) => parseJsonPointer(pointer)))
    .filter((tokens) => tokens.length > 0);
}

function matches({ group = "", kind, namespace, name }: IgnoreDifference, ref: ObjectRef): boolean {
  return (
    (group === "*" || group === ref.group) &&
    (kind === "*" || kind === ref.kind) &&
    (namespace === undefined || namespace === ref.namespace) &&
    (name === undefined || name === ref.name)
  );
}

/**
 * What to apply over a live object so that its ignored fields stay as they are: left out where
 * somebody else holds them; where only `manager` does, leaving them out would remove them, so their
 * live values are applied again.
 */
export function leaveAlone(
  desired: KubeObject,
  live: KubeObject,
  ignored: readonly Tokens[],
  manager: string,
): KubeObject {
  if (ignored.length === 0) return desired;
  const owned = fieldsOwnedBy(live, manager, "Apply");
  return ignored.reduce((object, tokens) => {
    const value = readJsonPointer(live, tokens);
    const keep = value !== undefined && owns(owned, live, tokens);
    return withField(object, tokens, keep ? value : undefined) as KubeObject;
  }, desired);
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
