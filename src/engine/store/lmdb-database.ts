/** Opening, creating and reading the LMDB file. */
import { chmodSync, closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { open, type RootDatabase } from "lmdb";
import { scanLmdbFile } from "./lmdb-file-scan.ts";
import {
  decodeTable,
  encodeHeader,
  headerKey,
  ownerKey,
  TABLE_FORMAT,
  type TableContent,
  type TableHeader,
} from "./lmdb-table.ts";

/** lmdb-js takes flags in asynchronous writes too, but declares them for synchronous ones only. */
interface AppendingWrites {
  put(key: Buffer, value: Buffer, options: { readonly append: true }): Promise<boolean>;
}
export type LmdbDatabase = RootDatabase<Buffer, Buffer> & AppendingWrites;

/** Ordinary objects are 1 to 4 KB: at 4 KiB a page, half of the file would be left empty. */
const PAGE_BYTES = 8192;

export function databaseFile(directory: string): string {
  return join(directory, "store.mdb");
}

/**
 * Opens the database in `directory` for writing, or makes one, and returns what is in it. The
 * content is read from the file, not through LMDB's memory map: so damage is found before LMDB
 * can stumble over it, and the pages read do not count as this process's memory ever after.
 * The caller holds the directory's lock.
 * @throws StoreCorruptError
 */
export async function openForWriting(
  directory: string,
): Promise<TableContent & { readonly database: LmdbDatabase }> {
  const file = databaseFile(directory);
  if (!existsSync(file)) await create(file);
  const entries: { key: Buffer; value: Buffer }[] = [];
  scanLmdbFile(file, (key, value) => entries.push({ key, value }));
  const { header: previous, records } = decodeTable(entries, file);
  const header = { ...previous, generation: previous.generation + 1 };
  const database = await openAndWrite(file, (opened) => {
    opened.removeSync(ownerKey(previous.generation));
    opened.putSync(ownerKey(header.generation), Buffer.from([1]));
    opened.putSync(headerKey, encodeHeader(header));
  });
  return { database, header, records };
}

/** Reads the content through LMDB, as of the last commit. The file may be in use elsewhere. */
export async function readDatabase(directory: string): Promise<TableContent> {
  const file = databaseFile(directory);
  const database = openFile(file, true);
  try {
    return contentOf(database, file);
  } finally {
    await database.close();
  }
}

/** Everything, as of the last commit of this process. */
export function contentOf(database: LmdbDatabase, file: string): TableContent {
  return decodeTable(database.getRange(), file);
}

/** Made aside and renamed, so that a file under the final name is always a whole database. */
async function create(file: string): Promise<void> {
  const draft = `${file}.new`;
  for (const leftover of [draft, `${draft}-lock`]) rmSync(leftover, { force: true });
  const header: TableHeader = { format: TABLE_FORMAT, compactedRevision: 1, generation: 0 };
  const database = await openAndWrite(draft, (opened) =>
    opened.putSync(headerKey, encodeHeader(header)),
  );
  await database.close();
  rmSync(`${draft}-lock`, { force: true });
  chmodSync(draft, 0o600);
  renameSync(draft, file);
  syncDirectory(dirname(file));
}

async function openAndWrite(
  file: string,
  write: (database: LmdbDatabase) => void,
): Promise<LmdbDatabase> {
  const database = openFile(file, false);
  try {
    database.transactionSync(() => write(database));
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}

function openFile(path: string, readOnly: boolean): LmdbDatabase {
  return open<Buffer, Buffer>({
    path,
    noSubdir: true,
    readOnly,
    keyEncoding: "binary",
    encoding: "binary",
    pageSize: PAGE_BYTES,
    maxDbs: 0,
    // A commit's promise then resolves only after the file was synced.
    overlappingSync: false,
    eventTurnBatching: false,
  }) as LmdbDatabase;
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
