/** Fields that an apply would take from somebody else, worded as upstream words them. */
import { StatusError } from "../status-error.ts";
import {
  type FieldPath,
  type FieldSet,
  formatFieldPath,
  intersection,
  pathsOf,
} from "./field-set.ts";
import { type Owner, type Writer, writerKey } from "./managed-fields.ts";

export interface Conflict {
  /** Who owns the field. */
  readonly owner: Writer;
  readonly path: FieldPath;
  /** The path as text: `.spec.replicas`. */
  readonly field: string;
}

/** What each owner would lose to a change. */
export function findConflicts(owners: Iterable<Owner>, changed: FieldSet): Conflict[] {
  const conflicts: Conflict[] = [];
  for (const owner of owners) {
    for (const path of pathsOf(intersection(owner.fields, changed))) {
      conflicts.push({ owner, path, field: formatFieldPath(path) });
    }
  }
  return conflicts;
}

/** The 409 that answers an apply with conflicts: one cause per field. */
export function applyConflictError(conflicts: readonly Conflict[]): StatusError {
  return StatusError.of("Conflict", conflictMessage(conflicts), {
    causes: conflicts.map(({ owner, field }) => ({
      reason: "FieldManagerConflict",
      message: `conflict with ${describeOwner(owner)}`,
      field,
    })),
  });
}

/** `Apply failed with 1 conflict: conflict with "kubectl" using apps/v1: .spec.replicas`. */
export function conflictMessage(conflicts: readonly Conflict[]): string {
  const [first] = conflicts;
  if (first !== undefined && conflicts.length === 1) {
    return `Apply failed with 1 conflict: conflict with ${describeOwner(first.owner)}: ${first.field}`;
  }
  const byOwner = new Map<string, Conflict[]>();
  for (const conflict of conflicts) {
    const key = writerKey(conflict.owner);
    const known = byOwner.get(key);
    if (known === undefined) byOwner.set(key, [conflict]);
    else known.push(conflict);
  }
  const lines = [...byOwner]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, [one, ...more]]) =>
      one === undefined
        ? []
        : [
            `conflicts with ${describeOwner(one.owner)}:`,
            ...[one, ...more].map(({ field }) => `- ${field}`),
          ],
    );
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join("\n")}`;
}

function describeOwner({ manager, operation, apiVersion, subresource }: Writer): string {
  const name = JSON.stringify(manager);
  const where = subresource === "" ? "" : ` with subresource ${JSON.stringify(subresource)}`;
  return operation === "Update" ? `${name}${where} using ${apiVersion}` : `${name}${where}`;
}
