/** The store of a real server: state in memory, made durable by LMDB in a directory of its own. */
import { systemClock } from "../../client/clock.ts";
import { type DirectoryLock, lockDataDirectory } from "./data-directory.ts";
import { diskFullMessage, saysDiskFull } from "./disk-space.ts";
import { databaseFile } from "./lmdb-database.ts";
import { LmdbLog } from "./lmdb-log.ts";
import type { TableContent } from "./lmdb-table.ts";
import { MvccStore, type MvccStoreOptions, type ReplayedLog } from "./mvcc-store.ts";
import { replay } from "./replay.ts";
import { StoreUnavailableError } from "./store.ts";

export interface LmdbStoreOptions extends MvccStoreOptions {
  /** Created with mode 0700 if need be, and locked while the store is open. */
  readonly directory: string;
}

export class LmdbStore extends MvccStore {
  readonly directory: string;
  readonly #lock: DirectoryLock;
  readonly #log: LmdbLog;

  private constructor(
    options: LmdbStoreOptions,
    lock: DirectoryLock,
    log: LmdbLog,
    replayed: ReplayedLog,
  ) {
    super(log, replayed, options);
    this.directory = options.directory;
    this.#lock = lock;
    this.#log = log;
  }

  /**
   * Opens the store in a directory, or makes one.
   * @throws DataDirectoryLockedError when another live process has it.
   * @throws StoreCorruptError when the file is damaged; nothing is changed then.
   * @throws StoreUnavailableError when the disk is too full even to start.
   */
  static async open(options: LmdbStoreOptions): Promise<LmdbStore> {
    const { directory, clock = systemClock } = options;
    let lock: DirectoryLock | undefined;
    let log: LmdbLog | undefined;
    try {
      lock = lockDataDirectory(directory);
      const opened = await LmdbLog.open(directory, clock);
      log = opened.log;
      const { header, records } = opened.content;
      return new LmdbStore(options, lock, log, replay(records, header.compactedRevision));
    } catch (error) {
      await log?.close();
      lock?.release();
      if (!saysDiskFull(error)) throw error;
      const message = diskFullMessage(databaseFile(directory), directory);
      throw new StoreUnavailableError(`${message}, then start again`, { cause: error });
    }
  }

  /** What the disk holds. To be compared with memory only while no commit is under way. */
  durableContent(): TableContent {
    return this.#log.content();
  }

  override async close(): Promise<void> {
    await super.close();
    this.#lock.release();
  }
}
