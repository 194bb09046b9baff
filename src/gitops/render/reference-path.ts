/** Paths that files of a repository write of each other: relative ones, which may climb, but not out. */
import { MAX_PATH_LENGTH } from "../source/tree-path.ts";

/**
 * `apps/base` for `../base` seen from `apps/web`; `""` for the root.
 * @returns undefined for what leaves the tree: absolute paths, URLs, too many `..`
 */
export function resolveReference(directory: string, reference: string): string | undefined {
  if (reference.length > MAX_PATH_LENGTH || /^\/|\0|^[a-z][-a-z0-9+.]*:/i.test(reference))
    return undefined;
  const names = directory === "" ? [] : directory.split("/");
  for (const name of reference.split("/")) {
    if (name === "" || name === ".") continue;
    if (name !== "..") names.push(name);
    else if (names.pop() === undefined) return undefined;
  }
  return names.join("/");
}

/** Whether a reference that no file bears means something elsewhere: a URL or a repository. */
export function looksRemote(reference: string): boolean {
  return (
    /^[a-z][-a-z0-9+.]*:/i.test(reference) ||
    /^[-\w.]+@[-\w.]+:/.test(reference) ||
    /[?&](?:ref|version|timeout|submodules)=/.test(reference) ||
    /^(?:github\.com|gitlab\.com|bitbucket\.org|[-\w.]+\.[a-z]{2,}\/[^/]+\/)/i.test(reference)
  );
}

/** From one directory of a tree to a path of it: `../base` from `web` to `base`. */
export function relativeTo(directory: string, path: string): string {
  const from = directory === "" ? [] : directory.split("/");
  const to = path === "" ? [] : path.split("/");
  let same = 0;
  while (same < from.length && same < to.length && from[same] === to[same]) same++;
  return [...from.slice(same).map(() => ".."), ...to.slice(same)].join("/") || ".";
}

export function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "" : path.slice(0, slash);
}
