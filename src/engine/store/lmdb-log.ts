/**
 * The durable log on LMDB: one table in one file, `r` + revision → record, beside a header.
 *
 * A commit is one LMDB transaction, run on libuv's threads; its promise resolves after the file
 * was synced (`overlappingSync` off), so acknowledged means durable. Only one commit is ever under
 * way. The table is rebuilt into memory when opened and never read again until verified.
 */
import { chmodSync, closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import { open, type RootDatabase } from "lmdb";
import type { Clock } from "../../client/clock.ts";
import { checkLmdbFile } from "./lmdb-file-check.ts";
import { decodeRecord, encodeRecord } from "./record-codec.ts";
import type { LogCommit, LogRecord, RevisionLog, StoreHealth } from "./revision-log.ts";
import { StoreUnavailableError } from "./store.ts";
import { StoreCorruptError } from "./store-corrupt-error.ts";

export const DATABASE_FILE = "store.mdb";

/** Ordinary objects are 1 to 4 KB: at 4 KiB a page, half of the file would be left empty. */
const PAGE_BYTES = 8192;

/** After the disk was full, this long passes between attempts to write again. */
const RETRY_INTERVAL_MS = 1_000;

const FORMAT = 1;
const HEADER_KEY = Buffer.from("h");
const FIRST_RECORD = Buffer.from("r");
const AFTER_RECORDS = Buffer.from("s");

interface Header {
  readonly format: number;
  readonly compactedRevision: number;
  /** Counts how often the database was opened for writing: see {@link ownerKey}. */
  readonly generation: number;
}

type Database = RootDatabase<Buffer, Buffer>;

/** `full` passes by itself, `failed` only by a restart. */
type State =
  | { readonly kind: "open" | "closed" }
  | { readonly kind: "full"; readonly reason: string; readonly retryAtMs: number }
  | { readonly kind: "failed"; readonly reason: string };

export class LmdbLog implements RevisionLog {
  readonly file: string;
  readonly #database: Database;
  readonly #clock: Clock;
  #header: Header;
  #state: State = { kind: "open" };

  private constructor(file: string, database: Database, header: Header, clock: Clock) {
    this.file = file;
    this.#database = database;
    this.#header = header;
    this.#clock = clock;
  }

  /**
   * Opens the database in `directory` for writing, or makes one. The caller holds the lock.
   * @throws StoreCorruptError
   */
  static async open(directory: string, clock: Clock): Promise<LmdbLog> {
    const file = join(directory, DATABASE_FILE);
    if (existsSync(file)) checkLmdbFile(file);
    else await create(file);
    const database = openDatabase(file, false);
    try {
      const header = takeOver(database, readHeader(database, file));
      return new LmdbLog(file, database, header, clock);
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  get compactedRevision(): number {
    return this.#header.compactedRevision;
  }

  /** Every durable revision, in order. Must be read to the end within one turn. */
  records(): Iterable<LogRecord> {
    return readRecords(this.#database, this.file);
  }

  async commit(commit: LogCommit): Promise<void> {
    if (this.#state.kind === "full") this.#retry();
    if (this.#state.kind !== "open") throw new StoreUnavailableError(this.#reason());
    const header =
      commit.compactedRevision === undefined
        ? this.#header
        : { ...this.#header, compactedRevision: commit.compactedRevision };
    try {
      await this.#transaction(commit, header);
    } catch (error) {
      this.#state = stateAfter(await causeOf(error), this.#clock.now(), this.file);
      throw new StoreUnavailableError(this.#reason(), { cause: error });
    }
    this.#header = header;
  }

  health(): StoreHealth {
    if (this.#state.kind === "full") this.#retry();
    return this.#state.kind === "open"
      ? { writable: true }
      : { writable: false, reason: this.#reason() };
  }

  async close(): Promise<void> {
    if (this.#state.kind === "closed") return;
    this.#state = { kind: "closed" };
    await this.#database.close();
  }

  async #transaction(commit: LogCommit, header: Header): Promise<void> {
    const database = this.#database;
    const operations: Promise<boolean>[] = [];
    const done = database.ifNoExists(ownerKey(header.generation + 1), () => {
      if (header !== this.#header) operations.push(database.put(HEADER_KEY, encodeHeader(header)));
      for (const revision of commit.remove) operations.push(database.remove(recordKey(revision)));
      // Keys only grow: appending fills pages to the brim instead of splitting them in halves.
      for (const { current, ...event } of commit.append)
        operations.push(
          database.put(
            recordKey(event.revision),
            encodeRecord({ ...event, json: current.json }),
            // @ts-expect-error The declared overloads know flags for putSync only.
            { append: true },
          ),
        );
    });
    // They fail together with the transaction, and only its own promise is looked at.
    for (const operation of operations) operation.catch(() => {});
    if (!(await done)) throw new Error(takenOverMessage(this.file));
  }

  /**
   * After a full disk the next transaction is a small synchronous one: should LMDB have given up
   * for good, this says so, where an asynchronous one would never settle.
   */
  #retry(): void {
    if (this.#state.kind !== "full" || this.#clock.now() < this.#state.retryAtMs) return;
    try {
      this.#database.transactionSync(() => {
        if (this.#database.doesExist(ownerKey(this.#header.generation + 1)))
          throw new Error(takenOverMessage(this.file));
        this.#database.putSync(HEADER_KEY, encodeHeader(this.#header));
      });
      this.#state = { kind: "open" };
    } catch (error) {
      this.#state = stateAfter(error, this.#clock.now(), this.file);
    }
  }

  #reason(): string {
    return "reason" in this.#state ? this.#state.reason : "the store is closed";
  }
}

/** Reads a database that another process may be writing to. Changes nothing. */
export async function readLmdbLog<T>(
  directory: string,
  read: (records: Iterable<LogRecord>, compactedRevision: number) => T,
): Promise<T> {
  const file = join(directory, DATABASE_FILE);
  const database = openDatabase(file, true);
  try {
    const { compactedRevision } = readHeader(database, file);
    return read(readRecords(database, file), compactedRevision);
  } finally {
    await database.close();
  }
}

/** Made aside and renamed, so that a file under the final name is always a whole database. */
async function create(file: string): Promise<void> {
  const draft = `${file}.new`;
  for (const leftover of [draft, `${draft}-lock`]) rmSync(leftover, { force: true });
  const database = openDatabase(draft, false);
  const header: Header = { format: FORMAT, compactedRevision: 1, generation: 0 };
  database.transactionSync(() => database.putSync(HEADER_KEY, encodeHeader(header)));
  await database.close();
  chmodSync(draft, 0o600);
  rmSync(`${draft}-lock`, { force: true });
  renameSync(draft, file);
  syncDirectory(dirname(file));
}

function openDatabase(file: string, readOnly: boolean): Database {
  return open<Buffer, Buffer>({
    path: file,
    noSubdir: true,
    readOnly,
    keyEncoding: "binary",
    encoding: "binary",
    pageSize: PAGE_BYTES,
    maxDbs: 0,
    overlappingSync: false,
    eventTurnBatching: false,
  });
}

/**
 * Every commit requires that the owner key of the next generation does not exist. Should another
 * process open the database although this one has the lock (the lock file deleted by hand, a
 * volume shared between containers), then this one stops writing instead of mixing with it.
 */
function takeOver(database: Database, previous: Header): Header {
  const header = { ...previous, generation: previous.generation + 1 };
  database.transactionSync(() => {
    database.removeSync(ownerKey(previous.generation));
    database.putSync(ownerKey(header.generation), Buffer.from([1]));
    database.putSync(HEADER_KEY, encodeHeader(header));
  });
  return header;
}

function takenOverMessage(file: string): string {
  return `another process has opened ${file} and took it over`;
}

function ownerKey(generation: number): Buffer {
  return Buffer.from(`o${generation}`);
}

function recordKey(revision: number): Buffer {
  const key = Buffer.allocUnsafe(FIRST_RECORD.length + 8);
  FIRST_RECORD.copy(key);
  key.writeBigUInt64BE(BigInt(revision), FIRST_RECORD.length);
  return key;
}

function* readRecords(database: Database, file: string): Iterable<LogRecord> {
  for (const { key, value } of database.getRange({ start: FIRST_RECORD, end: AFTER_RECORDS })) {
    const revision = Number(key.readBigUInt64BE(FIRST_RECORD.length));
    const record = decodeRecord(value, revision);
    if (typeof record === "string")
      throw new StoreCorruptError(file, `the record of revision ${revision}: ${record}`);
    yield record;
  }
}

function encodeHeader(header: Header): Buffer {
  const json = JSON.stringify(header);
  return Buffer.from(`${crc32(json)} ${json}`);
}

function readHeader(database: Database, file: string): Header {
  const [checksum, json] = database.get(HEADER_KEY)?.toString("utf8").split(" ") ?? [];
  if (json === undefined || checksum !== String(crc32(json)))
    throw new StoreCorruptError(file, "its header is missing or its checksum does not match");
  const header = JSON.parse(json) as Header;
  if (header.format !== FORMAT)
    throw new StoreCorruptError(
      file,
      `it has format ${header.format}, and this version of Gantry reads ${FORMAT}`,
    );
  return header;
}

/** lmdb-js rejects with a summary that carries a second promise, rejected with the real error. */
async function causeOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !("commitError" in error)) return error;
  try {
    return await error.commitError;
  } catch (cause) {
    return cause;
  }
}

/** POSIX: no space left on device, disk quota exceeded. Nothing else passes by itself. */
const DISK_FULL = /ENOSPC|EDQUOT|no space left|quota exceeded/i;

function stateAfter(error: unknown, nowMs: number, file: string): State {
  const message = error instanceof Error ? error.message : String(error);
  if (DISK_FULL.test(message))
    return {
      kind: "full",
      reason: `the disk that holds ${basename(file)} is full (${message}): free some space in ${dirname(file)}, writing then goes on by itself`,
      retryAtMs: nowMs + RETRY_INTERVAL_MS,
    };
  // After a failed sync the kernel reports success for data that it has dropped: only what can be
  // read back after a restart is known to be there.
  return {
    kind: "failed",
    reason: `writing to ${file} failed (${message}): check the disk, then restart`,
  };
}

function syncDirectory(directory: string): void {
  if (process.platform === "win32") return;
  const fd = openSync(directory, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
