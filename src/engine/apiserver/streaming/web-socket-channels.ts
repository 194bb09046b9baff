/**
 * Many streams in the messages of one WebSocket: the first byte of a message is its channel.
 * `base64.…` protocols have a digit and then base64 in text. Version 5 can end a channel alone.
 */
import { Readable, Writable } from "node:stream";
import type { RawData, WebSocket } from "ws";

export interface ChannelProtocol {
  readonly name: string;
  /** Of the dialect; 1 for those without a number. */
  readonly version: number;
  readonly isBase64: boolean;
}

/** Of version 5: what follows is the channel that ends. */
const CLOSE = 255;
const DIGIT_ZERO = 0x30;
/** What a channel holds until it is read; then the whole connection waits. */
const MAX_HELD_BYTES = 256 * 1024;
const NORMAL_CLOSURE = 1000;

/** Undefined for what is no channel protocol. The empty name is that of the first one. */
export function channelProtocol(name: string): ChannelProtocol | undefined {
  const [, version = "1", base64] = /^(?:v([45])\.)?(base64\.)?channel\.k8s\.io$/.exec(name) ?? [];
  if (name !== "" && !name.endsWith("channel.k8s.io")) return undefined;
  if (name !== "" && !/^(?:v[45]\.)?(?:base64\.)?channel\.k8s\.io$/.test(name)) return undefined;
  return { name, version: Number(version), isBase64: base64 !== undefined };
}

export interface ChannelSocketOptions {
  readonly protocol: ChannelProtocol;
  readonly onActivity: () => void;
}

export class WebSocketChannels {
  /** Aborts when the connection is over. */
  readonly gone: AbortSignal;
  readonly #socket: WebSocket;
  readonly #options: ChannelSocketOptions;
  readonly #inputs = new Map<number, Readable>();
  readonly #full = new Set<number>();

  constructor(socket: WebSocket, options: ChannelSocketOptions) {
    this.#socket = socket;
    this.#options = options;
    const abort = new AbortController();
    this.gone = abort.signal;
    socket.on("message", (data) => this.#receive(bytesOf(data)));
    // What the client did wrong; `close` follows.
    socket.on("error", () => undefined);
    socket.once("close", () => {
      abort.abort();
      for (const input of this.#inputs.values()) input.push(null);
    });
  }

  /** What the client sends on a channel. */
  readable(channel: number): Readable {
    const input = new Readable({
      highWaterMark: MAX_HELD_BYTES,
      read: () => {
        if (this.#full.delete(channel) && this.#full.size === 0) this.#socket.resume();
      },
    });
    this.#inputs.set(channel, input);
    return input;
  }

  /** Calls back when the message is on its way, so that a slow client slows the writer down. */
  writable(channel: number): Writable {
    return new Writable({
      write: (chunk: Buffer, _, callback) => this.send(channel, chunk, callback),
    });
  }

  send(channel: number, data: Buffer, callback: (error?: Error | null) => void): void {
    this.#options.onActivity();
    const { isBase64 } = this.#options.protocol;
    if (isBase64) this.#socket.send(`${channel}${data.toString("base64")}`, callback);
    else this.#socket.send(Buffer.concat([Buffer.of(channel), data]), callback);
  }

  /** Reads what the client sends: to be called once the channels are there. */
  start(): void {
    if (this.#full.size === 0) this.#socket.resume();
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.once("close", () => resolve());
      if (this.#socket.readyState === this.#socket.CLOSED) resolve();
      // The client's goodbye must get through whatever it has sent before.
      if (this.#socket.isPaused) this.#socket.resume();
      this.#socket.removeAllListeners("message");
      this.#socket.close(NORMAL_CLOSURE);
    });
  }

  #receive(message: Buffer): void {
    this.#options.onActivity();
    const { isBase64, version } = this.#options.protocol;
    const [first] = message;
    if (first === undefined) return;
    if (version >= 5 && first === CLOSE) {
      const ended = message[1] ?? CLOSE;
      this.#inputs.get(ended)?.push(null);
      this.#inputs.delete(ended);
      return;
    }
    const channel = isBase64 ? first - DIGIT_ZERO : first;
    const rest = message.subarray(1);
    const input = this.#inputs.get(channel);
    // Channels that were not asked for are nobody's, as upstream.
    if (input === undefined || input.destroyed) return;
    if (input.push(isBase64 ? Buffer.from(rest.toString("latin1"), "base64") : rest)) return;
    this.#full.add(channel);
    this.#socket.pause();
  }
}

function bytesOf(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}
