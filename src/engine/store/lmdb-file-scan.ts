/**
 * Reads an LMDB data file without LMDB, checking that every page that can be reached is there and
 * well formed. LMDB maps the file into memory and trusts it: a truncated or damaged file would end
 * the process with a signal instead of an error.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import {
  type LmdbMeta,
  type LmdbTree,
  PAGE_FLAGS_OFFSET,
  PAGE_HEADER_BYTES,
  readLmdbMeta,
  readLmdbNumber,
} from "./lmdb-meta.ts";
import { StoreCorruptError } from "./store-corrupt-error.ts";

const BRANCH = 0x01;
const LEAF = 0x02;
const OVERFLOW = 0x04;
const NODE_HEADER_BYTES = 8;
/** Node flag: the value is on overflow pages; the node holds page number, transaction and count. */
const BIG_DATA = 0x01;
const OVERFLOW_POINTER_BYTES = 24;
/** A tree of this depth would have more entries than a disk has bytes. */
const MAX_DEPTH = 16;

export interface LmdbFileReport {
  readonly sizeBytes: number;
  readonly pageSizeBytes: number;
  /** Pages in use, the two meta pages not counted. */
  readonly usedPages: number;
  readonly freePages: number;
  readonly entries: number;
}

type OnEntry = (key: Buffer, value: Buffer) => void;

/**
 * Calls `onEntry` for each entry of the main database, in key order, with copies. Must not run
 * while a process writes to the file.
 * @throws StoreCorruptError naming the first damage found.
 */
export function scanLmdbFile(file: string, onEntry: OnEntry): LmdbFileReport {
  const fd = openSync(file, "r");
  try {
    return new FileScan(file, fd).run(onEntry);
  } finally {
    closeSync(fd);
  }
}

/** What a walk through a tree came across, to be held to what its root claims. */
interface Found {
  branchPages: number;
  leafPages: number;
  overflowPages: number;
  entries: number;
}

class FileScan {
  readonly #file: string;
  readonly #fd: number;
  readonly #sizeBytes: number;
  readonly #meta: LmdbMeta;
  /** One per page that the file has: whether a tree or a free list refers to it. */
  readonly #seen: Uint8Array;
  /** Free pages at the end need not be in the file. */
  #highestFreePage = 0;

  constructor(file: string, fd: number) {
    this.#file = file;
    this.#fd = fd;
    this.#sizeBytes = fstatSync(fd).size;
    const meta = readLmdbMeta((position, length) => this.#tryRead(position, length));
    if (typeof meta === "string") this.#fail(meta);
    this.#meta = meta;
    const pagesInFile = Math.ceil(this.#sizeBytes / meta.pageSizeBytes);
    this.#seen = new Uint8Array(Math.min(meta.lastPage + 1, pagesInFile));
  }

  run(onEntry: OnEntry): LmdbFileReport {
    const { main, free, pageSizeBytes } = this.#meta;
    const freeLists: Buffer[] = [];
    const found = [
      this.#walk(main, this.#inOrder(onEntry)),
      this.#walk(free, (key, list) => {
        this.#checkFreeKey(key);
        freeLists.push(list);
      }),
    ];
    const usedPages = found.reduce(
      (sum, { branchPages, leafPages, overflowPages }) =>
        sum + branchPages + leafPages + overflowPages,
      0,
    );
    const freePages = freeLists.reduce((sum, list) => sum + this.#checkFreeList(list), 0);
    if (this.#meta.lastPage > Math.max(this.#highestFreePage, this.#seen.length - 1))
      this.#fail(`it is truncated: page ${this.#meta.lastPage} is missing`);
    return {
      sizeBytes: this.#sizeBytes,
      pageSizeBytes,
      usedPages,
      freePages,
      entries: main.entries,
    };
  }

  #inOrder(onEntry: OnEntry): OnEntry {
    let last: Buffer | undefined;
    return (key, value) => {
      if (last !== undefined && last.compare(key) >= 0)
        this.#fail(
          `the entries ${last.toString("hex")} and ${key.toString("hex")} are out of order`,
        );
      last = key;
      onEntry(key, value);
    };
  }

  #walk(tree: LmdbTree, onEntry: OnEntry): Found {
    const found: Found = { branchPages: 0, leafPages: 0, overflowPages: 0, entries: 0 };
    if (tree.depth > MAX_DEPTH) this.#fail(`it claims a tree of depth ${tree.depth}`);
    if (tree.root !== undefined) this.#walkPage(tree.root, tree.depth, found, onEntry);
    for (const what of ["branchPages", "leafPages", "overflowPages", "entries"] as const)
      if (found[what] !== tree[what])
        this.#fail(`a tree has ${found[what]} ${what} where ${tree[what]} are recorded`);
    return found;
  }

  #walkPage(number: number, depth: number, found: Found, onEntry: OnEntry): void {
    const { pageSizeBytes } = this.#meta;
    const page = this.#readPages(number, 1, pageSizeBytes, depth > 1 ? BRANCH : LEAF);
    if (depth > 1) found.branchPages++;
    else found.leafPages++;
    const lower = page.readUInt16LE(20);
    const upper = page.readUInt16LE(22);
    if (
      lower === 0 ||
      lower % 2 !== 0 ||
      lower > upper ||
      upper > pageSizeBytes - PAGE_HEADER_BYTES
    )
      this.#fail(`page ${number} has impossible bounds`);
    let filled = PAGE_HEADER_BYTES + upper;
    for (let slot = 0; slot < lower / 2; slot++) {
      const offset = page.readUInt16LE(PAGE_HEADER_BYTES + slot * 2) + PAGE_HEADER_BYTES;
      if (offset < PAGE_HEADER_BYTES + upper || offset + NODE_HEADER_BYTES > pageSizeBytes)
        this.#fail(`page ${number} refers to an entry outside of itself`);
      const node = page.subarray(offset);
      const nodeBytes = nodeSizeOf(node, depth > 1);
      if (nodeBytes > node.length) this.#fail(`page ${number} holds an entry that is cut short`);
      filled += nodeBytes + (nodeBytes % 2);
      if (depth === 1) this.#readEntry(node, number, found, onEntry);
      else {
        const child = node.readUInt32LE(0) + node.readUInt16LE(4) * 0x1_0000_0000;
        this.#walkPage(child, depth - 1, found, onEntry);
      }
    }
    // LMDB moves entries by their sizes, and would write outside of the page.
    if (filled !== pageSizeBytes) this.#fail(`page ${number} has gaps between its entries`);
  }

  #readEntry(node: Buffer, number: number, found: Found, onEntry: OnEntry): void {
    const sizeBytes = node.readUInt32LE(0);
    const flags = node.readUInt16LE(4);
    const start = NODE_HEADER_BYTES + node.readUInt16LE(6);
    const isBig = flags === BIG_DATA;
    if (!isBig && flags !== 0) this.#fail(`page ${number} holds an entry of an unknown kind`);
    found.entries++;
    onEntry(
      Buffer.from(node.subarray(NODE_HEADER_BYTES, start)),
      isBig
        ? this.#readOverflow(node.subarray(start), sizeBytes, found)
        : copyOf(node, start, start + sizeBytes),
    );
  }

  #readOverflow(pointer: Buffer, sizeBytes: number, found: Found): Buffer {
    const first = readLmdbNumber(pointer, 0);
    const count = readLmdbNumber(pointer, 16);
    const bytes = this.#readPages(first, count, PAGE_HEADER_BYTES + sizeBytes, OVERFLOW);
    if (
      bytes.readUInt32LE(20) !== count ||
      bytes.readBigUInt64LE(8) !== pointer.readBigUInt64LE(8) ||
      Math.ceil(bytes.length / this.#meta.pageSizeBytes) !== count
    )
      this.#fail(`page ${first} is not the page that its entry refers to`);
    found.overflowPages += count;
    return bytes.subarray(PAGE_HEADER_BYTES);
  }

  /** The first `length` bytes of pages that belong together, their header checked. */
  #readPages(first: number, count: number, length: number, flags: number): Buffer {
    const { lastPage, pageSizeBytes, txnId } = this.#meta;
    if (first < 2 || count < 1 || first + count - 1 > lastPage)
      this.#fail(`it refers to page ${first}, which does not exist`);
    if (first + count > this.#seen.length)
      this.#fail(`it is truncated: page ${first + count - 1} is missing`);
    for (let page = first; page < first + count; page++)
      if (!this.#firstTime(page)) this.#fail(`page ${page} is used twice`);
    const bytes = this.#tryRead(first * pageSizeBytes, length);
    if (bytes === undefined) this.#fail(`it is truncated: a part of page ${first} is missing`);
    if (readLmdbNumber(bytes, 0) !== first || bytes.readUInt16LE(PAGE_FLAGS_OFFSET) !== flags)
      this.#fail(`page ${first} is not the page that is referred to`);
    // LMDB would change a page of a later transaction in place, in memory that it may not write to.
    if (bytes.readBigUInt64LE(8) > txnId) this.#fail(`page ${first} claims to be from the future`);
    return bytes;
  }

  #checkFreeKey(key: Buffer): void {
    if (
      key.length !== 8 ||
      key.readBigUInt64LE(0) === 0n ||
      key.readBigUInt64LE(0) > this.#meta.txnId
    )
      this.#fail("a list of free pages belongs to no transaction");
  }

  /** A list holds its length, then page numbers; a negative number before one makes it a run. */
  #checkFreeList(list: Buffer): number {
    const length = list.length < 8 ? Infinity : readLmdbNumber(list, 0);
    if ((length + 1) * 8 > list.length) this.#fail("a list of free pages is cut short");
    let free = 0;
    let run = 1;
    for (let index = 1; index <= length; index++) {
      const value = Number(list.readBigInt64LE(index * 8));
      if (value < 0) run = -value;
      if (value <= 0) continue;
      if (value < 2 || value + run - 1 > this.#meta.lastPage)
        this.#fail(`page ${value} is free, but does not exist`);
      for (let page = value; page < Math.min(value + run, this.#seen.length); page++)
        if (!this.#firstTime(page)) this.#fail(`page ${page} is free twice, or free and in use`);
      this.#highestFreePage = Math.max(this.#highestFreePage, value + run - 1);
      free += run;
      run = 1;
    }
    return free;
  }

  #firstTime(page: number): boolean {
    if (this.#seen[page] !== 0) return false;
    this.#seen[page] = 1;
    return true;
  }

  #tryRead(position: number, length: number): Buffer | undefined {
    if (position + length > this.#sizeBytes) return undefined;
    const bytes = Buffer.allocUnsafeSlow(length);
    return readSync(this.#fd, bytes, 0, length, position) === length ? bytes : undefined;
  }

  #fail(damage: string): never {
    throw new StoreCorruptError(this.#file, damage);
  }
}

/** Header, key, and in a leaf the value or the pointer to it. */
function nodeSizeOf(node: Buffer, inBranch: boolean): number {
  const keyEnd = NODE_HEADER_BYTES + node.readUInt16LE(6);
  if (inBranch) return keyEnd;
  const isBig = (node.readUInt16LE(4) & BIG_DATA) !== 0;
  return keyEnd + (isBig ? OVERFLOW_POINTER_BYTES : node.readUInt32LE(0));
}

/** Not in a shared slab, and without the rest of its page: the copy may be kept for long. */
function copyOf(bytes: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(end - start);
  bytes.copy(copy, 0, start, end);
  return copy;
}
