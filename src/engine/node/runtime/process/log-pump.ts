/**
 * Moves the raw output files of one container into its log file. Each piece is written to the log
 * once and in order, also across a kill -9 of the agent: after every write the position in all
 * files is recorded, and what the log has beyond that position is cut off before going on.
 */
import { execFile } from "node:child_process";
import { type FileHandle, open, readFile } from "node:fs/promises";
import type { Clock } from "../../../../client/clock.ts";
import { encodeOutput, type LogStream, logTime, MAX_ENTRY_BYTES } from "../../logs/cri-line.ts";
import { type LogLimits, RotatedLogWriter } from "../../logs/rotated-log.ts";
import type { ContainerDirectory } from "./container-directory.ts";

/** Read at once; more than one entry, so that a long line always makes progress. */
const CHUNK_BYTES = 4 * MAX_ENTRY_BYTES;
/** Raw bytes already in the log that may stay on disk until they are given back. */
const KEPT_RAW_BYTES = 16 * 1024 * 1024;

interface Source {
  readonly stream: LogStream;
  readonly path: string;
  readonly handle: FileHandle;
  /** Everything before is in the log. */
  offset: number;
  /** Everything before was given back to the file system. */
  freed: number;
}

export interface LogPumpOptions {
  readonly directory: ContainerDirectory;
  readonly logPath: string;
  readonly limits: LogLimits;
  readonly clock: Clock;
  /** The log could not be written (disk full, …). Output waits in the raw files. */
  readonly onError: (error: unknown) => void;
}

export class LogPump {
  readonly #options: LogPumpOptions;
  readonly #sources: readonly Source[];
  readonly #log: RotatedLogWriter;
  readonly #position: FileHandle;
  #running: Promise<void> = Promise.resolve();
  #wakes = 0;
  #closed = false;
  #isFailing = false;

  private constructor(
    options: LogPumpOptions,
    sources: readonly Source[],
    log: RotatedLogWriter,
    position: FileHandle,
  ) {
    this.#options = options;
    this.#sources = sources;
    this.#log = log;
    this.#position = position;
  }

  static async open(options: LogPumpOptions): Promise<LogPump> {
    const { directory, logPath, limits } = options;
    const known = await readPosition(directory.logPosition);
    const log = await RotatedLogWriter.open(logPath, limits, known);
    const sources = await Promise.all(
      (["stdout", "stderr"] as const).map(async (stream) => ({
        stream,
        path: directory[stream],
        handle: await open(directory[stream], "r+"),
        offset: known?.[stream] ?? 0,
        freed: known?.[stream] ?? 0,
      })),
    );
    const position = await open(directory.logPosition, "a+").then(async (created) => {
      await created.close();
      return open(directory.logPosition, "r+");
    });
    return new LogPump(options, sources, log, position);
  }

  /** How much of a raw file's start was given back: it reads as zeros. */
  freedBytes(stream: LogStream): number {
    return this.#sources.find((source) => source.stream === stream)?.freed ?? 0;
  }

  /** There may be new output. Cheap; calls made while it reads are one call. */
  wake(): void {
    this.#wakes++;
    if (this.#wakes > 1 || this.#closed) return;
    this.#running = this.#running.then(() => this.#drain(false));
  }

  /** Writes out what is left, unfinished lines included, and closes: the process has ended. */
  async finish(): Promise<void> {
    this.#running = this.#running.then(() => this.#drain(true));
    await this.close();
  }

  /** Stops where it is; another pump can go on there. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#running;
    await this.#log.close();
    await this.#position.close();
    for (const source of this.#sources) await source.handle.close();
  }

  async #drain(atEnd: boolean): Promise<void> {
    try {
      let seen: number;
      do {
        seen = this.#wakes;
        for (const source of this.#sources) while (await this.#move(source, atEnd));
      } while (this.#wakes !== seen && !this.#closed);
      this.#isFailing = false;
    } catch (error) {
      // Once: on a full disk every line of output would fail again.
      if (!this.#isFailing) this.#options.onError(error);
      this.#isFailing = true;
    } finally {
      this.#wakes = 0;
    }
  }

  /** Moves one chunk; true when there may be more. */
  async #move(source: Source, atEnd: boolean): Promise<boolean> {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    const { bytesRead } = await source.handle.read(chunk, 0, CHUNK_BYTES, source.offset);
    if (bytesRead === 0) return false;
    const lastChunk = atEnd && bytesRead < CHUNK_BYTES;
    const { entries, consumedBytes } = encodeOutput(chunk.subarray(0, bytesRead), {
      time: logTime(this.#options.clock.now()),
      stream: source.stream,
      atEnd: lastChunk,
    });
    if (consumedBytes === 0) return false;
    await this.#log.append(entries);
    source.offset += consumedBytes;
    await this.#savePosition();
    if (await this.#log.rotateIfFull()) await this.#savePosition();
    await this.#free(source);
    return true;
  }

  async #savePosition(): Promise<void> {
    const [stdout, stderr] = this.#sources;
    const { sizeBytes, part } = this.#log.position;
    const numbers = [stdout?.offset ?? 0, stderr?.offset ?? 0, sizeBytes, part];
    // Fixed width: one write replaces the last one whole.
    const text = numbers.map((number) => String(number).padStart(16, "0")).join(" ");
    await this.#position.write(`${text}\n`, 0);
  }

  /**
   * Gives the disk space of moved output back without touching what the process appends meanwhile:
   * the file becomes sparse. Where the platform cannot, the space stays taken until the restart.
   */
  async #free(source: Source): Promise<void> {
    const length = source.offset - source.freed;
    if (length < KEPT_RAW_BYTES) return;
    const from = source.freed;
    source.freed = source.offset;
    if (process.platform !== "linux") return;
    const range = ["--punch-hole", "--offset", String(from), "--length", String(length)];
    await new Promise<void>((resolve) => {
      execFile("fallocate", [...range, source.path], () => resolve());
    });
  }
}

interface Position {
  readonly stdout: number;
  readonly stderr: number;
  readonly sizeBytes: number;
  readonly part: number;
}

async function readPosition(path: string): Promise<Position | undefined> {
  const text = await readFile(path, "latin1").catch(() => "");
  const [stdout, stderr, sizeBytes, part] = text.split(" ").map(Number);
  if (stdout === undefined || stderr === undefined) return undefined;
  if (sizeBytes === undefined || part === undefined) return undefined;
  return { stdout, stderr, sizeBytes, part };
}
