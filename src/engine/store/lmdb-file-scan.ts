/**
 * Reads an LMDB data file without LMDB, checking that every page that can be reached is there and
 * well formed. LMDB maps the file into memory and trusts it: a truncated or damaged file would end
 * the process with a signal instead of an error.
 *
 * The layout is that of LMDB data version 2 as lmdb-js 3 writes it, on little-endian machines:
 * page header 24 bytes, two meta pages, B+ trees of the free list and of the main database.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { StoreCorruptError } from "./store-corrupt-error.ts";

const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
const PAGE_HEADER_BYTES = 24;
const NODE_HEADER_BYTES = 8;
const META_BYTES = 136;
const BRANCH = 0x01;
const LEAF = 0x02;
const OVERFLOW = 0x04;
const META = 0x08;
/** Node flag: the value is on overflow pages; the node holds page number, txn id and page count. */
const BIG_DATA = 0x01;
const OVERFLOW_POINTER_BYTES = 24;
const NO_PAGE = 0xffff_ffff_ffff_ffffn;

interface Tree {
  readonly depth: number;
  readonly entries: number;
  readonly root: bigint;
}

interface Meta {
  readonly txnId: bigint;
  readonly lastPage: number;
  readonly free: Tree;
  readonly main: Tree;
}

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

class FileScan {
  readonly #file: string;
  readonly #fd: number;
  readonly #sizeBytes: number;
  #pageSize = 0;
  #lastPage = 0;
  #txnId = 0n;
  /** One per page: whether a tree refers to it. */
  #used = new Uint8Array(0);
  #usedPages = 0;

  constructor(file: string, fd: number) {
    this.#file = file;
    this.#fd = fd;
    this.#sizeBytes = fstatSync(fd).size;
  }

  run(onEntry: OnEntry): LmdbFileReport {
    const meta = this.#readMetas();
    // A page is used at most once, and none lies behind the end of the file but free ones.
    const pages = Math.min(meta.lastPage + 1, Math.ceil(this.#sizeBytes / this.#pageSize));
    this.#lastPage = meta.lastPage;
    this.#txnId = meta.txnId;
    this.#used = new Uint8Array(pages);
    this.#walk(meta.main, this.#inOrder(onEntry));
    const freeLists: Buffer[] = [];
    this.#walk(meta.free, (_, value) => freeLists.push(value));
    return {
      sizeBytes: this.#sizeBytes,
      pageSizeBytes: this.#pageSize,
      usedPages: this.#usedPages,
      freePages: this.#checkFree(freeLists),
      entries: meta.main.entries,
    };
  }

  #readMetas(): Meta {
    const head = this.#read(0, PAGE_HEADER_BYTES + META_BYTES, "the first meta page");
    this.#checkMetaHeader(head, 0);
    // The page size is kept where the free list's tree has a field to spare.
    this.#pageSize = head.readUInt32LE(PAGE_HEADER_BYTES + 24);
    if (this.#pageSize < 512 || this.#pageSize > 65536 || this.#pageSize & (this.#pageSize - 1))
      this.#fail(`it claims pages of ${this.#pageSize} bytes`);
    const second = this.#read(
      this.#pageSize,
      PAGE_HEADER_BYTES + META_BYTES,
      "the second meta page",
    );
    this.#checkMetaHeader(second, 1);
    const metas = [readMeta(head), readMeta(second)] as const;
    return metas[0].txnId >= metas[1].txnId ? metas[0] : metas[1];
  }

  #checkMetaHeader(page: Buffer, index: number): void {
    const magic = page.readUInt32LE(PAGE_HEADER_BYTES);
    const version = page.readUInt32LE(PAGE_HEADER_BYTES + 4) & 0xffff;
    if (magic !== MAGIC || (page.readUInt16LE(18) & META) === 0)
      this.#fail(
        `meta page ${index} is not one: this is no LMDB file, or its start is overwritten`,
      );
    if (version !== DATA_VERSION)
      this.#fail(`its format is version ${version}, this program reads ${DATA_VERSION}`);
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

  #walk(tree: Tree, onEntry: OnEntry): void {
    if (tree.root === NO_PAGE) {
      if (tree.entries !== 0) this.#fail(`a tree of ${tree.entries} entries has no root`);
      return;
    }
    const entries = this.#walkPage(Number(tree.root), tree.depth, onEntry);
    if (entries !== tree.entries)
      this.#fail(`a tree has ${entries} entries where ${tree.entries} are recorded`);
  }

  #walkPage(number: number, depth: number, onEntry: OnEntry): number {
    this.#claim(number, 1);
    const page = this.#read(number * this.#pageSize, this.#pageSize, `page ${number}`);
    const flags = page.readUInt16LE(18);
    const lower = page.readUInt16LE(20);
    const upper = page.readUInt16LE(22);
    const room = this.#pageSize - PAGE_HEADER_BYTES;
    if (
      readPageNumber(page, 0) !== number ||
      (flags & (BRANCH | LEAF)) !== (depth > 1 ? BRANCH : LEAF)
    )
      this.#fail(`page ${number} is not the page that its tree refers to`);
    // LMDB would change a page of a later transaction in place, in memory that it may not write to.
    if (page.readBigUInt64LE(8) > this.#txnId)
      this.#fail(`page ${number} claims to be from the future`);
    if (lower === 0 || lower % 2 !== 0 || lower > upper || upper > room)
      this.#fail(`page ${number} has impossible bounds`);
    let entries = 0;
    for (let slot = 0; slot < lower / 2; slot++) {
      const offset = page.readUInt16LE(PAGE_HEADER_BYTES + slot * 2) + PAGE_HEADER_BYTES;
      if (offset < PAGE_HEADER_BYTES + lower || offset + NODE_HEADER_BYTES > this.#pageSize)
        this.#fail(`page ${number} refers to an entry outside of itself`);
      const node = page.subarray(offset);
      entries +=
        depth > 1
          ? this.#walkPage(this.#childOf(node, number), depth - 1, onEntry)
          : this.#checkEntry(node, number, onEntry);
    }
    return entries;
  }

  #childOf(node: Buffer, number: number): number {
    if (NODE_HEADER_BYTES + node.readUInt16LE(6) > node.length)
      this.#fail(`page ${number} holds a key that is cut short`);
    return node.readUInt32LE(0) + node.readUInt16LE(4) * 0x1_0000_0000;
  }

  #checkEntry(node: Buffer, number: number, onEntry: OnEntry): number {
    const sizeBytes = node.readUInt32LE(0);
    const start = NODE_HEADER_BYTES + node.readUInt16LE(6);
    const big = (node.readUInt16LE(4) & BIG_DATA) !== 0;
    if (start + (big ? OVERFLOW_POINTER_BYTES : sizeBytes) > node.length)
      this.#fail(`page ${number} holds an entry that is cut short`);
    onEntry(
      Buffer.from(node.subarray(NODE_HEADER_BYTES, start)),
      big ? this.#readOverflow(node, start, sizeBytes) : copyOf(node, start, start + sizeBytes),
    );
    return 1;
  }

  #readOverflow(node: Buffer, start: number, sizeBytes: number): Buffer {
    const first = readPageNumber(node, start);
    const count = readPageNumber(node, start + 16);
    if (sizeBytes + PAGE_HEADER_BYTES > count * this.#pageSize)
      this.#fail(`page ${first} has too few pages for its value`);
    this.#claim(first, count);
    const bytes = this.#read(
      first * this.#pageSize,
      PAGE_HEADER_BYTES + sizeBytes,
      `page ${first} with its value`,
    );
    if (readPageNumber(bytes, 0) !== first || (bytes.readUInt16LE(18) & OVERFLOW) === 0)
      this.#fail(`page ${first} is not the page that its entry refers to`);
    return bytes.subarray(PAGE_HEADER_BYTES);
  }

  /** Free lists hold a count, then page numbers; a negative length before one makes it a run. */
  #checkFree(lists: readonly Buffer[]): number {
    let free = 0;
    for (const list of lists) {
      const length = list.length < 8 ? 0 : readPageNumber(list, 0);
      if ((length + 1) * 8 > list.length) this.#fail("a list of free pages is cut short");
      let run = 1;
      for (let index = 1; index <= length; index++) {
        const value = Number(list.readBigInt64LE(index * 8));
        if (value < 0) run = -value;
        if (value <= 0) continue;
        for (let page = value; page < Math.min(value + run, this.#used.length); page++)
          if (this.#used[page] === 1) this.#fail(`page ${page} is both free and in use`);
        free += run;
        run = 1;
      }
    }
    return free;
  }

  #claim(first: number, count: number): void {
    if (first < 2 || count < 1 || first + count - 1 > this.#lastPage)
      this.#fail(`it refers to page ${first}, which does not exist`);
    if (first + count > this.#used.length)
      this.#fail(
        `it is truncated: page ${first + count - 1} is missing at the end of its ${this.#sizeBytes} bytes`,
      );
    for (let page = first; page < first + count; page++) {
      if (this.#used[page] === 1) this.#fail(`page ${page} is used twice`);
      this.#used[page] = 1;
    }
    this.#usedPages += count;
  }

  #read(position: number, length: number, what: string): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    if (readSync(this.#fd, bytes, 0, length, position) !== length)
      this.#fail(`it is truncated: ${what} is missing at the end of its ${this.#sizeBytes} bytes`);
    return bytes;
  }

  #fail(damage: string): never {
    throw new StoreCorruptError(this.#file, damage);
  }
}

/** Not in a shared slab, and without the rest of its page: the copy may be kept for long. */
function copyOf(bytes: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(end - start);
  bytes.copy(copy, 0, start, end);
  return copy;
}

function readMeta(page: Buffer): Meta {
  const meta = page.subarray(PAGE_HEADER_BYTES);
  return {
    free: readTree(meta.subarray(24, 72)),
    main: readTree(meta.subarray(72, 120)),
    lastPage: readPageNumber(meta, 120),
    txnId: meta.readBigUInt64LE(128),
  };
}

function readTree(bytes: Buffer): Tree {
  return {
    depth: bytes.readUInt16LE(6),
    entries: readPageNumber(bytes, 32),
    root: bytes.readBigUInt64LE(40),
  };
}

/** Numbers above 2^53 lose digits, and are then refused as pages that do not exist. */
function readPageNumber(bytes: Buffer, offset: number): number {
  return bytes.readUInt32LE(offset) + bytes.readUInt32LE(offset + 4) * 0x1_0000_0000;
}
