/** Follows the raw output of a running container from a certain point on, byte by byte. */
import { open } from "node:fs/promises";

const CHUNK_BYTES = 64 * 1024;

export interface RawOutput {
  readonly path: string;
  /** Everything before was given back to the file system and reads as zeros. */
  readonly freedBytes: () => number;
  /** Nothing more will be written. */
  readonly hasEnded: () => boolean;
  /** Resolves when either may have changed, or the reader's signal aborts. */
  readonly changed: () => Promise<void>;
}

/** A reader that is slower than the log by megabytes misses what is no longer there. */
export async function* followRaw(
  source: RawOutput,
  fromBytes: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const file = await open(source.path, "r");
  let offset = fromBytes;
  try {
    while (!signal.aborted) {
      // Both before reading: what comes meanwhile is then not missed.
      const isLast = source.hasEnded();
      const changed = source.changed();
      offset = Math.max(offset, source.freedBytes());
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES, offset);
      if (source.freedBytes() > offset) continue;
      if (bytesRead > 0) {
        offset += bytesRead;
        yield chunk.subarray(0, bytesRead);
      } else if (isLast) return;
      else await changed;
    }
  } finally {
    await file.close();
  }
}
