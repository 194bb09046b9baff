/** Reads a container's log with its rotated parts, once or following it as it grows. */
import { type FSWatcher, watch } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import type { LogOptions } from "../../../client/client.ts";
import { type LogLine, parseEntry } from "./cri-line.ts";
import { partPath, rotatedParts } from "./rotated-log.ts";

const CHUNK_BYTES = 64 * 1024;
const LINE_FEED = 0x0a;
/** Where the platform reports no file events, and in case one is lost. */
const FOLLOW_POLL_MS = 500;

export interface LogSource {
  readonly path: string;
  /** Nothing more will be written: asked again after each pass over the files. */
  readonly hasEnded: () => boolean;
  /** Calls back when the answer may have changed. The returned function unsubscribes. */
  readonly onEnd: (listener: () => void) => () => void;
}
export type ReadOptions = Pick<
  LogOptions,
  "follow" | "timestamps" | "sinceTime" | "tailLines" | "limitBytes" | "signal"
>;

/** The output as `kubectl logs` shows it. */
export async function* readLog(
  source: LogSource,
  options: ReadOptions,
): AsyncGenerator<Uint8Array> {
  let left = options.limitBytes ?? Infinity;
  for await (const bytes of render(tail(source, options), options)) {
    if (left <= 0) return;
    const piece = bytes.subarray(0, left);
    left -= piece.length;
    yield piece;
  }
}

/** One array per read, so that a consumer gets as few chunks as possible. */
async function* render(
  batches: AsyncIterable<readonly LogLine[]>,
  { timestamps = false }: ReadOptions,
): AsyncGenerator<Buffer> {
  let atLineStart = true;
  for await (const lines of batches) {
    const out: Buffer[] = [];
    for (const line of lines) {
      if (timestamps && atLineStart) out.push(Buffer.from(`${line.time} `));
      out.push(line.content);
      if (!line.partial) out.push(Buffer.of(LINE_FEED));
      atLineStart = !line.partial;
    }
    if (out.length > 0) yield Buffer.concat(out);
  }
}

/** Entries from `sinceTime` on; of those that are there now only the last `tailLines` lines. */
async function* tail(source: LogSource, options: ReadOptions): AsyncGenerator<readonly LogLine[]> {
  const { tailLines, sinceTime, follow = false } = options;
  const since = sinceTime === undefined ? "" : comparableTime(sinceTime);
  const isRecent = (line: LogLine): boolean => line.time >= since;
  let held: LogLine[] | undefined = tailLines === undefined ? undefined : [];
  for await (const pass of entries(source, follow, options.signal)) {
    if (pass === "caught up") {
      if (held !== undefined) yield held;
      held = undefined;
      continue;
    }
    const recent = pass.filter(isRecent);
    if (held === undefined) yield recent;
    else held = lastLines([...held, ...recent], tailLines ?? 0);
  }
}

/** Entries of one line belong together: a line counts once however long it is. */
function lastLines(lines: LogLine[], count: number): LogLine[] {
  let start = lines.length;
  for (let left = count; start > 0; start--) {
    const isLineEnd = lines[start - 1]?.partial === false || start === lines.length;
    if (isLineEnd && left-- === 0) break;
  }
  return lines.slice(start);
}

/** In the form of the log, so that texts compare as times do. */
function comparableTime(rfc3339: string): string {
  const ms = Date.parse(rfc3339);
  const fraction = /\.(\d+)/.exec(rfc3339)?.[1] ?? "";
  return `${new Date(ms).toISOString().slice(0, 19)}.${fraction.padEnd(9, "0").slice(0, 9)}Z`;
}

/** All entries, oldest first; "caught up" once the end was reached for the first time. */
async function* entries(
  source: LogSource,
  follow: boolean,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly LogLine[] | "caught up"> {
  const changes = follow ? new Changes(source, signal) : undefined;
  const done = new Set<number>();
  let current: PartReader | undefined;
  try {
    for (;;) {
      // Asked before reading: what is written before the end is read then.
      const ended = source.hasEnded();
      const seen = changes?.count ?? 0;
      for (const part of (await rotatedParts(source.path)).filter((number) => !done.has(number))) {
        // The part that was being read has been renamed: its open handle leads to its end.
        const reader = current ?? (await PartReader.open(partPath(source.path, part)));
        current = undefined;
        if (reader !== undefined) {
          yield* reader.read();
          await reader.close();
        }
        done.add(part);
      }
      current ??= await PartReader.open(source.path);
      if (current !== undefined) yield* current.read();
      yield "caught up";
      if (changes === undefined || ended || signal?.aborted === true) return;
      await changes.after(seen);
    }
  } finally {
    changes?.close();
    await current?.close();
  }
}

/** Reads one file on from where it stopped. */
class PartReader {
  readonly #handle: FileHandle;
  #offset = 0;
  #rest: Buffer = Buffer.alloc(0);

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  static async open(path: string): Promise<PartReader | undefined> {
    const handle = await open(path, "r").catch(() => undefined);
    return handle && new PartReader(handle);
  }

  async *read(): AsyncGenerator<readonly LogLine[]> {
    for (;;) {
      const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
      const { bytesRead } = await this.#handle.read(buffer, 0, CHUNK_BYTES, this.#offset);
      if (bytesRead === 0) return;
      this.#offset += bytesRead;
      yield this.#split(Buffer.concat([this.#rest, buffer.subarray(0, bytesRead)]));
    }
  }

  #split(bytes: Buffer): LogLine[] {
    const lines: LogLine[] = [];
    let start = 0;
    for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED, start)) {
      const line = parseEntry(bytes.subarray(start, end));
      if (line !== undefined) lines.push(line);
      start = end + 1;
    }
    this.#rest = bytes.subarray(start);
    return lines;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** Counts changes of the log's directory and of its end, and waits for the next. */
class Changes {
  count = 0;
  readonly #watcher: FSWatcher | undefined;
  readonly #unsubscribe: () => void;
  readonly #signal: AbortSignal | undefined;
  #notify: () => void = () => undefined;
  readonly #bump = (): void => {
    this.count++;
    this.#notify();
  };

  constructor(source: LogSource, signal: AbortSignal | undefined) {
    this.#watcher = tryWatch(dirname(source.path), this.#bump);
    this.#unsubscribe = source.onEnd(this.#bump);
    this.#signal = signal;
    signal?.addEventListener("abort", this.#bump, { once: true });
  }

  after(seen: number): Promise<void> {
    if (this.count > seen) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, FOLLOW_POLL_MS);
      this.#notify = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  close(): void {
    this.#watcher?.close();
    this.#unsubscribe();
    this.#signal?.removeEventListener("abort", this.#bump);
  }
}

function tryWatch(directory: string, onChange: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(directory, { persistent: false }, onChange);
    watcher.on("error", () => watcher.close());
    return watcher;
  } catch {
    // No watches left, or no directory yet: polling finds out.
    return undefined;
  }
}
