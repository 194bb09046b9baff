/**
 * The newest slice revision that is in effect: all changes up to it were taken over, and the
 * listeners that they call for are up. Later changes do not wait for listeners of earlier ones
 * longer than they must, and one slow listener delays only what came after it.
 */
export class AppliedRevision {
  readonly #onChange: (revision: number) => void;
  /** Work under way, oldest first, with the revision that was current when it began. */
  readonly #pending = new Map<Promise<unknown>, number>();
  #seen = 0;
  #told = 0;

  constructor(onChange: (revision: number) => void) {
    this.#onChange = onChange;
  }

  /** A change of this revision was taken over, but for tracked work. */
  take(revision: number): void {
    this.#seen = Math.max(this.#seen, revision);
    this.#tell();
  }

  /** Work that belongs to the change that is being taken over. It must not reject. */
  track(work: Promise<unknown>): void {
    this.#pending.set(work, this.#seen);
    const settle = (): void => {
      this.#pending.delete(work);
      this.#tell();
    };
    void work.then(settle, settle);
  }

  async settled(): Promise<void> {
    await Promise.allSettled(this.#pending.keys());
  }

  #tell(): void {
    let revision = this.#seen;
    for (const before of this.#pending.values()) {
      revision = before;
      break;
    }
    if (revision <= this.#told) return;
    this.#told = revision;
    this.#onChange(revision);
  }
}
