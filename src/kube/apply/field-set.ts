/**
 * Sets of field paths, in the very form that `managedFields` stores them (FieldsV1), so that
 * nothing is decoded or encoded: a node is `{}` when its path alone is in the set, has `"."` when
 * its path is in the set beside paths below it, and else only holds paths below it. Keys are
 * `f:<field>`, `k:<key fields as JSON>`, `v:<value as JSON>` and `i:<index>`.
 *
 * Sets are immutable and share their parts. The root is no path itself: `{}` is the empty set.
 */
import { isObject } from "../json-object.ts";
import { MAX_DEPTH } from "../patch-error.ts";

export interface FieldSet {
  readonly [element: string]: FieldSet;
}

/** A path: the keys on the way down a set, e.g. `["f:spec", "f:replicas"]`. */
export type FieldPath = readonly string[];

const SELF = ".";
/** A path without anything below it. */
export const LEAF: FieldSet = Object.freeze({});
/** The empty set; only a root can be empty. */
export const EMPTY: FieldSet = Object.freeze({});

export function isEmpty(set: FieldSet): boolean {
  for (const _ in set) return false;
  return true;
}

/** Whether the path of a node is itself in the set. */
export function isMember(node: FieldSet): boolean {
  return SELF in node || isEmpty(node);
}

/** The node of a path that is in the set, with the given paths below it. */
export function memberNode(below: FieldSet | undefined): FieldSet {
  if (below === undefined) return LEAF;
  return isMember(below) ? below : { [SELF]: LEAF, ...below };
}

/** The paths below a node, without its own. */
export function withoutSelf(node: FieldSet): FieldSet | undefined {
  if (isEmpty(node)) return undefined;
  const { [SELF]: _, ...below } = node;
  return below;
}

/** A node from its parts; undefined where nothing is left. `children` come in order of their keys. */
export function nodeOf(
  member: boolean,
  children: Iterable<[string, FieldSet]>,
): FieldSet | undefined {
  const node: Record<string, FieldSet> = {};
  let childless = true;
  for (const [key, child] of children) {
    if (childless && member) node[SELF] = LEAF;
    childless = false;
    node[key] = child;
  }
  if (childless) return member ? LEAF : undefined;
  return node;
}

/** Paths in either set. Returns `a` itself where `b` adds nothing. */
export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b || isEmpty(b)) return a;
  if (isEmpty(a)) return b;
  return unionChildren(a, b, false);
}

function unionNodes(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b) return a;
  const member = isMember(a) || isMember(b);
  if (isEmpty(b)) return isMember(a) ? a : memberNode(a);
  if (isEmpty(a)) return memberNode(b);
  return unionChildren(a, b, member);
}

function unionChildren(a: FieldSet, b: FieldSet, member: boolean): FieldSet {
  let changed = member && !(SELF in a);
  const children = new Map<string, FieldSet>();
  for (const key in a) if (key !== SELF) children.set(key, a[key] ?? LEAF);
  let sorted = true;
  for (const key in b) {
    if (key === SELF) continue;
    const mine = children.get(key);
    const theirs = b[key] ?? LEAF;
    const joined = mine === undefined ? theirs : unionNodes(mine, theirs);
    if (joined === mine) continue;
    if (mine === undefined) sorted = false;
    changed = true;
    children.set(key, joined);
  }
  if (!changed) return a;
  return nodeOf(member, sorted ? children : [...children].sort(byKey)) ?? LEAF;
}

const byKey = ([a]: [string, FieldSet], [b]: [string, FieldSet]): number =>
  a < b ? -1 : a > b ? 1 : 0;

/** Paths of `a` that are not in `b`. Returns `a` itself where `b` takes nothing away. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  return isEmpty(b) ? a : (subtract(a, b, false, false) ?? EMPTY);
}

/** Paths of `a` that are neither in `b` nor below a path of `b`. */
export function differenceBelow(a: FieldSet, b: FieldSet): FieldSet {
  return isEmpty(b) ? a : (subtract(a, b, false, true) ?? EMPTY);
}

function subtract(a: FieldSet, b: FieldSet, member: boolean, below: boolean): FieldSet | undefined {
  let changed = member !== SELF in a;
  const children: [string, FieldSet][] = [];
  for (const key in a) {
    if (key === SELF) continue;
    const mine = a[key] ?? LEAF;
    const theirs = b[key];
    const rest = theirs === undefined ? mine : subtractNode(mine, theirs, below);
    if (rest !== mine) changed = true;
    if (rest !== undefined) children.push([key, rest]);
  }
  return changed ? nodeOf(member, children) : a;
}

function subtractNode(mine: FieldSet, theirs: FieldSet, below: boolean): FieldSet | undefined {
  const covered = isMember(theirs);
  if (covered && below) return undefined;
  if (isEmpty(mine)) return covered ? undefined : mine;
  return subtract(mine, theirs, SELF in mine && !covered, below);
}

/** Paths in both sets. */
export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  return nodeOf(false, commonChildren(a, b)) ?? EMPTY;
}

function* commonChildren(a: FieldSet, b: FieldSet): Generator<[string, FieldSet]> {
  for (const key in a) {
    const mine = a[key];
    const theirs = b[key];
    if (key === SELF || mine === undefined || theirs === undefined) continue;
    const member = isMember(mine) && isMember(theirs);
    const common = nodeOf(member, commonChildren(mine, theirs));
    if (common !== undefined) yield [key, common];
  }
}

/** Whether a path is in a set. */
export function has(set: FieldSet, path: FieldPath): boolean {
  let node: FieldSet | undefined = set;
  for (const element of path) {
    node = node[element];
    if (node === undefined) return false;
  }
  return path.length > 0 && isMember(node);
}

/** The set of one path. */
export function setOfPath(path: FieldPath): FieldSet {
  return path.reduceRight<FieldSet>((below, element) => ({ [element]: below }), LEAF);
}

/** All paths of a set: those at one level before those below them, as upstream iterates. */
export function* pathsOf(set: FieldSet, prefix: FieldPath = []): Generator<FieldPath> {
  for (const key in set) {
    const child = set[key];
    if (key !== SELF && child !== undefined && isMember(child)) yield [...prefix, key];
  }
  for (const key in set) {
    const child = set[key];
    if (key !== SELF && child !== undefined) yield* pathsOf(child, [...prefix, key]);
  }
}

/** A FieldsV1 document that cannot be read. */
export class FieldSetError extends Error {
  override readonly name = "FieldSetError";
}

const decoded = new WeakMap<object, FieldSet>();

/**
 * Reads a FieldsV1 document from a client: keys are put into canonical form and order. What this
 * module made, or has read before, is returned as it is.
 * @throws {FieldSetError}
 */
export function decodeFieldSet(fields: unknown): FieldSet {
  if (!isObject(fields)) throw new FieldSetError("fieldsV1 must be an object");
  const known = decoded.get(fields);
  if (known !== undefined) return known;
  const set = decodeNode(fields, 0);
  markDecoded(set);
  decoded.set(fields, set);
  return set;
}

/** Tells that a set came from this module and need not be read again. */
export function markDecoded(set: FieldSet): void {
  decoded.set(set, set);
}

function decodeNode(node: object, depth: number): FieldSet {
  if (depth > MAX_DEPTH) throw new FieldSetError("fieldsV1 is nested too deeply");
  const children: [string, FieldSet][] = [];
  for (const [key, child] of Object.entries(node) as [string, unknown][]) {
    if (!isObject(child)) throw new FieldSetError(`fieldsV1 key ${key} must hold an object`);
    if (key !== SELF) children.push([canonicalElement(key), decodeNode(child, depth + 1)]);
  }
  return nodeOf(SELF in node, children.sort(byKey)) ?? LEAF;
}

function canonicalElement(key: string): string {
  const content = key.slice(2);
  try {
    switch (key.slice(0, 2)) {
      case "f:":
        return key;
      case "v:":
        return `v:${JSON.stringify(JSON.parse(content))}`;
      case "k:": {
        const keys: unknown = JSON.parse(content);
        if (isObject(keys)) return keyElement(keys);
        break;
      }
      case "i:":
        if (/^\d{1,10}$/.test(content)) return key;
        break;
    }
  } catch (error) {
    throw new FieldSetError(`fieldsV1 key ${key} is malformed`, { cause: error });
  }
  throw new FieldSetError(`fieldsV1 key ${key} is malformed`);
}

/** The path element of a list element with these key fields. */
export function keyElement(keys: Readonly<Record<string, unknown>>): string {
  const sorted = Object.entries(keys).sort(([a], [b]) => (a < b ? -1 : 1));
  return `k:${JSON.stringify(Object.fromEntries(sorted))}`;
}

/** A path as upstream prints it: `.spec.template.spec.containers[name="web"].image`. */
export function formatFieldPath(path: FieldPath): string {
  return path.map(formatElement).join("");
}

function formatElement(element: string): string {
  const content = element.slice(2);
  switch (element.slice(0, 2)) {
    case "k:": {
      const keys = Object.entries(JSON.parse(content) as Record<string, unknown>);
      return `[${keys.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(",")}]`;
    }
    case "v:":
      return `[=${content}]`;
    case "i:":
      return `[${content}]`;
    default:
      return `.${content}`;
  }
}
