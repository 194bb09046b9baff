/** A log file of lines that never grows beyond a bound: full files are renamed, the oldest goes. */
import { createWriteStream, type WriteStream } from "node:fs";
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { Logger } from "../client/logger.ts";

/** Weeks of people's changes, hours of requests; with the files kept, what a small machine can spare. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;
const KEPT_FILES = 5;
/** What may wait for the disk: seconds of the fastest writer. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

/** Takes lines; what the disk does not take in time is counted and dropped. */
export class RotatingFile {
  readonly #path: string;
  readonly #what: string;
  readonly #logger: Logger;
  #stream: WriteStream;
  #bytes: number;
  #rotating: Promise<void> | undefined;
  #dropped = 0;

  private constructor(path: string, what: string, logger: Logger, bytes: number) {
    this.#path = path;
    this.#what = what;
    this.#logger = logger;
    this.#bytes = bytes;
    this.#stream = this.#openStream();
  }

  /** `what` names it in warnings. */
  static async open(path: string, what: string, logger: Logger): Promise<RotatingFile> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    return new RotatingFile(path, what, logger, await sizeOf(path));
  }

  /** `text` without a line end. */
  write(text: string): void {
    const line = `${text}\n`;
    if (this.#stream.writableLength + line.length > MAX_WAITING_BYTES) {
      if (this.#dropped++ === 0)
        this.#logger.warn({ path: this.#path }, `${this.#what} drops lines: the disk is too slow`);
      return;
    }
    this.#stream.write(line);
    this.#bytes += Buffer.byteLength(line);
    if (this.#bytes > MAX_FILE_BYTES) this.#rotating ??= this.#rotate();
  }

  /** Resolves once everything written so far is in the file. */
  async flushed(): Promise<void> {
    await this.#rotating;
    const stream = this.#stream;
    if (stream.writableLength > 0 && !stream.destroyed)
      await new Promise<void>((resolve) => stream.write("", () => resolve()));
  }

  async close(): Promise<void> {
    await this.#rotating;
    await ended(this.#stream);
  }

  #openStream(): WriteStream {
    const stream = createWriteStream(this.#path, { flags: "a", mode: 0o600 });
    stream.on("error", (error) =>
      this.#logger.warn({ err: error, path: this.#path }, `${this.#what} cannot be written`),
    );
    return stream;
  }

  /** `x.log` becomes `x.log.1`, which becomes `x.log.2`; the oldest goes. */
  async #rotate(): Promise<void> {
    try {
      await rm(`${this.#path}.${KEPT_FILES}`, { force: true });
      for (let at = KEPT_FILES - 1; at >= 1; at--)
        await moved(`${this.#path}.${at}`, `${this.#path}.${at + 1}`);
      await moved(this.#path, `${this.#path}.1`);
    } catch (error) {
      this.#logger.warn({ err: error, path: this.#path }, `${this.#what} cannot be rotated`);
    }
    const full = this.#stream;
    this.#stream = this.#openStream();
    this.#bytes = 0;
    await ended(full);
    this.#rotating = undefined;
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
}

async function moved(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

/** A stream that failed is over, too. */
function ended(stream: WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.closed) resolve();
    stream.once("close", () => resolve());
    stream.end();
  });
}
