/** Which Applications a push concerns, and with which commit each would be left. Pure. */
import {
  type Application,
  type ApplicationSource,
  sourcesOf,
} from "../../kube/kinds/application.ts";
import { findRef, type Refs } from "../source/ref-name.ts";
import { parseInternalUrl, type RepositoryId } from "./internal-repository.ts";

/** The refs of a repository, now and as the push would leave them. */
export interface RefsChange {
  readonly repository: RepositoryId;
  readonly before: Refs;
  readonly after: Refs;
}
export interface Concern {
  readonly application: Application;
  /** Of the first source that the push changes. */
  readonly revision: string;
  /** The ref that the revision leads to, by its full name. */
  readonly ref: string;
  /** What it will be: a commit or an annotated tag. Undefined: the push takes it away. */
  readonly id: string | undefined;
  /** What it was. */
  readonly before: string | undefined;
}

export function concernedBy(
  push: RefsChange,
  applications: Iterable<Application>,
): readonly Concern[] {
  const concerns: Concern[] = [];
  for (const application of applications) {
    if (application.metadata.deletionTimestamp !== undefined) continue;
    const concern = concernOf(push, application);
    if (concern !== undefined) concerns.push(concern);
  }
  return concerns;
}

/** The Applications that get manifests from a repository, whatever their revision. */
export function usersOf(
  repository: RepositoryId,
  applications: Iterable<Application>,
): readonly Application[] {
  return [...applications].filter(({ spec }) =>
    sourcesOf(spec).some((source) => isSame(parseInternalUrl(source.repoURL), repository)),
  );
}

function concernOf(push: RefsChange, application: Application): Concern | undefined {
  for (const source of sourcesOf(application.spec)) {
    if (!isSame(parseInternalUrl(source.repoURL), push.repository)) continue;
    const revision = source.targetRevision ?? "HEAD";
    const before = findRef(revision, push.before);
    const after = findRef(revision, push.after);
    if (after?.id === before?.id) continue;
    const ref = after?.ref ?? before?.ref;
    if (ref !== undefined) return { application, revision, ref, id: after?.id, before: before?.id };
  }
  return undefined;
}

/** Whether a source follows a revision of a repository. */
export function isAt(
  { repoURL, targetRevision = "HEAD" }: ApplicationSource,
  repository: RepositoryId,
  revision: string,
): boolean {
  return targetRevision === revision && isSame(parseInternalUrl(repoURL), repository);
}

function isSame(one: RepositoryId | undefined, other: RepositoryId): boolean {
  return one?.namespace === other.namespace && one.name === other.name;
}
