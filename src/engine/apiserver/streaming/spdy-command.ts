/** exec and attach over SPDY/3.1: the client opens a stream for each of what it asked for. */
import type { Clock } from "../../../client/clock.ts";
import type { CommandClient } from "./serve-command.ts";
import type { SpdyConnection } from "./spdy/spdy-connection.ts";
import type { SpdyStream } from "./spdy/spdy-stream.ts";
import type { CommandQuery } from "./stream-query.ts";

/** Upstream's number. */
const STREAMS_TIMEOUT_MS = 30_000;
/** From this version on the error stream carries a `Status`. */
const STATUS_VERSION = 4;
/** From this version on there is a resize stream. */
const RESIZE_VERSION = 3;

export class SpdyCommandStreams {
  readonly #expected: Set<string>;
  readonly #streams = new Map<string, SpdyStream>();
  #onComplete: () => void = () => undefined;

  constructor(asked: CommandQuery, version: number) {
    const names = (["stdin", "stdout", "stderr"] as const).filter((name) => asked[name]);
    this.#expected = new Set(["error", ...names]);
    if (asked.tty && version >= RESIZE_VERSION) this.#expected.add("resize");
  }

  /** A stream that was not asked for, or a second one, is refused. */
  add(stream: SpdyStream): void {
    const type = stream.headers.get("streamtype") ?? "";
    if (!this.#expected.has(type) || this.#streams.has(type)) {
      stream.destroy();
      return;
    }
    this.#streams.set(type, stream);
    // Nothing is expected on the others, but their ends are.
    if (type !== "stdin" && type !== "resize") stream.resume();
    if (this.#streams.size === this.#expected.size) this.#onComplete();
  }

  /** Undefined when they do not all come in time. */
  async client(
    connection: SpdyConnection,
    version: number,
    clock: Clock,
  ): Promise<CommandClient | undefined> {
    const isComplete = await new Promise<boolean>((resolve) => {
      const cancel = clock.after(STREAMS_TIMEOUT_MS, () => resolve(false));
      const settle = (isWhole: boolean): void => {
        cancel();
        resolve(isWhole);
      };
      this.#onComplete = () => settle(true);
      void connection.closed.then(() => settle(false));
      if (this.#streams.size === this.#expected.size) settle(true);
    });
    const error = this.#streams.get("error");
    if (!isComplete || error === undefined) {
      connection.destroy();
      return undefined;
    }
    const abort = new AbortController();
    void connection.closed.then(() => abort.abort());
    const [stdin, stdout, stderr, resize] = ["stdin", "stdout", "stderr", "resize"].map((type) =>
      this.#streams.get(type),
    );
    return {
      ...(stdin === undefined ? {} : { stdin }),
      ...(stdout === undefined ? {} : { stdout }),
      ...(stderr === undefined ? {} : { stderr }),
      ...(resize === undefined ? {} : { resize }),
      gone: abort.signal,
      async finish(status) {
        const isTold = version >= STATUS_VERSION || status.status === "Failure";
        const text = version >= STATUS_VERSION ? JSON.stringify(status) : (status.message ?? "");
        await new Promise<void>((resolve) => error.end(isTold ? text : "", resolve));
        connection.close();
        await connection.closed;
      },
    };
  }
}
