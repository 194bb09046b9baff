/**
 * The two meta pages at the start of an LMDB file: commits write them in turn, and the newer one
 * says where the trees are. LMDB puts no checksum on them, so everything that can be is checked.
 *
 * The layout is that of LMDB data version 2 as lmdb-js 3 writes it, on little-endian machines.
 */

/** Of every page: number (8 bytes), transaction (8), padding (2), flags (2), bounds or count (4). */
export const PAGE_HEADER_BYTES = 24;
export const PAGE_FLAGS_OFFSET = 18;

const META_BYTES = 136;
const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
const META_PAGE = 0x08;
/** The trees' flags as the store opens them: integer keys and one file; none for the main one. */
const FREE_TREE_FLAGS = 0x4008;
const MAIN_TREE_FLAGS = 0;
/** More than any file could need: LMDB would fail to reserve it. */
const MAX_MAP_BYTES = 2n ** 44n;
const NO_PAGE = 0xffff_ffff_ffff_ffffn;

export interface LmdbTree {
  readonly depth: number;
  readonly branchPages: number;
  readonly leafPages: number;
  readonly overflowPages: number;
  readonly entries: number;
  /** Undefined when empty. */
  readonly root: number | undefined;
}

export interface LmdbMeta {
  readonly pageSizeBytes: number;
  readonly txnId: bigint;
  /** The file may be shorter, if the pages at the end are free. */
  readonly lastPage: number;
  readonly free: LmdbTree;
  readonly main: LmdbTree;
}

/** The newer of both, or what is wrong. `read` gives undefined beyond the end of the file. */
export function readLmdbMeta(
  read: (position: number, length: number) => Buffer | undefined,
): LmdbMeta | string {
  const first = readOne(read(0, PAGE_HEADER_BYTES + META_BYTES), 0);
  if (typeof first === "string") return first;
  const second = readOne(read(first.pageSizeBytes, PAGE_HEADER_BYTES + META_BYTES), 1);
  if (typeof second === "string") return second;
  // Transaction n is in page n modulo 2, the one before it in the other; a new file has 0 in both.
  const newer = first.txnId >= second.txnId ? first : second;
  const older = newer === first ? second : first;
  const isNew = newer.txnId === 0n && older.txnId === 0n;
  const isPair = newer.txnId === older.txnId + 1n && first.txnId % 2n === 0n;
  if (!isNew && !isPair) return "its two meta pages contradict each other";
  return newer;
}

function readOne(page: Buffer | undefined, index: 0 | 1): LmdbMeta | string {
  const name = `meta page ${index}`;
  if (page === undefined) return `it is truncated: ${name} is missing`;
  const meta = page.subarray(PAGE_HEADER_BYTES);
  if (meta.readUInt32LE(0) !== MAGIC || (page.readUInt16LE(PAGE_FLAGS_OFFSET) & META_PAGE) === 0)
    return `${name} is not one: this is no LMDB file, or its start is overwritten`;
  const version = meta.readUInt32LE(4) & 0xffff;
  if (version !== DATA_VERSION)
    return `its format is version ${version}, this program reads ${DATA_VERSION}`;
  // The page size is kept where the free list's tree has a field to spare.
  const pageSizeBytes = meta.readUInt32LE(24);
  if (pageSizeBytes < 512 || pageSizeBytes > 65536 || (pageSizeBytes & (pageSizeBytes - 1)) !== 0)
    return `it claims pages of ${pageSizeBytes} bytes`;
  if (
    meta.readBigUInt64LE(8) !== 0n ||
    meta.readBigUInt64LE(16) > MAX_MAP_BYTES ||
    meta.readUInt16LE(28) !== FREE_TREE_FLAGS ||
    meta.readUInt16LE(76) !== MAIN_TREE_FLAGS
  )
    return `${name} asks for what the store never does`;
  return {
    pageSizeBytes,
    free: readTree(meta.subarray(24, 72)),
    main: readTree(meta.subarray(72, 120)),
    lastPage: readLmdbNumber(meta, 120),
    txnId: meta.readBigUInt64LE(128),
  };
}

function readTree(bytes: Buffer): LmdbTree {
  return {
    depth: bytes.readUInt16LE(6),
    branchPages: readLmdbNumber(bytes, 8),
    leafPages: readLmdbNumber(bytes, 16),
    overflowPages: readLmdbNumber(bytes, 24),
    entries: readLmdbNumber(bytes, 32),
    root: bytes.readBigUInt64LE(40) === NO_PAGE ? undefined : readLmdbNumber(bytes, 40),
  };
}

/** Numbers above 2^53 lose digits: they are beyond any bound that they are held to. */
export function readLmdbNumber(bytes: Buffer, offset: number): number {
  return bytes.readUInt32LE(offset) + bytes.readUInt32LE(offset + 4) * 0x1_0000_0000;
}
