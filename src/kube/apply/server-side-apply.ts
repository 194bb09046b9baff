/**
 * Server-side apply: merges a configuration into a live object, removes what its manager no longer
 * applies, and records who owns which field. Pure; the rules are those of
 * sigs.k8s.io/structured-merge-diff and apimachinery's `managedfields`.
 */
import { deepEqual } from "../equality.ts";
import type { KubeObject } from "../object.ts";
import { PatchError } from "../patch-error.ts";
import type { Schema } from "../schema/schema.ts";
import { type Comparison, compareValues } from "./compare-values.ts";
import { type Conflict, findConflicts } from "./conflict.ts";
import { difference, EMPTY, FieldSetError, has, isEmpty } from "./field-set.ts";
import { fieldSetOf } from "./field-set-of.ts";
import { LAST_APPLIED_MANAGER, lastAppliedFields, withLastApplied } from "./last-applied.ts";
import {
  decodeOwners,
  type Owner,
  type Owners,
  type Writer,
  withFields,
  withOwners,
  withoutManagedFields,
  writerKey,
} from "./managed-fields.ts";
import { type MergeType, objectTypeOf } from "./merge-type.ts";
import { mergeValues } from "./merge-values.ts";
import { pruneFields } from "./prune-fields.ts";
import { trackedFields, type WriteScope, withoutStatus, writablePart } from "./untracked-fields.ts";

export interface ApplyRequest<T extends KubeObject> extends WriteScope {
  /** The object as stored; undefined to create it. */
  readonly live: T | undefined;
  /** The configuration: exactly the fields that the manager wants to own. */
  readonly patch: KubeObject;
  readonly manager: string;
  /** Takes fields over from other managers instead of reporting conflicts. */
  readonly force?: boolean | undefined;
  /** The present time, RFC 3339 in seconds. */
  readonly nowIso: string;
  /** The version of the endpoint, which the patch must be in. */
  readonly apiVersion: string;
  /** Absent for custom resources without one: objects merge then, and lists are replaced. */
  readonly schema: Schema | undefined;
}

export interface ApplyResult<T extends KubeObject> {
  /** The merged object, not yet defaulted. `live` itself when the apply changes nothing. */
  readonly object: T;
  /** When there are any, nothing has been applied and `object` is the live object. */
  readonly conflicts: readonly Conflict[];
}

/** Applies a configuration. @throws {PatchError} */
export function applyPatch<T extends KubeObject>(request: ApplyRequest<T>): ApplyResult<T> {
  checkRequest(request);
  const { live, patch, manager, force = false, apiVersion } = request;
  const type = objectTypeOf(request.schema);
  let result = attempt(request, type, force);
  if (manager !== LAST_APPLIED_MANAGER) return result;
  if (result.conflicts.length > 0 && live !== undefined) {
    const own = lastAppliedFields(live, apiVersion, type);
    const conflicts = result.conflicts.filter(({ path }) => !has(own, path));
    if (conflicts.length > 0) return { object: live, conflicts };
    result = attempt(request, type, true);
  }
  return { object: withLastApplied(result.object, patch), conflicts: [] };
}

function checkRequest<T extends KubeObject>({ patch, apiVersion }: ApplyRequest<T>): void {
  if (patch.apiVersion !== apiVersion) {
    throw new PatchError(
      "BadRequest",
      `Incorrect version specified in apply patch. Specified patch version: ${patch.apiVersion}, expected: ${apiVersion}`,
    );
  }
  const { managedFields } = patch.metadata;
  if (managedFields !== undefined && managedFields !== null) {
    throw new PatchError("BadRequest", "metadata.managedFields must be nil");
  }
}

const NO_CHANGE: Comparison = { changed: EMPTY, removed: EMPTY };

function attempt<T extends KubeObject>(
  request: ApplyRequest<T>,
  type: MergeType,
  force: boolean,
): ApplyResult<T> {
  const { live, patch, manager, nowIso, apiVersion, subresource = "" } = request;
  const current = live === undefined ? {} : withoutManagedFields(live);
  const owners = ownersBefore(request, current, type);
  const writer: Writer = { manager, operation: "Apply", apiVersion, subresource };
  const own = writerKey(writer);
  const previous = owners.get(own);
  const others = [...owners].filter(([key]) => key !== own);

  const config = writablePart(patch, request);
  const present = fieldSetOf(config, type);
  const fields = trackedFields(present);
  const sameFields = previous !== undefined && deepEqual(previous.fields, fields);
  const merged = mergeValues(current, config, type);
  // With what is not tracked, so that `metadata` is never taken for abandoned.
  const owned = [present, ...others.map(([, owner]) => owner.fields)];
  const next =
    previous === undefined || sameFields
      ? merged
      : pruneFields(merged, previous.fields, owned, type);

  if (next === current && sameFields && previous.apiVersion === apiVersion && live !== undefined) {
    return { object: live, conflicts: [] };
  }
  const { changed, removed } = next === current ? NO_CHANGE : compareValues(current, next, type);
  const conflicts = force
    ? []
    : findConflicts(
        others.map(([, owner]) => owner),
        changed,
      );
  if (conflicts.length > 0 && live !== undefined) return { object: live, conflicts };

  const after = new Map<string, Owner>();
  for (const [key, owner] of others) {
    after.set(key, withFields(owner, difference(difference(owner.fields, changed), removed)));
  }
  if (!isEmpty(fields)) after.set(own, { ...writer, time: nowIso, fields });
  return { object: withOwners(next as T, after), conflicts: [] };
}

const BEFORE_FIRST_APPLY = "before-first-apply";

/** The recorded owners. What an object had before anybody was recorded belongs to one of its own. */
function ownersBefore<T extends KubeObject>(
  { live, nowIso, apiVersion, subresource = "", statusSubresource }: ApplyRequest<T>,
  current: object,
  type: MergeType,
): Owners {
  if (live === undefined) return new Map();
  const owners = decodeLive(live);
  if (owners.size > 0) return owners;
  const writer: Writer = {
    manager: BEFORE_FIRST_APPLY,
    operation: "Update",
    apiVersion,
    subresource,
  };
  const everything = trackedFields(compareValues({}, current, type).changed);
  const fields = statusSubresource === true ? withoutStatus(everything) : everything;
  return new Map([[writerKey(writer), { ...writer, time: nowIso, fields }]]);
}

function decodeLive(live: KubeObject): Owners {
  try {
    return decodeOwners(live.metadata.managedFields);
  } catch (error) {
    if (!(error instanceof FieldSetError)) throw error;
    throw new PatchError("Invalid", `failed to decode managed fields: ${error.message}`);
  }
}
