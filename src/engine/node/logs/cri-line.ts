/**
 * The format of a container log file, that of the CRI: `<RFC3339Nano> stdout|stderr F|P <content>`.
 * `F` ends a line, `P` is a part of a line that goes on (or the unfinished end of the output).
 */
export type LogStream = "stdout" | "stderr";

export interface LogLine {
  /** RFC 3339 with nanoseconds. */
  readonly time: string;
  readonly stream: LogStream;
  readonly partial: boolean;
  /** Without the line feed. */
  readonly content: Buffer;
}

/** Longest content of one entry, as in containerd: longer lines become several `P` entries. */
export const MAX_ENTRY_BYTES = 16 * 1024;

const LINE_FEED = 0x0a;
const LINE_FEED_BYTES = Buffer.of(LINE_FEED);

/** `2026-01-02T03:04:05.678000000Z`. Fixed width, so that times compare as text. */
export function logTime(nowMs: number): string {
  return new Date(nowMs).toISOString().replace("Z", "000000Z");
}

/** Splits raw output into entries. `consumedBytes` ends after the last entry; the rest needs more output, unless `atEnd`. */
export function encodeOutput(
  raw: Buffer,
  options: { readonly time: string; readonly stream: LogStream; readonly atEnd: boolean },
): { readonly entries: Buffer[]; readonly consumedBytes: number } {
  const full = Buffer.from(`${options.time} ${options.stream} F `);
  const partial = Buffer.from(`${options.time} ${options.stream} P `);
  const entries: Buffer[] = [];
  let start = 0;
  while (start < raw.length) {
    const lineFeed = raw.indexOf(LINE_FEED, start);
    const lineEnd = lineFeed < 0 ? raw.length : lineFeed;
    if (lineEnd - start > MAX_ENTRY_BYTES) {
      entries.push(partial, raw.subarray(start, start + MAX_ENTRY_BYTES), LINE_FEED_BYTES);
      start += MAX_ENTRY_BYTES;
    } else if (lineFeed >= 0) {
      entries.push(full, raw.subarray(start, lineFeed + 1));
      start = lineFeed + 1;
    } else if (options.atEnd) {
      entries.push(partial, raw.subarray(start), LINE_FEED_BYTES);
      start = raw.length;
    } else break;
  }
  return { entries, consumedBytes: start };
}

/** The inverse for one entry (without its line feed); undefined when it is damaged. */
export function parseEntry(entry: Buffer): LogLine | undefined {
  const afterTime = entry.indexOf(0x20);
  const afterStream = entry.indexOf(0x20, afterTime + 1);
  const afterTag = entry.indexOf(0x20, afterStream + 1);
  if (afterTime < 0 || afterStream < 0 || afterTag < 0) return undefined;
  const stream = entry.toString("latin1", afterTime + 1, afterStream);
  const tag = entry.toString("latin1", afterStream + 1, afterTag);
  if ((stream !== "stdout" && stream !== "stderr") || (tag !== "F" && tag !== "P"))
    return undefined;
  return {
    time: entry.toString("latin1", 0, afterTime),
    stream,
    partial: tag === "P",
    content: entry.subarray(afterTag + 1),
  };
}
