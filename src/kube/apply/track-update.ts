/** Records who owns what after a write that is not an apply: create, replace and other patches. */
import type { KubeObject } from "../object.ts";
import type { Schema } from "../schema/schema.ts";
import { compareValues } from "./compare-values.ts";
import { difference, FieldSetError, isEmpty, union } from "./field-set.ts";
import {
  capUpdaters,
  decodeOwners,
  isReset,
  type Owner,
  type Owners,
  type Writer,
  withFields,
  withOwners,
  withoutManagedFields,
  writerKey,
} from "./managed-fields.ts";
import { objectTypeOf } from "./merge-type.ts";
import { trackedFields } from "./untracked-fields.ts";

export interface UpdateRequest<T extends KubeObject> {
  /** The object as stored; undefined when it is created. */
  readonly live: T | undefined;
  /** The object as it will be stored, with the `managedFields` that the client sent. */
  readonly next: T;
  readonly manager: string;
  /** The present time, RFC 3339 in seconds. */
  readonly nowIso: string;
  readonly apiVersion: string;
  /** `status`, `scale`, …; absent or empty for the main resource. */
  readonly subresource?: string | undefined;
  readonly schema: Schema | undefined;
}

/**
 * The object to store: the manager owns what it added or changed, everybody else loses that, and
 * nobody owns what is gone. A client may replace the recorded owners itself, or have them forgotten
 * by sending `[]` or `[{}]`; an object without any is not tracked until it is applied to.
 */
export function trackUpdate<T extends KubeObject>(request: UpdateRequest<T>): T {
  const { live, next, manager, nowIso, apiVersion, subresource = "" } = request;
  const owners = ownersFrom(request);
  if (owners.size === 0 && live !== undefined) return withOwners(next, owners);
  const { changed, removed } = compareValues(
    live === undefined ? {} : withoutManagedFields(live),
    withoutManagedFields(next),
    objectTypeOf(request.schema),
  );
  if (isEmpty(changed) && isEmpty(removed)) return withOwners(next, capUpdaters(owners));

  const after = new Map<string, Owner>();
  for (const [key, owner] of owners) {
    after.set(key, withFields(owner, difference(difference(owner.fields, changed), removed)));
  }
  const gained = trackedFields(changed);
  if (!isEmpty(gained)) {
    const writer: Writer = { manager, operation: "Update", apiVersion, subresource };
    const key = writerKey(writer);
    const kept = after.get(key)?.fields;
    const fields = kept === undefined ? gained : union(kept, gained);
    after.set(key, { ...writer, time: nowIso, fields });
  }
  const present = new Map([...after].filter(([, { fields }]) => !isEmpty(fields)));
  return withOwners(next, capUpdaters(present));
}

function ownersFrom<T extends KubeObject>({ live, next, subresource }: UpdateRequest<T>): Owners {
  const sent = next.metadata.managedFields;
  const isSubresource = subresource !== undefined && subresource !== "";
  if (!isSubresource) {
    if (isReset(sent)) return NOBODY;
    const owners = decodeOrNobody(sent);
    if (owners.size > 0) return owners;
  }
  return decodeOrNobody(live?.metadata.managedFields);
}

const NOBODY: Owners = new Map();

/** What cannot be read names nobody: a bad entry must not make an object unwritable. */
function decodeOrNobody(managedFields: KubeObject["metadata"]["managedFields"]): Owners {
  try {
    return decodeOwners(managedFields ?? undefined);
  } catch (error) {
    if (error instanceof FieldSetError) return NOBODY;
    throw error;
  }
}
