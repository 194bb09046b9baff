/**
 * The commit that gave each field its present value: goes back through the versions of the manifest
 * and gives a field to the newest commit whose parent had another value, or no such object.
 */
import type { FieldPath } from "../../kube/apply/field-set.ts";
import { readFieldPath } from "../../kube/apply/ownership.ts";
import { deepEqual } from "../../kube/equality.ts";
import type { KubeObject } from "../../kube/object.ts";
import type { CommitInfo } from "../source/source.ts";

/** The object at a commit; undefined where it, or its file, is not there. */
export interface ManifestVersion {
  readonly commit: CommitInfo;
  readonly object: KubeObject | undefined;
  /** Equal ids: nothing changed, whatever the object. */
  readonly fileId?: string;
}
export interface FoundCommit {
  readonly commit: CommitInfo;
  /** The history that was looked at ends here: it may have been set earlier. */
  readonly isEndOfHistory: boolean;
}

/** By position in `paths`. `versions` are newest first, along the first parents. */
export async function findCommits(
  paths: readonly FieldPath[],
  versions: AsyncIterable<ManifestVersion>,
): Promise<(FoundCommit | undefined)[]> {
  const found: (FoundCommit | undefined)[] = paths.map(() => undefined);
  let open = paths.map((_path, at) => at);
  let newer: ManifestVersion | undefined;
  for await (const version of versions) {
    if (newer !== undefined) {
      const { commit } = newer;
      const before = newer;
      const same = open.filter((at) => isSame(before, version, paths[at] ?? []));
      for (const at of open) if (!same.includes(at)) found[at] = { commit, isEndOfHistory: false };
      open = same;
    }
    newer = version;
    if (open.length === 0) return found;
  }
  if (newer !== undefined)
    for (const at of open)
      found[at] = { commit: newer.commit, isEndOfHistory: newer.commit.parents.length > 0 };
  return found;
}

function isSame(newer: ManifestVersion, older: ManifestVersion, path: FieldPath): boolean {
  if (newer.fileId !== undefined && newer.fileId === older.fileId) return true;
  // A file that a program renders has no object: then its last change counts.
  if (older.object === undefined || newer.object === undefined) return false;
  return deepEqual(readFieldPath(newer.object, path), readFieldPath(older.object, path));
}
