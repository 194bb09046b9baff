/** Which revision a workload is at, and which ones its history still needs. Pure. */
import type { Kind } from "../../../kube/kind.ts";
import type { ControllerRevision } from "../../../kube/kinds/controllerrevision.ts";
import { hasTemplate, newRevision, type Revised } from "./revision-data.ts";

export interface RevisionPlan {
  /** All in order, oldest first, without what is to be created. */
  readonly history: readonly ControllerRevision[];
  /** The revision of the template as it is. */
  readonly update: ControllerRevision;
  /** What has to be written for it: a revision of the past becomes the newest again by its number. */
  readonly write: "create" | "renumber" | undefined;
}

export function planRevision<T extends Revised>(
  kind: Kind<T>,
  owner: T,
  revisions: readonly ControllerRevision[],
): RevisionPlan {
  const history = [...revisions].sort(byNumber);
  const template = owner.spec?.template ?? {};
  const newest = history.at(-1);
  const number = (newest?.revision ?? 0) + 1;
  const equal = history.filter((revision) => hasTemplate(revision, template)).at(-1);
  if (equal === undefined)
    return { history, update: newRevision(kind, owner, number), write: "create" };
  if (equal === newest) return { history, update: equal, write: undefined };
  return { history, update: { ...equal, revision: number }, write: "renumber" };
}

/** Revisions that nothing uses, beyond `revisionHistoryLimit`, oldest first. */
export function surplusRevisions(
  owner: Revised,
  history: readonly ControllerRevision[],
  isUsed: (revision: ControllerRevision) => boolean,
): readonly ControllerRevision[] {
  const unused = history.filter((revision) => !isUsed(revision));
  const limit = owner.spec?.revisionHistoryLimit ?? DEFAULT_HISTORY_LIMIT;
  return unused.slice(0, Math.max(0, unused.length - limit));
}

const DEFAULT_HISTORY_LIMIT = 10;

function byNumber(a: ControllerRevision, b: ControllerRevision): number {
  if (a.revision !== b.revision) return a.revision - b.revision;
  const [left = "", right = ""] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
  if (left !== right) return left < right ? -1 : 1;
  return a.metadata.name < b.metadata.name ? -1 : 1;
}
