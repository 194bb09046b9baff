/**
 * A log file with its rotated predecessors: `0.log` is written, `0.log.1`, `0.log.2`, … are older
 * parts with rising numbers. Names never change after rotation, so readers can follow by number.
 */
import { type FileHandle, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname } from "node:path";

/** As the kubelet's containerLogMaxSize and containerLogMaxFiles. */
export const MAX_LOG_FILE_BYTES = 10 * 1024 * 1024;
export const MAX_LOG_FILES = 5;

export interface LogLimits {
  readonly maxFileBytes: number;
  /** Parts kept, the one being written included. */
  readonly maxFiles: number;
}
export const DEFAULT_LOG_LIMITS: LogLimits = {
  maxFileBytes: MAX_LOG_FILE_BYTES,
  maxFiles: MAX_LOG_FILES,
};

/** Numbers of the rotated parts, oldest first. */
export async function rotatedParts(logPath: string): Promise<number[]> {
  const prefix = `${basename(logPath)}.`;
  const names = await readdir(dirname(logPath)).catch(() => [] as string[]);
  return names
    .filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)))
    .sort((a, b) => a - b);
}

export const partPath = (logPath: string, part: number): string => `${logPath}.${part}`;

/** Removes a log with all its parts. Idempotent. */
export async function removeLog(logPath: string): Promise<void> {
  for (const part of await rotatedParts(logPath))
    await rm(partPath(logPath, part), { force: true });
  await rm(logPath, { force: true });
}

/** Where a writer stands: enough to go on after a crash without losing or repeating an entry. */
export interface LogPosition {
  /** Size of the written file in bytes. */
  readonly sizeBytes: number;
  /** Number of the newest rotated part, 0 before the first rotation. */
  readonly part: number;
}

export class RotatedLogWriter {
  readonly #path: string;
  readonly #limits: LogLimits;
  #handle: FileHandle;
  #sizeBytes: number;
  #part: number;

  private constructor(path: string, limits: LogLimits, handle: FileHandle, position: LogPosition) {
    this.#path = path;
    this.#limits = limits;
    this.#handle = handle;
    this.#sizeBytes = position.sizeBytes;
    this.#part = position.part;
  }

  /** Goes on after `position`, cutting off what was written later and never acknowledged. */
  static async open(
    path: string,
    limits: LogLimits,
    position?: LogPosition,
  ): Promise<RotatedLogWriter> {
    await mkdir(dirname(path), { recursive: true });
    const part = (await rotatedParts(path)).at(-1) ?? 0;
    const handle = await open(path, "a");
    let { size } = await handle.stat();
    if (position !== undefined && position.part === part && size > position.sizeBytes) {
      await handle.truncate(position.sizeBytes);
      size = position.sizeBytes;
    }
    return new RotatedLogWriter(path, limits, handle, { sizeBytes: size, part });
  }

  get position(): LogPosition {
    return { sizeBytes: this.#sizeBytes, part: this.#part };
  }

  /** All entries or none, so that they can be written again when the disk was full. */
  async append(entries: readonly Buffer[]): Promise<void> {
    const bytes = Buffer.concat(entries);
    try {
      await this.#handle.appendFile(bytes);
    } catch (error) {
      await this.#handle.truncate(this.#sizeBytes).catch(() => undefined);
      throw error;
    }
    this.#sizeBytes += bytes.length;
  }

  /** Starts a new file when this one is full; true when it did. */
  async rotateIfFull(): Promise<boolean> {
    if (this.#sizeBytes < this.#limits.maxFileBytes) return false;
    await this.#handle.close();
    this.#part++;
    await rename(this.#path, partPath(this.#path, this.#part));
    this.#handle = await open(this.#path, "a");
    this.#sizeBytes = 0;
    const parts = await rotatedParts(this.#path);
    for (const part of parts.slice(0, Math.max(0, parts.length - this.#limits.maxFiles + 1)))
      await rm(partPath(this.#path, part), { force: true });
    return true;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}
