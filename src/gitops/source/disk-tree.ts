/**
 * A folder of this machine as a tree, read only where it is looked at: for commands that render one
 * folder of a large work tree once. Ids are paths, so they say nothing about content.
 */
import type { Stats } from "node:fs";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { blobTooLarge } from "./object-tree.ts";
import type { EntryKind, Tree, TreeEntry } from "./source.ts";
import { systemErrorCode } from "./source-error.ts";
import { joinPath, pathNotFound, splitPath } from "./tree-path.ts";

const DEFAULT_MAX_BLOB_BYTES = 100 * 1024 * 1024;
/** What Git does not keep, or what is never meant. */
const HIDDEN = new Set([".git", "node_modules"]);

export function diskTree(root: string): Tree {
  const kindAt = async (path: string): Promise<EntryKind | undefined> => {
    const names = splitPath(path);
    if (names === undefined) return undefined;
    let kind: EntryKind = "directory";
    let at = "";
    for (const name of names) {
      // What stands behind a symlink is not at this path of the tree.
      if (kind !== "directory" || HIDDEN.has(name)) return undefined;
      at = joinPath(at, name);
      const found = await statOf(join(root, at));
      if (found === undefined) return undefined;
      kind = kindOf(found);
    }
    return kind;
  };
  const entryOf = (path: string, name: string, kind: EntryKind): TreeEntry => ({
    name,
    kind,
    id: `${kind}:${path}`,
    executable: false,
  });
  return {
    id: "directory:",
    async entries(path) {
      if ((await kindAt(path)) !== "directory") throw pathNotFound(root, path);
      const listed = await readdir(join(root, path), { withFileTypes: true });
      return listed
        .filter(({ name }) => !HIDDEN.has(name))
        .filter((one) => one.isFile() || one.isDirectory() || one.isSymbolicLink())
        .map((one) => entryOf(joinPath(path, one.name), one.name, kindOf(one)))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    async entry(path) {
      const names = splitPath(path);
      const name = names?.at(-1);
      const kind = name === undefined ? undefined : await kindAt(path);
      if (names === undefined || name === undefined || kind === undefined) return undefined;
      return entryOf(names.join("/"), name, kind);
    },
    async treeIdOf(path) {
      return (await kindAt(path)) === "directory"
        ? `directory:${(splitPath(path) ?? []).join("/")}`
        : undefined;
    },
    async blob(id, { maxBytes = DEFAULT_MAX_BLOB_BYTES } = {}) {
      const path = join(root, id.slice(id.indexOf(":") + 1));
      if (id.startsWith("symlink:")) return Buffer.from(await readlink(path));
      const { size } = await lstat(path);
      if (size > maxBytes) throw blobTooLarge(root, path, size, maxBytes);
      return readFile(path);
    },
  };
}

function kindOf(found: Pick<Stats, "isDirectory" | "isSymbolicLink">): EntryKind {
  if (found.isSymbolicLink()) return "symlink";
  return found.isDirectory() ? "directory" : "file";
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
}
