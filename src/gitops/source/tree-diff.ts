/** Which files differ between two trees: equal directories are told by their ids and not read. */
import type { Tree, TreeEntry } from "./source.ts";
import { joinPath } from "./tree-path.ts";

/** Callers ask what changed to explain it; beyond this many paths nobody reads the answer. */
const MAX_CHANGED_PATHS = 10_000;

/**
 * The paths of files, links and submodules below `under` that were added, removed or changed, in
 * order, at most 10,000 of them.
 */
export async function changedPaths(before: Tree, after: Tree, under: string): Promise<string[]> {
  const paths: string[] = [];
  const [oldId, newId] = await Promise.all([before.treeIdOf(under), after.treeIdOf(under)]);
  if (oldId !== newId) await compare(under, oldId !== undefined, newId !== undefined);
  return paths;

  async function compare(path: string, inBefore: boolean, inAfter: boolean): Promise<void> {
    const olds = inBefore ? await before.entries(path) : [];
    const news = inAfter ? await after.entries(path) : [];
    for (const [oldEntry, newEntry] of pairsByName(olds, news)) {
      if (paths.length >= MAX_CHANGED_PATHS) return;
      if (oldEntry?.id === newEntry?.id && oldEntry?.kind === newEntry?.kind) continue;
      const child = joinPath(path, (newEntry ?? oldEntry)?.name ?? "");
      const wasDirectory = oldEntry?.kind === "directory";
      const isDirectory = newEntry?.kind === "directory";
      if ((oldEntry !== undefined && !wasDirectory) || (newEntry !== undefined && !isDirectory))
        paths.push(child);
      if (wasDirectory || isDirectory) await compare(child, wasDirectory, isDirectory);
    }
  }
}

function* pairsByName(
  olds: readonly TreeEntry[],
  news: readonly TreeEntry[],
): Generator<readonly [TreeEntry | undefined, TreeEntry | undefined]> {
  const oldByName = new Map(olds.map((entry) => [entry.name, entry]));
  const newByName = new Map(news.map((entry) => [entry.name, entry]));
  for (const name of [...new Set([...oldByName.keys(), ...newByName.keys()])].sort())
    yield [oldByName.get(name), newByName.get(name)];
}
