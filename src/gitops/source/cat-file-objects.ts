/**
 * Reads objects through one long-lived `git cat-file --batch`: the fast path where a git binary
 * is installed. Only object ids are ever sent to it, and its environment keeps configuration,
 * hooks, the network and prompts out.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import type { GitObject, GitObjectReader, GitObjectType } from "./git-objects.ts";
import { OBJECT_ID } from "./git-objects.ts";
import { gitEnvironment } from "./git-program.ts";
import { corruptObject, objectMissing } from "./isomorphic-objects.ts";
import { blobTooLarge } from "./object-tree.ts";
import { SourceError } from "./source-error.ts";

/** A helper that nobody uses costs a few megabytes: it ends, and starts again in milliseconds. */
const IDLE_MS = 30_000;
/** Reading past a larger object takes longer than starting a new helper. */
const MAX_SKIPPED_BYTES = 64 * 1024 * 1024;
/** `<40 hex> missing` or `<40 hex> <type> <size>`; longer lines are not from git. */
const MAX_HEADER_BYTES = 256;
/** What of its complaints is kept for an error. */
const MAX_STDERR_CHARS = 2000;
const CLOSE_DEADLINE_MS = 2_000;

const NEWLINE = 0x0a;

interface Request {
  readonly id: string;
  readonly maxBytes: number;
  readonly resolve: (object: GitObject) => void;
  readonly reject: (error: SourceError) => void;
}

/** The object that is arriving; without `bytes` it is skipped because it is too large. */
interface Arriving {
  readonly type: GitObjectType;
  readonly size: number;
  readonly bytes: Buffer | undefined;
  received: number;
}

export class CatFileObjects implements GitObjectReader {
  readonly #gitDir: string;
  readonly #where: string;
  #child: ChildProcessWithoutNullStreams | undefined;
  #queue: Request[] = [];
  #header: Buffer = Buffer.alloc(0);
  #arriving: Arriving | undefined;
  #stderr = "";
  #idle: NodeJS.Timeout | undefined;

  constructor(gitDir: string, where: string) {
    this.#gitDir = gitDir;
    this.#where = where;
  }

  read(id: string, maxBytes: number): Promise<GitObject> {
    if (!OBJECT_ID.test(id)) return Promise.reject(objectMissing(this.#where, id));
    return new Promise((resolve, reject) => {
      clearTimeout(this.#idle);
      this.#queue.push({ id, maxBytes, resolve, reject });
      const child = (this.#child ??= this.#start());
      child.stdin.write(`${id}\n`);
    });
  }

  #start(): ChildProcessWithoutNullStreams {
    this.#header = Buffer.alloc(0);
    this.#arriving = undefined;
    this.#stderr = "";
    const child = spawn("git", ["cat-file", "--batch"], {
      cwd: this.#gitDir,
      env: gitEnvironment(this.#gitDir),
      stdio: ["pipe", "pipe", "pipe"],
    });
    child.stdout.on("data", (chunk: Buffer) => this.#receive(child, chunk));
    child.stderr.on("data", (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString("utf8")).slice(-MAX_STDERR_CHARS);
    });
    // A helper that died reports it through `close`; writes to it then fail, which says no more.
    child.stdin.on("error", () => undefined);
    child.on("error", (error) => this.#ended(child, error));
    child.on("close", () => this.#ended(child, new Error(this.#stderr.trim())));
    return child;
  }

  #receive(child: ChildProcessWithoutNullStreams, chunk: Buffer): void {
    if (child !== this.#child) return;
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#arriving === undefined) rest = this.#receiveHeader(child, rest);
      else rest = this.#receiveContent(this.#arriving, rest);
      if (child !== this.#child) return;
    }
    if (this.#queue.length === 0) this.#waitIdle();
  }

  #receiveHeader(child: ChildProcessWithoutNullStreams, chunk: Buffer): Buffer {
    const end = chunk.indexOf(NEWLINE);
    const part = end < 0 ? chunk : chunk.subarray(0, end);
    const line = this.#header.length === 0 ? part : Buffer.concat([this.#header, part]);
    if (line.length > MAX_HEADER_BYTES) {
      this.#failed(child, new Error("unexpected output"));
      return Buffer.alloc(0);
    }
    if (end < 0) {
      this.#header = Buffer.from(line);
      return Buffer.alloc(0);
    }
    this.#header = Buffer.alloc(0);
    this.#beginObject(child, line.toString("latin1"));
    return chunk.subarray(end + 1);
  }

  #beginObject(child: ChildProcessWithoutNullStreams, header: string): void {
    const request = this.#queue[0];
    if (request === undefined) return this.#failed(child, new Error("unexpected output"));
    const match = /^[0-9a-f]{40} (commit|tree|blob|tag) (\d+)$/.exec(header);
    if (match === null) {
      this.#queue.shift();
      request.reject(objectMissing(this.#where, request.id));
      return;
    }
    const size = Number(match[2]);
    const fits = size <= request.maxBytes;
    const type = match[1] as GitObjectType;
    if (!fits && size > MAX_SKIPPED_BYTES) {
      this.#queue.shift();
      request.reject(blobTooLarge(this.#where, request.id, size, request.maxBytes));
      this.#restart(child);
      return;
    }
    const bytes = fits ? Buffer.allocUnsafeSlow(size) : undefined;
    this.#arriving = { type, size, bytes, received: 0 };
  }

  /** The content is followed by a newline of the protocol. */
  #receiveContent(arriving: Arriving, chunk: Buffer): Buffer {
    const taken = Math.min(chunk.length, arriving.size + 1 - arriving.received);
    if (arriving.bytes !== undefined)
      chunk.copy(
        arriving.bytes,
        arriving.received,
        0,
        Math.min(taken, arriving.size - arriving.received),
      );
    arriving.received += taken;
    if (arriving.received > arriving.size) this.#endObject(arriving);
    return chunk.subarray(taken);
  }

  #endObject(arriving: Arriving): void {
    this.#arriving = undefined;
    const request = this.#queue.shift();
    if (request === undefined) return;
    if (arriving.bytes === undefined)
      request.reject(blobTooLarge(this.#where, request.id, arriving.size, request.maxBytes));
    else request.resolve({ type: arriving.type, bytes: arriving.bytes });
  }

  /** The helper ended: the object it was at is to blame, the others get a new helper. */
  #ended(child: ChildProcessWithoutNullStreams, cause: Error): void {
    if (child !== this.#child) return;
    const request = this.#queue.shift();
    request?.reject(corruptObject(this.#where, request.id, cause));
    this.#restart(child);
  }

  #failed(child: ChildProcessWithoutNullStreams, cause: Error): void {
    this.#ended(child, cause);
  }

  #restart(child: ChildProcessWithoutNullStreams): void {
    this.#child = undefined;
    child.kill("SIGKILL");
    if (this.#queue.length === 0) return;
    this.#child = this.#start();
    this.#child.stdin.write(this.#queue.map((request) => `${request.id}\n`).join(""));
  }

  #waitIdle(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => void this.#stop(), IDLE_MS);
    this.#idle.unref();
  }

  /** Git looks for new packs by itself whenever it misses an object. */
  refresh(): void {}

  async close(): Promise<void> {
    clearTimeout(this.#idle);
    const waiting = this.#queue;
    this.#queue = [];
    for (const request of waiting)
      request.reject(
        new SourceError("aborted", {
          what: "the repository was closed",
          where: this.#where,
          advice: "Nothing needs to be done.",
        }),
      );
    await this.#stop();
  }

  async #stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    const exited = new Promise<void>((resolve) => child.once("close", () => resolve()));
    const deadline = setTimeout(() => child.kill("SIGKILL"), CLOSE_DEADLINE_MS);
    child.stdin.end();
    await exited;
    clearTimeout(deadline);
  }
}
