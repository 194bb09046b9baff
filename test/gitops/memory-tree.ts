/** A tree from a plain object: path → content. */
import { directoryOf, ObjectTree } from "../../src/gitops/source/object-tree.ts";
import type { Tree, TreeEntry } from "../../src/gitops/source/source.ts";

export function memoryTree(files: Readonly<Record<string, string>>): Tree {
  const directories = new Map<string, Map<string, TreeEntry>>([["", new Map()]]);
  const ensure = (path: string): Map<string, TreeEntry> => {
    const known = directories.get(path);
    if (known !== undefined) return known;
    const made = new Map<string, TreeEntry>();
    directories.set(path, made);
    const cut = path.lastIndexOf("/");
    const name = path.slice(cut + 1);
    ensure(cut < 0 ? "" : path.slice(0, cut)).set(name, {
      name,
      kind: "directory",
      id: `tree:${path}`,
      executable: false,
    });
    return made;
  };
  for (const path of Object.keys(files)) {
    const cut = path.lastIndexOf("/");
    const name = path.slice(cut + 1);
    const id = `blob:${path}`;
    ensure(cut < 0 ? "" : path.slice(0, cut)).set(name, {
      name,
      kind: "file",
      id,
      executable: false,
    });
  }
  return new ObjectTree("tree:", {
    where: "memory",
    directory: (id) =>
      Promise.resolve(directoryOf([...(directories.get(id.slice("tree:".length)) ?? []).values()])),
    blob: (id) => Promise.resolve(new TextEncoder().encode(files[id.slice("blob:".length)] ?? "")),
  });
}
