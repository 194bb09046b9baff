/** Ref names and how a revision that a person wrote finds one. */
import { nearestName } from "../check/nearest-name.ts";
import { OBJECT_ID } from "./git-objects.ts";
import { SourceError } from "./source-error.ts";

/** All refs of a repository, by full name. */
export interface Refs {
  /** What HEAD leads to; undefined in an empty repository. */
  readonly headId: string | undefined;
  /** The branch HEAD names, e.g. `refs/heads/main`, where known. */
  readonly headRef: string | undefined;
  readonly ids: ReadonlyMap<string, string>;
}

export interface ResolvedRef {
  /** Of a commit or an annotated tag. */
  readonly id: string;
  /** Full name; undefined for a commit id. */
  readonly ref: string | undefined;
}

/** Branches that an error lists. */
const MAX_LISTED = 5;

/**
 * What `git check-ref-format` accepts, and no leading dash: such a name never becomes a path
 * outside `refs/` nor an option.
 */
export function isSafeRefName(name: string): boolean {
  return (
    name !== "" &&
    name.length <= 1024 &&
    !/[\p{Cc} ~^:?*[\\]|\.\.|@\{|\/\/|\.$|\/$|^\/|^@$/u.test(name) &&
    name.split("/").every((part) => !/^[.-]|\.lock$|^$/.test(part))
  );
}

/** Full ref names to try, in order. A branch wins: nobody hijacks it with a tag of its name. */
export function refCandidates(revision: string): string[] {
  return revision.startsWith("refs/")
    ? [revision]
    : [`refs/heads/${revision}`, `refs/tags/${revision}`, `refs/${revision}`];
}

export function isHead(revision: string): boolean {
  return revision === "" || revision === "HEAD";
}

/** @throws SourceError `revision-not-found` or `empty-repository` */
export function resolveRef(revision: string, refs: Refs, where: string): ResolvedRef {
  if (OBJECT_ID.test(revision)) return { id: revision, ref: undefined };
  if (refs.ids.size === 0 && refs.headId === undefined) throw emptyRepository(where);
  if (isHead(revision) && refs.headId !== undefined)
    return { id: refs.headId, ref: refs.headRef ?? "HEAD" };
  for (const ref of refCandidates(revision)) {
    const id = refs.ids.get(ref);
    if (id !== undefined) return { id, ref };
  }
  throw revisionNotFound(revision, [...refs.ids.keys()], where);
}

export function emptyRepository(where: string): SourceError {
  return new SourceError("empty-repository", {
    what: "the repository has no commits yet",
    where,
    advice: "Commit the manifests and push a branch.",
  });
}

/** `known`: full names of the refs that do exist, for a suggestion. */
export function revisionNotFound(
  revision: string,
  known: readonly string[],
  where: string,
): SourceError {
  const names = known.map((ref) => ref.replace(/^refs\/(heads|tags)\//, ""));
  const near = nearestName(revision, names);
  const branches = known
    .filter((ref) => ref.startsWith("refs/heads/"))
    .slice(0, MAX_LISTED)
    .map((ref) => ref.slice("refs/heads/".length));
  return new SourceError("revision-not-found", {
    what: isHead(revision)
      ? "HEAD names a branch that does not exist"
      : `there is no branch, tag or commit ${JSON.stringify(revision.slice(0, 200))}`,
    where,
    advice:
      near !== undefined
        ? `Did you mean ${JSON.stringify(near)}? Otherwise push it, or set targetRevision to a branch that exists.`
        : `It may have been deleted: push it again, or set targetRevision to one that exists${branches.length > 0 ? ` (${branches.join(", ")})` : ""}.`,
  });
}
