/** A tree in memory, for tests of what is made of trees. */
import { createHash } from "node:crypto";
import {
  blobTooLarge,
  type Directory,
  directoryOf,
  ObjectTree,
  type TreeObjects,
} from "../../../src/gitops/source/object-tree.ts";
import type { Tree, TreeEntry } from "../../../src/gitops/source/source.ts";

/** Content of a file, or what else stands at a path. */
export type Planted =
  | string
  | Uint8Array
  | { readonly link: string }
  | { readonly submodule: string };

export interface MemoryTree extends Tree {
  /** Ids of the blobs that were read, in order. */
  readonly blobReads: string[];
}

export function memoryTree(files: Readonly<Record<string, Planted>>): MemoryTree {
  const blobs = new Map<string, Uint8Array>();
  const directories = new Map<string, Directory>();
  const blobReads: string[] = [];
  const hash = (content: string | Uint8Array): string =>
    createHash("sha1").update(content).digest("hex");

  const leaf = (name: string, planted: Planted): TreeEntry => {
    if (typeof planted === "object" && "submodule" in planted)
      return { name, kind: "submodule", id: planted.submodule, executable: false };
    const isLink = typeof planted === "object" && "link" in planted;
    const content = Buffer.from(isLink ? planted.link : (planted as string));
    const id = hash(content);
    blobs.set(id, content);
    return { name, kind: isLink ? "symlink" : "file", id, executable: false };
  };

  const plant = (prefix: string): string => {
    const names = new Set(
      Object.keys(files)
        .filter((path) => path.startsWith(prefix))
        .map((path) => path.slice(prefix.length).split("/")[0] ?? ""),
    );
    const entries = [...names].map((name): TreeEntry => {
      const planted = files[prefix + name];
      if (planted !== undefined) return leaf(name, planted);
      return { name, kind: "directory", id: plant(`${prefix}${name}/`), executable: false };
    });
    const id = hash(JSON.stringify(entries));
    directories.set(id, directoryOf(entries));
    return id;
  };

  const objects: TreeObjects = {
    where: "memory",
    directory: (id) => Promise.resolve(directories.get(id) ?? directoryOf([])),
    blob: (id, maxBytes) => {
      blobReads.push(id);
      const content = blobs.get(id) ?? Buffer.alloc(0);
      return content.length > maxBytes
        ? Promise.reject(blobTooLarge("memory", id, content.length, maxBytes))
        : Promise.resolve(content);
    },
  };
  return Object.assign(new ObjectTree(plant(""), objects), { blobReads });
}
