/**
 * Reads a tar archive that somebody else made. Only what a folder of manifests needs is taken:
 * files, directories and symlinks that stay inside; anything else is refused by name, because a
 * tree that differs from what its author sees is worse than none.
 */
import { MAX_PATH_DEPTH, MAX_PATH_LENGTH, splitPath } from "../../tree-path.ts";
import { archiveTooLarge, refusedArchive } from "./tar-error.ts";
import { BLOCK_BYTES, readHeader, type TarHeader, textAt } from "./tar-header.ts";

export type ArchiveEntry =
  | {
      readonly kind: "file";
      readonly path: readonly string[];
      readonly content: Buffer;
      readonly executable: boolean;
    }
  | { readonly kind: "symlink"; readonly path: readonly string[]; readonly target: string };

/** The largest charts with all their dependencies have some thousand files. */
export const MAX_ARCHIVE_ENTRIES = 20_000;
/** A name and a link name; more is made to fill memory. */
const MAX_EXTENDED_BYTES = 64 * 1024;
const MAX_NAME_SHOWN = 120;

/** What an extended header says of the next entry. */
interface Extended {
  readonly path?: string;
  readonly linkPath?: string;
  readonly sizeBytes?: number;
}

/**
 * @param where shown in errors
 * @returns files and symlinks; directories follow from them
 * @throws SourceError `unsupported`, `too-large` or `truncated`
 */
export function readTar(tar: Buffer, where: string): ArchiveEntry[] {
  const reader = new TarReader(tar, where);
  reader.read();
  return [...reader.entries.values()];
}

class TarReader {
  readonly entries = new Map<string, ArchiveEntry>();
  readonly #directories = new Set<string>();
  readonly #tar: Buffer;
  readonly #where: string;
  #at = 0;
  #count = 0;
  #extended: Extended = {};

  constructor(tar: Buffer, where: string) {
    this.#tar = tar;
    this.#where = where;
  }

  read(): void {
    for (;;) {
      const block = this.#tar.subarray(this.#at, this.#at + BLOCK_BYTES);
      // Some writers leave out the two zero blocks at the end.
      if (block.every((byte) => byte === 0)) return;
      const header = block.length === BLOCK_BYTES ? readHeader(block) : undefined;
      if (header === undefined) throw this.#refused("it is no tar archive, or damaged");
      this.#at += BLOCK_BYTES;
      this.#entry(header);
    }
  }

  #entry(header: TarHeader): void {
    if (++this.#count > MAX_ARCHIVE_ENTRIES)
      throw archiveTooLarge(this.#where, `it has more than ${MAX_ARCHIVE_ENTRIES} entries`);
    switch (header.type) {
      case "x":
        this.#extended = { ...this.#extended, ...this.#paxRecords(this.#content(header)) };
        return;
      case "L":
        this.#extended = { ...this.#extended, path: this.#longName(header) };
        return;
      case "K":
        this.#extended = { ...this.#extended, linkPath: this.#longName(header) };
        return;
      case "g":
        this.#globalRecords(this.#content(header));
        return;
    }
    const { path, linkPath, sizeBytes } = this.#extended;
    this.#extended = {};
    this.#member({
      ...header,
      name: path ?? header.name,
      linkName: linkPath ?? header.linkName,
      sizeBytes: sizeBytes ?? header.sizeBytes,
    });
  }

  #member(header: TarHeader): void {
    const path = this.#path(header.name);
    switch (header.type) {
      case "0":
      case "7":
        if (header.name.endsWith("/")) return this.#directory(path);
        return this.#add({
          kind: "file",
          path,
          content: this.#content(header),
          executable: (header.mode & 0o100) !== 0,
        });
      case "5":
        this.#content(header);
        return this.#directory(path);
      case "2":
        return this.#add({ kind: "symlink", path, target: this.#target(path, header.linkName) });
      case "1":
        return this.#hardLink(path, header);
      case "3":
      case "4":
      case "6":
        throw this.#refused(`${shown(header.name)} is a device or a pipe`);
      default:
        throw this.#refused(`${shown(header.name)} is of the unusual type ${shown(header.type)}`);
    }
  }

  #path(name: string): string[] {
    const path = /\p{Cc}/u.test(name) ? undefined : splitPath(name);
    if (path === undefined)
      throw this.#refused(
        `the path ${shown(name)} is absolute, leaves the archive, or is longer than ${MAX_PATH_LENGTH} characters or ${MAX_PATH_DEPTH} folders`,
      );
    return path;
  }

  #directory(path: readonly string[]): void {
    if (path.length > 0) this.#reserve(path);
  }

  #add(entry: ArchiveEntry): void {
    const name = entry.path.join("/");
    if (name === "") throw this.#refused("an entry has no name");
    if (this.entries.has(name) || this.#directories.has(name))
      throw this.#refused(`${shown(name)} is in it twice`);
    this.#reserve(entry.path.slice(0, -1));
    this.entries.set(name, entry);
  }

  /** The folders on the way must not be files or links: nothing is written through those. */
  #reserve(path: readonly string[]): void {
    for (let depth = 1; depth <= path.length; depth++) {
      const folder = path.slice(0, depth).join("/");
      if (this.entries.has(folder))
        throw this.#refused(`${shown(folder)} is both a folder and something else`);
      this.#directories.add(folder);
    }
  }

  #target(path: readonly string[], target: string): string {
    let level = path.length - 1;
    const names = target.split("/").filter((name) => name !== "" && name !== ".");
    const staysInside = names.every((name) => (level += name === ".." ? -1 : 1) >= 0);
    if (target === "" || target.startsWith("/") || /[\p{Cc}\\]/u.test(target) || !staysInside)
      throw this.#refused(`${shown(path.join("/"))} is a link out of it`);
    return target;
  }

  #hardLink(path: readonly string[], header: TarHeader): void {
    const target = this.entries.get(this.#path(header.linkName).join("/"));
    if (target?.kind !== "file")
      throw this.#refused(`${shown(path.join("/"))} is a link to a file that is not before it`);
    this.#add({ ...target, path });
  }

  #content({ sizeBytes, name }: TarHeader): Buffer {
    const content = this.#tar.subarray(this.#at, this.#at + sizeBytes);
    if (content.length < sizeBytes) throw this.#refused(`it ends within ${shown(name)}`);
    this.#at += Math.ceil(sizeBytes / BLOCK_BYTES) * BLOCK_BYTES;
    return content;
  }

  #longName(header: TarHeader): string {
    if (header.sizeBytes > MAX_EXTENDED_BYTES) throw this.#refused("a name in it is too long");
    const content = this.#content(header);
    return textAt(content, 0, content.length);
  }

  /** Of all entries: comments of `git archive` are fine, names for everything are not. */
  #globalRecords(content: Buffer): void {
    const { path, linkPath, sizeBytes } = this.#paxRecords(content);
    if (path !== undefined || linkPath !== undefined || sizeBytes !== undefined)
      throw this.#refused("it has a global header that renames entries");
  }

  /** Lines of `LENGTH KEY=VALUE`. */
  #paxRecords(content: Buffer): Extended {
    if (content.length > MAX_EXTENDED_BYTES) throw this.#refused("an extended header is too long");
    const found: { path?: string; linkPath?: string; sizeBytes?: number } = {};
    let at = 0;
    while (at < content.length) {
      const digits = /^(\d{1,6}) /.exec(content.toString("latin1", at, at + 7))?.[1];
      const end = at + Number(digits ?? 0);
      if (digits === undefined || end > content.length || end <= at || content[end - 1] !== 0x0a)
        throw this.#refused("an extended header is malformed");
      const record = content.toString("utf8", at + digits.length + 1, end - 1);
      const equals = record.indexOf("=");
      const [key, value] = [record.slice(0, equals), record.slice(equals + 1)];
      if (key.startsWith("GNU.sparse")) throw this.#refused("it has sparse files");
      if (key === "path") found.path = value;
      if (key === "linkpath") found.linkPath = value;
      if (key === "size") {
        if (!/^\d{1,15}$/.test(value)) throw this.#refused("an extended header is malformed");
        found.sizeBytes = Number(value);
      }
      at = end;
    }
    return found;
  }

  #refused(why: string): Error {
    return refusedArchive(this.#where, why);
  }
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, MAX_NAME_SHOWN));
}
