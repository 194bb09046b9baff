/**
 * Port-forward over SPDY/3.1: for every connection the client opens a pair of streams with the same
 * `requestid`, one for data and one for what goes wrong.
 */
import { pipeline } from "node:stream/promises";
import type { Duplex } from "node:stream";
import type { Clock } from "../../../client/clock.ts";
import type { SpdyStream } from "./spdy/spdy-stream.ts";
import { portNumber } from "./stream-query.ts";

/** Upstream's number. */
const PAIR_TIMEOUT_MS = 30_000;

interface Pair {
  data?: SpdyStream;
  error?: SpdyStream;
  readonly cancel: () => void;
}

export class SpdyPortForward {
  readonly #connect: (port: number) => Promise<Duplex>;
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Pair>();

  constructor(connect: (port: number) => Promise<Duplex>, clock: Clock) {
    this.#connect = connect;
    this.#clock = clock;
  }

  add(stream: SpdyStream): void {
    const type = stream.headers.get("streamtype");
    // Clients older than request ids open the error stream first, and its data stream right behind.
    const id =
      stream.headers.get("requestid") ?? String(type === "data" ? stream.id - 2 : stream.id);
    if (type !== "data" && type !== "error") {
      stream.destroy();
      return;
    }
    const pair = this.#waiting.get(id) ?? { cancel: this.#giveUpLater(id) };
    if (pair[type] !== undefined) {
      stream.destroy();
      return;
    }
    pair[type] = stream;
    this.#waiting.set(id, pair);
    const { data, error } = pair;
    if (data === undefined || error === undefined) return;
    pair.cancel();
    this.#waiting.delete(id);
    void this.#forward(data, error);
  }

  close(): void {
    for (const { cancel } of this.#waiting.values()) cancel();
    this.#waiting.clear();
  }

  #giveUpLater(id: string): () => void {
    return this.#clock.after(PAIR_TIMEOUT_MS, () => {
      const pair = this.#waiting.get(id);
      this.#waiting.delete(id);
      pair?.data?.destroy();
      pair?.error?.destroy();
    });
  }

  async #forward(data: SpdyStream, error: SpdyStream): Promise<void> {
    error.resume();
    let connection: Duplex | undefined;
    const port = data.headers.get("port") ?? "";
    try {
      connection = await this.#connect(portNumber(port));
      await Promise.all([pipeline(data, connection), pipeline(connection, data)]);
    } catch (failure) {
      const message = failure instanceof Error ? failure.message : String(failure);
      // After a connection either end may break off: no news for the other.
      if (connection === undefined && !error.destroyed)
        error.write(`error forwarding port ${port}: ${message}`);
      connection?.destroy();
      data.destroy();
    }
    error.end();
  }
}
