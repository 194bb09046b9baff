/** Ref names and how a revision that a person wrote finds one. */
import { nearestName } from "../check/nearest-name.ts";
import { SourceError } from "./source-error.ts";
import { parseVersionRange, type VersionRange } from "./version-range.ts";

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

/**
 * Which ref a revision names, by this order: HEAD, a branch, a tag, another ref; then, where it is
 * a range of versions, the newest tag inside it. `app/1.x` is a range over the tags `app/…`.
 */
export function findRef(revision: string, refs: Refs): ResolvedRef | undefined {
  if (isHead(revision) && refs.headId !== undefined)
    return { id: refs.headId, ref: refs.headRef ?? "HEAD" };
  for (const ref of refCandidates(revision)) {
    const id = refs.ids.get(ref);
    if (id !== undefined) return { id, ref };
  }
  const versions = versionsOf(revision);
  if (versions === undefined) return undefined;
  const { prefix, range } = versions;
  const tags = [...refs.ids.keys()].filter((ref) => ref.startsWith(prefix));
  const names = tags.map((ref) => ref.slice(prefix.length));
  const ref = `${prefix}${range.best(names) ?? ""}`;
  const id = refs.ids.get(ref);
  return id === undefined ? undefined : { id, ref };
}

/** What of the refs has to be known to find a revision among them. */
export function refPrefixes(revision: string): string[] {
  const candidates = isHead(revision) ? [] : refCandidates(revision).filter(isSafeRefName);
  const versions = versionsOf(revision);
  return versions === undefined ? candidates : [...candidates, versions.prefix];
}

function versionsOf(revision: string): { prefix: string; range: VersionRange } | undefined {
  const slash = revision.lastIndexOf("/") + 1;
  const prefix = `refs/tags/${revision.slice(0, slash)}`;
  const range = parseVersionRange(revision.slice(slash));
  const isSafe = slash === 0 || isSafeRefName(prefix.slice(0, -1));
  return isSafe && range !== undefined ? { prefix, range } : undefined;
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
    advice: /^[0-9a-f]{7,39}$/.test(revision)
      ? "If it is a commit, write all 40 digits of its id."
      : near !== undefined
        ? `Did you mean ${JSON.stringify(near)}? Otherwise push it, or set targetRevision to a branch that exists.`
        : `It may have been deleted: push it again, or set targetRevision to one that exists${branches.length > 0 ? ` (${branches.join(", ")})` : ""}.`,
  });
}
