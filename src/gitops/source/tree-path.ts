/** Paths inside a tree: relative, `/`-separated, never leaving the root. */
import type { Tree, TreeEntry } from "./source.ts";
import { SourceError } from "./source-error.ts";

/** Longest path that a Linux file system takes. */
export const MAX_PATH_LENGTH = 4096;
/** Directories nested deeper than this are attacks: no human repository comes close. */
export const MAX_PATH_DEPTH = 64;
/** What Linux allows (`MAXSYMLINKS`); more is a loop. */
const MAX_LINK_HOPS = 40;
/** Targets are paths. */
const MAX_TARGET_BYTES = MAX_PATH_LENGTH;

/**
 * The names of a path, `.` and empty ones dropped: `./apps//web/` is `["apps", "web"]`.
 * @returns undefined for paths that are absolute, have `..` or break a limit
 */
export function splitPath(path: string): string[] | undefined {
  if (path.length > MAX_PATH_LENGTH || path.startsWith("/") || path.includes("\0"))
    return undefined;
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  return names.length > MAX_PATH_DEPTH || names.includes("..") ? undefined : names;
}

/** `a/b` from `a` and `b`; the root is `""`. */
export function joinPath(directory: string, name: string): string {
  return directory === "" ? name : `${directory}/${name}`;
}

/** Where a path leads once every symlink on the way is followed inside the tree. */
export type Followed =
  | { readonly outcome: "found"; readonly path: string; readonly entry: TreeEntry | "root" }
  | { readonly outcome: "missing" | "loop" }
  /** A link points out of the tree; `link` is its path, `target` what it holds. */
  | { readonly outcome: "escapes"; readonly link: string; readonly target: string };

/**
 * Follows every symlink of `path` inside the tree, as the kernel would if the tree were the root
 * of a file system, except that leaving it is an outcome of its own.
 */
export async function followPath(
  tree: Tree,
  path: string,
  onLink?: (path: string, link: TreeEntry, target: string) => void,
): Promise<Followed> {
  const todo = splitPath(path)?.reverse();
  if (todo === undefined) return { outcome: "missing" };
  const done: string[] = [];
  let entry: TreeEntry | "root" = "root";
  let hops = 0;
  for (;;) {
    const name = todo.pop();
    if (name === undefined) return { outcome: "found", path: done.join("/"), entry };
    if (name === "..") {
      // Only link targets bring these in, and `linkNames` has checked that they stay inside.
      done.pop();
      entry = await entryAt(tree, done);
      continue;
    }
    const here = [...done, name].join("/");
    const next: TreeEntry | undefined = await tree.entry(here);
    if (next === undefined) return { outcome: "missing" };
    if (next.kind !== "symlink") {
      done.push(name);
      entry = next;
      continue;
    }
    if (++hops > MAX_LINK_HOPS) return { outcome: "loop" };
    const target = await linkTarget(tree, next);
    onLink?.(here, next, target);
    const names = linkNames(done.length, target);
    if (names === undefined) return { outcome: "escapes", link: here, target };
    if (names.length + todo.length > MAX_PATH_DEPTH * 2) return { outcome: "loop" };
    todo.push(...names.reverse());
  }
}

async function entryAt(tree: Tree, names: readonly string[]): Promise<TreeEntry | "root"> {
  return names.length === 0 ? "root" : ((await tree.entry(names.join("/"))) ?? "root");
}

async function linkTarget(tree: Tree, link: TreeEntry): Promise<string> {
  return new TextDecoder().decode(await tree.blob(link.id, { maxBytes: MAX_TARGET_BYTES }));
}

/** The names of a link's target, or undefined when it leaves a directory `depth` levels down. */
function linkNames(depth: number, target: string): string[] | undefined {
  if (target.startsWith("/") || target.includes("\0") || /^[a-zA-Z]:|\\/.test(target))
    return undefined;
  const names = target.split("/").filter((name) => name !== "" && name !== ".");
  let level = depth;
  for (const name of names) {
    level += name === ".." ? -1 : 1;
    if (level < 0) return undefined;
  }
  return names;
}

/**
 * The real path of a directory that a user names, in-tree symlinks followed.
 * @throws SourceError `path-not-found` or `symlink-escapes`
 */
export async function directoryAt(tree: Tree, path: string, where: string): Promise<string> {
  const followed = await followPath(tree, path);
  if (followed.outcome === "escapes")
    throw new SourceError("symlink-escapes", {
      what: `${JSON.stringify(followed.link)} is a symlink out of the repository`,
      where,
      advice: "Replace the link by the directory itself, or by a link inside the repository.",
    });
  if (
    followed.outcome === "found" &&
    (followed.entry === "root" || followed.entry.kind === "directory")
  )
    return followed.path;
  throw pathNotFound(where, path);
}

export function pathNotFound(where: string, path: string): SourceError {
  return new SourceError("path-not-found", {
    what: `the repository has no directory ${JSON.stringify(path)} at this revision`,
    where,
    advice: "Correct the path, or push the commit that adds it.",
  });
}
