/** The database file is not what was written: the store refuses to open rather than serve it. */
export class StoreCorruptError extends Error {
  override readonly name = "StoreCorruptError";
  readonly file: string;
  readonly damage: string;

  constructor(file: string, damage: string) {
    super(
      `the database file ${file} is damaged: ${damage}. Nothing was changed. Restore the file ` +
        "from a backup, or move it away to start empty: what is in Git is applied again by itself",
    );
    this.file = file;
    this.damage = damage;
  }
}
