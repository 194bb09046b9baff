/**
 * One question to one upstream server. Against forged answers (RFC 5452): a random id, a socket and
 * so a random port of its own for each question, only the server's own address and port heard, and
 * only an answer to this very question taken.
 */
import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { connect } from "node:net";
import type { Clock } from "../../../client/clock.ts";
import { FLAG, HEADER_BYTES } from "./record-types.ts";
import { MAX_DATAGRAM_BYTES, writeOpt } from "./response.ts";
import { answersQuestion } from "./upstream-answer.ts";

export interface Upstream {
  readonly host: string;
  readonly port: number;
}
export interface Question {
  /** Name, type and class. */
  readonly bytes: Buffer;
  readonly dnssecOk: boolean;
  readonly checkingDisabled: boolean;
}
export interface ExchangeOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** The server gave no answer that can be used; the message says why. */
export class ExchangeError extends Error {
  override readonly name = "ExchangeError";
}

/** More wrong answers than this to one question are somebody guessing: TCP cannot be guessed. */
const MAX_WRONG_ANSWERS = 8;
const LENGTH_BYTES = 2;
const OPT_BYTES = 11;

/** An answer that came whole, over UDP or else over TCP. @throws ExchangeError */
export async function exchange(
  upstream: Upstream,
  question: Question,
  options: ExchangeOptions,
): Promise<Buffer> {
  const answer = await overUdp(upstream, question, options);
  const isWhole = answer !== undefined && (answer.readUInt16BE(2) & FLAG.TRUNCATED) === 0;
  return isWhole ? answer : overTcp(upstream, question, options);
}

/** Undefined when somebody else answers, too. */
function overUdp(
  upstream: Upstream,
  question: Question,
  options: ExchangeOptions,
): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const { id, message } = writeQuery(question);
    const { host, port } = upstream;
    let wrong = 0;
    const socket = createSocket({
      type: host.includes(":") ? "udp6" : "udp4",
      // It is an address already: asking a resolver for it costs a turn.
      lookup: (address, _options, done) => done(null, address, host.includes(":") ? 6 : 4),
    });
    const settle = limited(options, upstream, () => socket.close(), resolve, reject);
    socket.on("error", settle.fail);
    socket.on("message", (answer) => {
      if (answersQuestion(answer, id, question.bytes)) settle.done(answer);
      else if (++wrong >= MAX_WRONG_ANSWERS) settle.done(undefined);
    });
    // From here on the kernel drops what comes from anywhere else.
    socket.once("connect", () => {
      if (!settle.isOver()) socket.send(message, (error) => error !== null && settle.fail(error));
    });
    // Without a callback, which would be called for a failure, too.
    socket.connect(port, host);
  });
}

function overTcp(
  upstream: Upstream,
  question: Question,
  options: ExchangeOptions,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const { id, message } = writeQuery(question);
    const socket = connect({ host: upstream.host, port: upstream.port, noDelay: true });
    const settle = limited(options, upstream, () => socket.destroy(), resolve, reject);
    let received = Buffer.alloc(0);
    socket.on("error", settle.fail);
    socket.once("close", () => settle.fail(new Error("the connection was closed")));
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const end = LENGTH_BYTES + (received.length < LENGTH_BYTES ? 0 : received.readUInt16BE(0));
      if (received.length < LENGTH_BYTES || received.length < end) return;
      const answer = received.subarray(LENGTH_BYTES, end);
      if (answersQuestion(answer, id, question.bytes)) settle.done(answer);
      else settle.fail(new Error("the answer is to another question"));
    });
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt16BE(message.length);
    socket.write(Buffer.concat([length, message]));
  });
}

/** Ends an exchange once: with its outcome, at its time limit or when the server stops. */
function limited<T>(
  { clock, timeoutMs, signal }: ExchangeOptions,
  { host, port }: Upstream,
  close: () => void,
  resolve: (value: T) => void,
  reject: (error: Error) => void,
) {
  let over = false;
  const end = (): boolean => {
    if (over) return false;
    over = true;
    cancel();
    signal.removeEventListener("abort", onAbort);
    close();
    return true;
  };
  const fail = (cause: Error): void => {
    if (end()) reject(new ExchangeError(`${host}:${port}: ${cause.message}`, { cause }));
  };
  const onAbort = (): void => fail(new Error("the server stops"));
  const cancel = clock.after(timeoutMs, () => fail(new Error(`no answer in ${timeoutMs} ms`)));
  signal.addEventListener("abort", onAbort, { once: true });
  return {
    fail,
    isOver: () => over,
    done: (value: T): void => {
      if (end()) resolve(value);
    },
  };
}

function writeQuery({ bytes, dnssecOk, checkingDisabled }: Question) {
  const id = randomInt(0x10000);
  const message = Buffer.alloc(HEADER_BYTES + bytes.length + OPT_BYTES);
  message.writeUInt16BE(id, 0);
  message.writeUInt16BE(
    FLAG.RECURSION_DESIRED | (checkingDisabled ? FLAG.CHECKING_DISABLED : 0),
    2,
  );
  message.writeUInt16BE(1, 4);
  message.writeUInt16BE(1, 10);
  bytes.copy(message, HEADER_BYTES);
  const edns = { payloadBytes: MAX_DATAGRAM_BYTES, dnssecOk };
  writeOpt(message, HEADER_BYTES + bytes.length, edns, 0);
  return { id, message };
}
