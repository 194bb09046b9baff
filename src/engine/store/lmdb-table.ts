/**
 * What is in the database file, one LMDB table: `h` → header, `o` + generation → the owner,
 * `r` + revision → record. Records come last, so that a new one is always appended.
 */
import { crc32 } from "node:zlib";
import { decodeRecord } from "./record-codec.ts";
import type { LogRecord } from "./revision-log.ts";
import { StoreCorruptError } from "./store-corrupt-error.ts";

/** Raised when the layout changes in a way that this version's code would misread. */
export const TABLE_FORMAT = 1;

export interface TableHeader {
  readonly format: number;
  readonly compactedRevision: number;
  /** Counts how often the database was opened for writing: see {@link ownerKey}. */
  readonly generation: number;
}

/** All that was written, in revision order. */
export interface TableContent {
  readonly header: TableHeader;
  readonly records: readonly LogRecord[];
}

export const headerKey = Buffer.from("h");
const RECORD_PREFIX = "r";

/**
 * Every commit requires that the owner key of the next generation does not exist. Should another
 * process open the database although this one has the lock (the lock file deleted by hand, a
 * volume shared between containers), then this one stops writing instead of mixing with it.
 */
export function ownerKey(generation: number): Buffer {
  return Buffer.from(`o${generation}`);
}

export function recordKey(revision: number): Buffer {
  const key = Buffer.allocUnsafe(RECORD_PREFIX.length + 8);
  key.write(RECORD_PREFIX);
  key.writeBigUInt64BE(BigInt(revision), RECORD_PREFIX.length);
  return key;
}

export function encodeHeader(header: TableHeader): Buffer {
  const json = JSON.stringify(header);
  return Buffer.from(`${crc32(json)} ${json}`);
}

/**
 * Keeps views of the given values: they must be private to the caller.
 * @throws StoreCorruptError naming `file` and the first entry that is not as it was written.
 */
export function decodeTable(
  entries: Iterable<{ readonly key: Buffer; readonly value: Buffer }>,
  file: string,
): TableContent {
  let header: TableHeader | undefined;
  const records: LogRecord[] = [];
  for (const { key, value } of entries) {
    if (key.equals(headerKey)) header = decodeHeader(value);
    else if (key.toString("latin1", 0, 1) === RECORD_PREFIX) {
      const revision = Number(key.readBigUInt64BE(RECORD_PREFIX.length));
      const record = decodeRecord(value, revision);
      if (typeof record === "string")
        throw new StoreCorruptError(file, `the record of revision ${revision}: ${record}`);
      records.push(record);
    }
  }
  if (header === undefined)
    throw new StoreCorruptError(file, "its header is missing or its checksum does not match");
  if (header.format !== TABLE_FORMAT)
    throw new StoreCorruptError(
      file,
      `it has format ${header.format}, and this version of Gantry reads ${TABLE_FORMAT}`,
    );
  return { header, records };
}

function decodeHeader(value: Buffer): TableHeader | undefined {
  const text = value.toString("utf8");
  const space = text.indexOf(" ");
  const json = text.slice(space + 1);
  return text.slice(0, space) === String(crc32(json))
    ? (JSON.parse(json) as TableHeader)
    : undefined;
}
