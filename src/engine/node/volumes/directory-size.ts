/** How much a directory holds, without ever looking at more of it than can be afforded. */
import { lstat, opendir } from "node:fs/promises";
import { join } from "node:path";

/** A look at this many files takes about a second; what is beyond counts at the next, smaller, need. */
const MAX_ENTRIES = 100_000;
const BLOCK_BYTES = 512;

/**
 * Bytes on disk, as `du` counts them; links are not followed. Ends early once it is more than
 * `enough`, or after {@link MAX_ENTRIES} files: it is then a lower bound.
 */
export async function directorySize(
  directory: string,
  enough: number,
  signal: AbortSignal,
): Promise<number> {
  const pending = [directory];
  const linked = new Set<string>();
  let total = 0;
  let entries = 0;
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const current = next;
    const listing = await opendir(current).catch(() => undefined);
    if (listing === undefined) continue;
    for await (const entry of listing) {
      signal.throwIfAborted();
      const path = join(current, entry.name);
      // Files come and go while they are counted.
      const info = await lstat(path).catch(() => undefined);
      if (info === undefined) continue;
      entries++;
      const id = `${info.dev}:${info.ino}`;
      const isSeen = info.nlink > 1 && !info.isDirectory() && linked.has(id);
      if (info.nlink > 1 && !info.isDirectory()) linked.add(id);
      if (!isSeen) total += info.blocks * BLOCK_BYTES;
      if (total > enough || entries >= MAX_ENTRIES) return total;
      if (info.isDirectory()) pending.push(path);
    }
  }
  return total;
}
