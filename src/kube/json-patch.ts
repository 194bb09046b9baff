/**
 * JSON patch (RFC 6902), with the limits and the leniency of the Kubernetes API server, which
 * clients rely on: indices may count from the end, a missing `value` is null, a missing field of an
 * object may be replaced and tests as null. The document is never changed: each array or object on
 * the way to a change is copied once per patch.
 */
import { deepEqual } from "./equality.ts";
import { isObject, ownField, PROTOTYPE_KEY } from "./json-object.ts";
import { JsonPointerError, parseArrayIndex, parseJsonPointer } from "./json-pointer.ts";
import { checkDepth, PatchError } from "./patch-error.ts";

type JsonPatchOperation =
  | { readonly op: "add" | "replace" | "test"; readonly path: string; readonly value: unknown }
  | { readonly op: "remove"; readonly path: string }
  | { readonly op: "move" | "copy"; readonly path: string; readonly from: string };

/** As upstream's `maxJSONPatchOperations`: bounds the time that one request may take. */
export const MAX_OPERATIONS = 10_000;
/**
 * Bytes of JSON that `copy` operations may add in one patch, as upstream's accumulated copy limit
 * (the request limit): without it a few copies of copies fill the memory.
 */
const MAX_COPIED_BYTES = 3 * 1024 * 1024;

/**
 * Applies a patch (the parsed JSON of its body) to a document.
 * @throws {PatchError} `BadRequest` for a malformed patch, `RequestEntityTooLarge` for one over the
 *   limits, `Invalid` for an operation that fails, `test` included
 */
export function applyJsonPatch(document: unknown, patch: unknown): unknown {
  const operations = parseJsonPatch(patch);
  const draft = new Draft(document);
  for (const operation of operations) draft.apply(operation);
  checkNesting(draft.document, 0);
  return draft.document;
}

/** Moving a value below another, again and again, nests deeper than any patch itself. */
function checkNesting(value: unknown, depth: number): void {
  if (typeof value !== "object" || value === null) return;
  checkDepth(depth);
  for (const child of Object.values(value)) checkNesting(child, depth + 1);
}

/** Checks the shape of a patch. @throws {PatchError} */
function parseJsonPatch(patch: unknown): JsonPatchOperation[] {
  if (!Array.isArray(patch)) throw new PatchError("BadRequest", "a JSON patch must be an array");
  const list: readonly unknown[] = patch;
  if (list.length > MAX_OPERATIONS) {
    throw new PatchError(
      "RequestEntityTooLarge",
      `the allowed maximum operations in a JSON patch is ${MAX_OPERATIONS}, got ${list.length}`,
    );
  }
  return list.map(parseOperation);
}

function parseOperation(entry: unknown, index: number): JsonPatchOperation {
  const malformed = (detail: string): PatchError =>
    new PatchError("BadRequest", `operation ${index} of the JSON patch ${detail}`);
  if (!isObject(entry)) throw malformed("is not an object");
  const { op, path, from } = entry;
  if (typeof path !== "string") throw malformed('needs a string "path"');
  switch (op) {
    case "add":
    case "replace":
    case "test":
      return { op, path, value: entry.value ?? null };
    case "remove":
      return { op, path };
    case "move":
    case "copy":
      if (typeof from !== "string") throw malformed('needs a string "from"');
      return { op, path, from };
    default:
      throw malformed(`has the unknown "op" ${JSON.stringify(op) ?? "undefined"}`);
  }
}

/** A JSON value as it is while it is rebuilt. */
type Container = unknown[] | Record<string, unknown>;

/** The document while operations are applied to it. */
class Draft {
  document: unknown;
  /** Containers made by this patch, free to change in place. */
  private readonly owned = new WeakSet<object>();
  private copiedBytes = 0;

  constructor(document: unknown) {
    this.document = document;
  }

  apply(operation: JsonPatchOperation): void {
    const { op, path } = operation;
    const at = pointerOf(path);
    switch (op) {
      case "add":
        return this.add(at, operation.value, path);
      case "remove":
        this.remove(at, path);
        return;
      case "replace":
        return this.replace(at, operation.value, path);
      case "test":
        if (!deepEqual(this.readOrNull(at, path), operation.value)) {
          throw new PatchError("Invalid", `testing value ${path} failed`);
        }
        return;
      case "copy":
        return this.add(at, this.copied(operation.from), path);
      case "move": {
        const from = pointerOf(operation.from);
        if (at.length > from.length && from.every((token, index) => token === at[index])) {
          throw new PatchError("Invalid", `cannot move ${operation.from} into itself, to ${path}`);
        }
        return this.add(at, this.remove(from, operation.from), path);
      }
    }
  }

  private add(at: readonly string[], value: unknown, path: string): void {
    const [parent, key] = this.parent(at, path);
    if (parent === undefined) {
      this.document = value;
    } else if (Array.isArray(parent)) {
      const index = key === "-" ? parent.length : indexIn(parent, key, path, parent.length);
      parent.splice(index, 0, value);
    } else {
      parent[key] = value;
    }
  }

  private remove(at: readonly string[], path: string): unknown {
    const removed = this.read(at, path);
    const [parent, key] = this.parent(at, path);
    if (parent === undefined) throw new PatchError("Invalid", "cannot remove the whole document");
    if (Array.isArray(parent)) parent.splice(indexIn(parent, key, path), 1);
    else delete parent[key];
    return removed;
  }

  private replace(at: readonly string[], value: unknown, path: string): void {
    const [parent, key] = this.parent(at, path);
    if (parent === undefined) this.document = value;
    else if (Array.isArray(parent)) parent[indexIn(parent, key, path)] = value;
    else parent[key] = value;
  }

  /** The value at a path that must exist. */
  private read(at: readonly string[], path: string): unknown {
    let value = this.document;
    for (const token of at) value = childOf(value, token, path);
    return value;
  }

  /** The same, with null for a missing field of an object that exists. */
  private readOrNull(at: readonly string[], path: string): unknown {
    const key = at.at(-1);
    if (key === undefined) return this.document;
    const container = this.read(at.slice(0, -1), path);
    if (isObject(container)) return ownField(container, key) ?? null;
    return childOf(container, key, path);
  }

  /** The container of a path, ready to be changed, and the key in it; undefined for the root. */
  private parent(at: readonly string[], path: string): [Container | undefined, string] {
    const key = at.at(-1);
    if (key === undefined) return [undefined, ""];
    checkDepth(at.length);
    let container = this.own(this.document, path);
    this.document = container;
    for (const token of at.slice(0, -1)) {
      const child = this.own(childOf(container, token, path), path);
      if (Array.isArray(container)) container[indexIn(container, token, path)] = child;
      else container[token] = child;
      container = child;
    }
    return [container, key];
  }

  private own(value: unknown, path: string): Container {
    if (!Array.isArray(value) && !isObject(value)) throw missing(path);
    if (this.owned.has(value)) return value as Container;
    const copy: Container = Array.isArray(value) ? [...(value as unknown[])] : { ...value };
    this.owned.add(copy);
    return copy;
  }

  /** A copy that shares nothing with containers this patch may still change in place. */
  private copied(from: string): unknown {
    const text = JSON.stringify(this.read(pointerOf(from), from));
    this.copiedBytes += text.length;
    if (this.copiedBytes > MAX_COPIED_BYTES) {
      throw new PatchError(
        "RequestEntityTooLarge",
        `the copy operations of the JSON patch add more than ${MAX_COPIED_BYTES} bytes`,
      );
    }
    return JSON.parse(text);
  }
}

function childOf(container: unknown, token: string, path: string): unknown {
  if (Array.isArray(container)) {
    return (container as readonly unknown[])[indexIn(container, token, path)];
  }
  if (!isObject(container) || !Object.hasOwn(container, token)) throw missing(path);
  return ownField(container, token);
}

/** The index that a token names; negative ones count from the end, as upstream allows. */
function indexIn(
  array: readonly unknown[],
  token: string,
  path: string,
  last: number = array.length - 1,
): number {
  const fromEnd = token.startsWith("-");
  const number = parseArrayIndex(fromEnd ? token.slice(1) : token);
  const index = number !== undefined && fromEnd ? last + 1 - number : number;
  if (index === undefined || index < 0 || index > last) throw missing(path);
  return index;
}

const missing = (path: string): PatchError =>
  new PatchError("Invalid", `the JSON patch names a path that does not exist: ${path}`);

function pointerOf(path: string): string[] {
  try {
    const tokens = parseJsonPointer(path);
    if (!tokens.includes(PROTOTYPE_KEY)) return tokens;
    throw new PatchError("Invalid", `field "${PROTOTYPE_KEY}" is not allowed, in ${path}`);
  } catch (error) {
    if (error instanceof JsonPointerError) throw new PatchError("BadRequest", error.message);
    throw error;
  }
}
