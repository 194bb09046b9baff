/** JSON merge patch (RFC 7396): objects merge, null removes, everything else replaces. */
import { deepEqual } from "./equality.ts";
import { isObject, ownField, PROTOTYPE_KEY } from "./json-object.ts";
import { checkDepth, PatchError } from "./patch-error.ts";

/**
 * Applies a merge patch. Neither argument is changed; what the patch does not touch is shared with
 * the target, and a patch that changes nothing returns the target itself.
 * @throws {PatchError}
 */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  return merge(target, patch, 0);
}

function merge(target: unknown, patch: unknown, depth: number): unknown {
  checkDepth(depth);
  if (!isObject(patch)) return deepEqual(target, patch) ? target : patch;
  const base = isObject(target) ? target : {};
  let merged: Record<string, unknown> | undefined;
  for (const [key, change] of Object.entries(patch)) {
    if (key === PROTOTYPE_KEY) throw new PatchError("Invalid", `field "${key}" is not allowed`);
    const before = ownField(base, key);
    if (change === null) {
      if (before === undefined) continue;
      merged ??= { ...base };
      delete merged[key];
    } else {
      const after = merge(before, change, depth + 1);
      if (after === before) continue;
      merged ??= { ...base };
      merged[key] = after;
    }
  }
  return merged ?? base;
}
