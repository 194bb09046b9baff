/**
 * Finds selectors that may match a set of labels without asking each: every one is filed under a
 * single label pair that it demands, if it demands one.
 */
import type { Labels, Selector } from "../../../kube/label-selector.ts";

export class LabelPairIndex<T> {
  readonly #selectorOf: (item: T) => Selector;
  readonly #byPair = new Map<string, Set<T>>();
  readonly #demanding = new Map<T, string>();
  readonly #others = new Set<T>();

  constructor(selectorOf: (item: T) => Selector) {
    this.#selectorOf = selectorOf;
  }

  add(item: T): void {
    const pair = this.#rarest(pairsOf(this.#selectorOf(item)));
    if (pair === undefined) {
      this.#others.add(item);
      return;
    }
    this.#demanding.set(item, pair);
    const filed = this.#byPair.get(pair);
    if (filed === undefined) this.#byPair.set(pair, new Set([item]));
    else filed.add(item);
  }

  delete(item: T): void {
    this.#others.delete(item);
    const pair = this.#demanding.get(item);
    if (pair === undefined) return;
    this.#demanding.delete(item);
    const filed = this.#byPair.get(pair);
    filed?.delete(item);
    if (filed?.size === 0) this.#byPair.delete(pair);
  }

  /** A superset of those whose selector matches. */
  *candidates(labels: Labels): Generator<T> {
    yield* this.#others;
    if (this.#byPair.size === 0) return;
    for (const key in labels) {
      const filed = this.#byPair.get(pairOf(key, labels[key] ?? ""));
      if (filed !== undefined) yield* filed;
    }
  }

  /** Labels that many share tell little. */
  #rarest(pairs: readonly string[]): string | undefined {
    let best: string | undefined;
    let fewest = Infinity;
    for (const pair of pairs) {
      const count = this.#byPair.get(pair)?.size ?? 0;
      if (count < fewest) [best, fewest] = [pair, count];
    }
    return best;
  }
}

const pairOf = (key: string, value: string): string => `${key}=${value}`;

function pairsOf(selector: Selector): string[] {
  if (selector === "nothing") return [];
  return selector.flatMap(({ key, operator, values }) =>
    (operator === "=" || operator === "in") && values.length === 1
      ? [pairOf(key, values[0] ?? "")]
      : [],
  );
}
