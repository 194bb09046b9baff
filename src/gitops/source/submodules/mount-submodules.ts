/** Fetches the submodules of a commit and puts them in their places, submodules of theirs, too. */
import type { Commit, Source, Tree, TreeEntry } from "../source.ts";
import { SourceError } from "../source-error.ts";
import { parseGitmodules, type Submodule } from "./gitmodules.ts";
import { MountedTree } from "./mounted-tree.ts";
import { submoduleUrl } from "./submodule-url.ts";

/** Submodules of submodules of submodules: nobody needs more, and circles end here at the latest. */
const MAX_DEPTH = 4;
/** All in all; every one is a repository to fetch. */
const MAX_SUBMODULES = 50;
const MAX_GITMODULES_BYTES = 256 * 1024;

export interface SubmoduleRepositories {
  /** @param sameServer whether the superproject's credential may be used */
  open(repoURL: string, sameServer: boolean): Promise<Source>;
}

interface Progress {
  readonly repositories: SubmoduleRepositories;
  readonly signal: AbortSignal;
  count: number;
  /** Repository and commit of every tree that is being mounted, outermost first. */
  readonly within: readonly string[];
}

/**
 * @param repoURL of the repository that the commit is from
 * @throws SourceError
 */
export async function mountSubmodules(
  commit: Commit,
  repoURL: string,
  repositories: SubmoduleRepositories,
  signal: AbortSignal,
): Promise<Commit> {
  const within = [placeOf(repoURL, commit.id)];
  const progress = { repositories, signal, count: 0, within };
  const tree = await mounted(commit.tree, repoURL, repoURL, progress);
  return tree === commit.tree ? commit : { ...commit, tree };
}

/** `credentialed`: the repository whose server the credential belongs to. */
async function mounted(
  tree: Tree,
  repoURL: string,
  credentialed: string,
  progress: Progress,
): Promise<Tree> {
  const mounts = new Map<string, Tree>();
  for (const submodule of await submodulesOf(tree)) {
    const entry = await tree.entry(submodule.path);
    // Listed, but not (or no longer) in the tree: nothing to fetch.
    if (entry?.kind !== "submodule") continue;
    mounts.set(submodule.path, await fetched(submodule, entry, repoURL, credentialed, progress));
  }
  return mounts.size === 0 ? tree : new MountedTree(tree, mounts);
}

async function fetched(
  { path, url }: Submodule,
  entry: TreeEntry,
  parentUrl: string,
  credentialed: string,
  progress: Progress,
): Promise<Tree> {
  const { repoURL } = submoduleUrl(parentUrl, url, path);
  const { sameServer } = submoduleUrl(credentialed, repoURL, path);
  const place = placeOf(repoURL, entry.id);
  if (progress.within.includes(place)) throw tooMany(path, "it contains itself");
  if (progress.within.length > MAX_DEPTH)
    throw tooMany(path, `it lies in more than ${MAX_DEPTH} others`);
  if (++progress.count > MAX_SUBMODULES)
    throw tooMany(path, `there are more than ${MAX_SUBMODULES} in all`);
  const source = await progress.repositories.open(repoURL, sameServer);
  const { tree } = await source.resolve(entry.id, { signal: progress.signal });
  const inner = { ...progress, within: [...progress.within, place] };
  const result = await mounted(tree, repoURL, credentialed, inner);
  progress.count = inner.count;
  return result;
}

async function submodulesOf(tree: Tree): Promise<readonly Submodule[]> {
  const file = await tree.entry(".gitmodules");
  if (file?.kind !== "file") return [];
  const bytes = await tree.blob(file.id, { maxBytes: MAX_GITMODULES_BYTES });
  return parseGitmodules(Buffer.from(bytes).toString("utf8"));
}

function placeOf(repoURL: string, commitId: string): string {
  return `${repoURL.replace(/\/+$/, "")} ${commitId}`;
}

function tooMany(path: string, why: string): SourceError {
  return new SourceError("too-large", {
    what: `the submodule ${JSON.stringify(path)} is not fetched: ${why}`,
    where: ".gitmodules",
    advice: "Use fewer submodules, or commit their files.",
  });
}
