/** An unpacked archive: directories and contents by the ids that Git would give them. */
import { gunzip } from "node:zlib";
import { blobHash, treeHash } from "../../folder-scan.ts";
import { type Directory, directoryOf } from "../../object-tree.ts";
import type { TreeEntry } from "../../source.ts";
import { type ArchiveEntry, readTar } from "./read-tar.ts";
import { archiveTooLarge, refusedArchive } from "./tar-error.ts";

export interface Archive {
  readonly rootId: string;
  readonly directories: ReadonlyMap<string, Directory>;
  readonly contents: ReadonlyMap<string, Buffer>;
  /** Memory that it holds. */
  readonly sizeBytes: number;
}

/** `chart`: everything is below one folder, which is left out, as Helm does. */
export type ArchiveLayout = "plain" | "chart";

/**
 * Unpacked. A chart with all CRDs of a large operator has 10 MB; an archive that was made to grow
 * (a gzip bomb grows 1000-fold) ends here before it has cost more memory than this.
 */
export const MAX_UNPACKED_BYTES = 64 * 1024 * 1024;

/** @throws SourceError `unsupported`, `too-large` or `truncated` */
export async function openArchive(
  packed: Buffer,
  layout: ArchiveLayout,
  where: string,
): Promise<Archive> {
  const tar = isGzip(packed) ? await unzipped(packed, where) : packed;
  if (tar.length > MAX_UNPACKED_BYTES) throw tooLarge(where);
  const entries = readTar(tar, where);
  return archiveOf(layout === "chart" ? withoutTopFolder(entries, where) : entries, tar.length);
}

function isGzip(bytes: Buffer): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

function unzipped(packed: Buffer, where: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    gunzip(packed, { maxOutputLength: MAX_UNPACKED_BYTES }, (error, tar) => {
      if (error === null) resolve(tar);
      else if ("code" in error && error.code === "ERR_BUFFER_TOO_LARGE") reject(tooLarge(where));
      else reject(refusedArchive(where, "its compression is damaged"));
    });
  });
}

function tooLarge(where: string): Error {
  return archiveTooLarge(where, `it unpacks to more than ${MAX_UNPACKED_BYTES} bytes`);
}

function withoutTopFolder(entries: readonly ArchiveEntry[], where: string): ArchiveEntry[] {
  const top = entries[0]?.path[0];
  return entries.map((entry) => {
    const [first, ...path] = entry.path;
    if (first !== top || path.length === 0)
      throw refusedArchive(where, "a chart holds one folder and nothing beside it");
    if (entry.kind === "symlink" && !staysBelow(path.length - 1, entry.target))
      throw refusedArchive(where, "it has a link out of the chart's folder");
    return { ...entry, path };
  });
}

function staysBelow(depth: number, target: string): boolean {
  let level = depth;
  return target
    .split("/")
    .filter((name) => name !== "" && name !== ".")
    .every((name) => (level += name === ".." ? -1 : 1) >= 0);
}

interface Folder {
  readonly folders: Map<string, Folder>;
  readonly entries: TreeEntry[];
}

function archiveOf(entries: readonly ArchiveEntry[], sizeBytes: number): Archive {
  const contents = new Map<string, Buffer>();
  const root: Folder = { folders: new Map(), entries: [] };
  for (const entry of entries) {
    const content = entry.kind === "file" ? entry.content : Buffer.from(entry.target);
    const id = blobHash(content);
    contents.set(id, content);
    const name = entry.path.at(-1) ?? "";
    const executable = entry.kind === "file" && entry.executable;
    folderAt(root, entry.path.slice(0, -1)).entries.push({
      name,
      kind: entry.kind,
      id,
      executable,
    });
  }
  const directories = new Map<string, Directory>();
  return { rootId: close(root, directories), directories, contents, sizeBytes };
}

function folderAt(root: Folder, path: readonly string[]): Folder {
  let at = root;
  for (const name of path) {
    let next = at.folders.get(name);
    if (next === undefined) at.folders.set(name, (next = { folders: new Map(), entries: [] }));
    at = next;
  }
  return at;
}

function close(folder: Folder, directories: Map<string, Directory>): string {
  const below = [...folder.folders].map(
    ([name, each]): TreeEntry => ({
      name,
      kind: "directory",
      id: close(each, directories),
      executable: false,
    }),
  );
  const directory = directoryOf([...folder.entries, ...below]);
  const id = treeHash(directory.entries);
  directories.set(id, directory);
  return id;
}
