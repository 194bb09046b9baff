/** A store without a disk: for tests, and for servers whose state may vanish with the process. */
import { emptyLog, MvccStore, type MvccStoreOptions } from "./mvcc-store.ts";
import { noLog } from "./revision-log.ts";

export class MemoryStore extends MvccStore {
  constructor(options: MvccStoreOptions = {}) {
    super(noLog, emptyLog, options);
  }
}
