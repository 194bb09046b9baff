/** "Did you mean …?": the known name that is closest to a mistyped one. */

/** Names longer than this are not typed by hand; comparing them would only cost time. */
const MAX_LENGTH = 64;
/** More candidates than this (a ref list, say) are cut: a suggestion is a courtesy. */
const MAX_CANDIDATES = 5_000;

/**
 * The closest of `known`, or undefined when none is close: at most a third of the letters may
 * differ, where a swap of neighbours or a difference in case counts as one or none.
 */
export function nearestName(typed: string, known: Iterable<string>): string | undefined {
  if (typed === "" || typed.length > MAX_LENGTH) return undefined;
  const lower = typed.toLowerCase();
  let limit = Math.max(1, Math.floor(typed.length / 3));
  let best: string | undefined;
  let seen = 0;
  for (const name of known) {
    if (name === typed || ++seen > MAX_CANDIDATES) continue;
    if (Math.abs(name.length - typed.length) > limit) continue;
    const distance = editDistance(lower, name.toLowerCase(), limit);
    if (distance > limit || (distance === limit && best !== undefined)) continue;
    best = name;
    limit = distance;
    if (distance === 0) break;
  }
  return best;
}

/** Optimal string alignment distance; anything above `limit` is reported as `limit + 1`. */
function editDistance(a: string, b: string, limit: number): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    let smallest = i;
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(
        (previous[j] ?? 0) + 1,
        (current[j - 1] ?? 0) + 1,
        (previous[j - 1] ?? 0) + (same ? 0 : 1),
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (beforePrevious[j - 2] ?? 0) + 1);
      current.push(cost);
      smallest = Math.min(smallest, cost);
    }
    if (smallest > limit) return limit + 1;
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length] ?? limit + 1;
}
