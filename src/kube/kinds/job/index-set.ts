/** Completion indexes as Job status writes them: `0,2-5,7`, in order and without overlap. */
export class IndexRangeError extends Error {
  override readonly name = "IndexRangeError";
}

const RANGE = /^(\d{1,10})(?:-(\d{1,10}))?$/;

export class IndexSet {
  readonly #members: ReadonlySet<number>;

  constructor(members: Iterable<number> = []) {
    this.#members = new Set(members);
  }

  /** @throws IndexRangeError for texts that are no ranges, or that reach `limit` or beyond */
  static parse(text: string | undefined, limit: number): IndexSet {
    const members = new Set<number>();
    let last = -1;
    for (const part of text === undefined || text === "" ? [] : text.split(",")) {
      const [, first, end = first] = RANGE.exec(part) ?? [];
      if (first === undefined || end === undefined)
        throw new IndexRangeError(`${JSON.stringify(part)} is no index and no range of indexes`);
      const [from, to] = [Number(first), Number(end)];
      if (from <= last || to < from)
        throw new IndexRangeError("indexes must be in increasing order");
      if (to >= limit)
        throw new IndexRangeError(`index ${to} is not below the completions, ${limit}`);
      for (let index = from; index <= to; index++) members.add(index);
      last = to;
    }
    return new IndexSet(members);
  }

  /** As {@link parse}; what cannot be read, in a status that somebody edited, counts as empty. */
  static read(text: string | undefined, limit: number): IndexSet {
    try {
      return IndexSet.parse(text, limit);
    } catch (error) {
      if (error instanceof IndexRangeError) return new IndexSet();
      throw error;
    }
  }

  get size(): number {
    return this.#members.size;
  }

  has(index: number): boolean {
    return this.#members.has(index);
  }

  /** How many of the others are here, too. */
  sizeWithin(others: IndexSet): number {
    let size = 0;
    for (const index of this.#members) if (others.has(index)) size++;
    return size;
  }

  with(indexes: Iterable<number>): IndexSet {
    return new IndexSet([...this.#members, ...indexes]);
  }

  toString(): string {
    const parts: string[] = [];
    const sorted = [...this.#members].sort((a, b) => a - b);
    for (let at = 0; at < sorted.length; ) {
      let end = at;
      while (sorted[end + 1] === (sorted[end] ?? 0) + 1) end++;
      // Two neighbours are written one by one, as upstream does.
      if (end - at < 2) for (let each = at; each <= end; each++) parts.push(String(sorted[each]));
      else parts.push(`${sorted[at]}-${sorted[end]}`);
      at = end + 1;
    }
    return parts.join(",");
  }
}
