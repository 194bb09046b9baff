/**
 * The durable log on LMDB. A commit is one LMDB transaction, run on libuv's threads; its promise
 * resolves after the file was synced, so acknowledged means durable. Only one commit is ever under
 * way. The content is read into memory when opened, and never again but to verify it.
 */
import { dirname } from "node:path";
import type { Clock } from "../../client/clock.ts";
import { diskFullMessage, isDiskFull } from "./disk-space.ts";
import { contentOf, databaseFile, type LmdbDatabase, openForWriting } from "./lmdb-database.ts";
import {
  encodeHeader,
  headerKey,
  ownerKey,
  recordKey,
  type TableContent,
  type TableHeader,
} from "./lmdb-table.ts";
import { encodeRecord } from "./record-codec.ts";
import type { LogCommit, RevisionLog, StoreHealth } from "./revision-log.ts";
import { StoreUnavailableError } from "./store.ts";

/** After the disk was full, this long passes between attempts to write again. */
const RETRY_INTERVAL_MS = 1_000;

/** `full` passes by itself, `failed` only by a restart. */
type State =
  | { readonly kind: "open" | "closed" }
  | { readonly kind: "full"; readonly reason: string; readonly retryAtMs: number }
  | { readonly kind: "failed"; readonly reason: string };

export class LmdbLog implements RevisionLog {
  readonly #file: string;
  readonly #database: LmdbDatabase;
  readonly #clock: Clock;
  #header: TableHeader;
  #state: State = { kind: "open" };

  private constructor(file: string, database: LmdbDatabase, header: TableHeader, clock: Clock) {
    this.#file = file;
    this.#database = database;
    this.#header = header;
    this.#clock = clock;
  }

  /**
   * Opens the database in `directory`, or makes one. The caller holds the directory's lock.
   * @throws StoreCorruptError
   */
  static async open(
    directory: string,
    clock: Clock,
  ): Promise<{ readonly log: LmdbLog; readonly content: TableContent }> {
    const { database, ...content } = await openForWriting(directory);
    const log = new LmdbLog(databaseFile(directory), database, content.header, clock);
    return { log, content };
  }

  /** What the disk holds, as of the last commit. */
  content(): TableContent {
    return contentOf(this.#database, this.#file);
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
      this.#state = this.#stateAfter(await causeOf(error), sizeOf(commit));
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

  async #transaction(commit: LogCommit, header: TableHeader): Promise<void> {
    const database = this.#database;
    const operations: Promise<boolean>[] = [];
    const done = database.ifNoExists(ownerKey(header.generation + 1), () => {
      if (header !== this.#header) operations.push(database.put(headerKey, encodeHeader(header)));
      // Keys only grow: appending fills pages to the brim instead of splitting them in halves.
      for (const { current, ...event } of commit.append)
        operations.push(
          database.put(recordKey(event.revision), encodeRecord({ ...event, json: current.json }), {
            append: true,
          }),
        );
      // Last, because a revision of this very commit may be superseded by a later one of it.
      for (const revision of commit.remove) operations.push(database.remove(recordKey(revision)));
    });
    // They fail together with the transaction, and only its own promise is looked at.
    for (const operation of operations) operation.catch(() => {});
    if (!(await done)) throw new Error(takenOverMessage(this.#file));
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
          throw new Error(takenOverMessage(this.#file));
        this.#database.putSync(headerKey, encodeHeader(this.#header));
      });
      this.#state = { kind: "open" };
    } catch (error) {
      this.#state = this.#stateAfter(error, 0);
    }
  }

  #stateAfter(error: unknown, sizeBytes: number): State {
    const file = this.#file;
    if (isDiskFull(error, dirname(file), sizeBytes + MIN_COMMIT_BYTES))
      return {
        kind: "full",
        reason: `${diskFullMessage(file, dirname(file))}, writing then goes on by itself`,
        retryAtMs: this.#clock.now() + RETRY_INTERVAL_MS,
      };
    // After a failed sync the kernel reports success for data that it has dropped: only what can
    // be read back after a restart is known to be there.
    return {
      kind: "failed",
      reason: `writing to ${file} failed (${messageOf(error)}): check the disk, then restart`,
    };
  }

  #reason(): string {
    return "reason" in this.#state ? this.#state.reason : "the store is closed";
  }
}

function takenOverMessage(file: string): string {
  return `another process has opened ${file} and took it over`;
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

/** Pages that the smallest commit may need, with those of the tree above it. */
const MIN_COMMIT_BYTES = 64 * 1024;

function sizeOf({ append }: LogCommit): number {
  return append.reduce((sum, { current }) => sum + current.json.length, 0);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
