/**
 * Merges an applied configuration into a live value. What does not change is shared with the live
 * value, so that an apply without effect is recognised by identity.
 */
import { isObject, PROTOTYPE_KEY, type UnknownObject } from "../json-object.ts";
import { checkDepth, PatchError } from "../patch-error.ts";
import { elementKeys, uniqueElementKeys } from "./list-elements.ts";
import type { MergeType } from "./merge-type.ts";
import { isAbsent, isGranularList, isGranularMap, sameLeaf } from "./typed-value.ts";

/**
 * The live value with everything that the configuration says.
 * @throws {PatchError} for list elements without identity or with the same one
 */
export function mergeValues(live: unknown, config: unknown, type: MergeType): unknown {
  return merge(live, config, type, 0);
}

function merge(live: unknown, config: unknown, type: MergeType, depth: number): unknown {
  checkDepth(depth);
  if (isAbsent(config, type)) return live;
  if (isGranularMap(config, type)) {
    return isGranularMap(live, type)
      ? mergeMaps(live, config, type, depth)
      : newMap(config, type, depth);
  }
  if (isGranularList(config, type)) {
    const current = isGranularList(live, type) ? live : [];
    if (config.length === 0 && current.length === 0) return Array.isArray(live) ? live : config;
    return mergeLists(current, config, type, depth);
  }
  const value = withoutNulls(config, type, depth);
  return sameLeaf(live, value, type) ? live : value;
}

function mergeMaps(
  live: UnknownObject,
  config: UnknownObject,
  type: MergeType,
  depth: number,
): UnknownObject {
  let merged: Record<string, unknown> | undefined;
  for (const name in config) {
    checkName(name);
    const before = Object.hasOwn(live, name) ? live[name] : undefined;
    const after = merge(before, config[name], type.field(name), depth + 1);
    if (after === before) continue;
    merged ??= { ...live };
    merged[name] = after;
  }
  return merged ?? live;
}

function newMap(config: UnknownObject, type: MergeType, depth: number): UnknownObject {
  const fields: [string, unknown][] = [];
  let changed = false;
  for (const name in config) {
    checkName(name);
    const field = merge(undefined, config[name], type.field(name), depth + 1);
    if (field !== config[name]) changed = true;
    if (field !== undefined) fields.push([name, field]);
  }
  return changed ? Object.fromEntries(fields) : config;
}

function checkName(name: string): void {
  if (name === PROTOTYPE_KEY) throw new PatchError("Invalid", `field "${name}" is not allowed`);
}

/** Elements of an atomic value: their nulls mean absence too. */
function withoutNulls(value: unknown, type: MergeType, depth: number): unknown {
  checkDepth(depth);
  if (Array.isArray(value)) {
    const elementType = type.element();
    const cleaned = value.map((element) => withoutNulls(element, elementType, depth + 1));
    return cleaned.some((element, index) => element !== value[index]) ? cleaned : value;
  }
  if (!isObject(value)) return value;
  const fields: [string, unknown][] = [];
  let changed = false;
  for (const [name, field] of Object.entries(value)) {
    checkName(name);
    const fieldType = type.field(name);
    const cleaned = isAbsent(field, fieldType)
      ? undefined
      : withoutNulls(field, fieldType, depth + 1);
    if (cleaned !== field) changed = true;
    if (cleaned !== undefined) fields.push([name, cleaned]);
  }
  return changed ? Object.fromEntries(fields) : value;
}

/**
 * Merges by identity. The configuration decides the order of its elements; live elements that it
 * does not name stay in front of the element that they preceded.
 */
function mergeLists(
  live: readonly unknown[],
  config: readonly unknown[],
  type: MergeType,
  depth: number,
): readonly unknown[] {
  const elementType = type.element();
  const liveKeys = elementKeys(live, type);
  const configKeys = uniqueElementKeys(config, type);
  const liveIndex = new Map<string, number>();
  for (const [index, key] of liveKeys.entries()) {
    if (!liveIndex.has(key)) liveIndex.set(key, index);
  }
  const inConfig = new Set(configKeys);
  const shared = configKeys.filter((key) => liveIndex.has(key));
  const merged: unknown[] = [];
  let nextShared = 0;
  let at = 0;
  for (const [index, key] of configKeys.entries()) {
    at = keepUnnamed(live, liveKeys, inConfig, shared[nextShared], at, merged);
    const position = liveIndex.get(key);
    const before = position === undefined ? undefined : live[position];
    merged.push(merge(before, config[index], elementType, depth + 1));
    if (key !== shared[nextShared]) continue;
    nextShared++;
    if (liveKeys[at] === key) at++;
  }
  keepUnnamed(live, liveKeys, inConfig, undefined, at, merged);
  const unchanged =
    merged.length === live.length && merged.every((element, index) => element === live[index]);
  return unchanged ? live : merged;
}

/**
 * Copies live elements that the configuration does not name, up to the next one that both have;
 * elements that both have out of turn are passed over. Returns where to go on.
 */
function keepUnnamed(
  live: readonly unknown[],
  liveKeys: readonly string[],
  inConfig: ReadonlySet<string>,
  nextShared: string | undefined,
  from: number,
  merged: unknown[],
): number {
  let at = from;
  for (; at < live.length; at++) {
    const key = liveKeys[at] ?? "";
    if (!inConfig.has(key)) merged.push(live[at]);
    else if (key === nextShared) break;
  }
  return at;
}
