/**
 * The answer to a push: text that the client shows as `remote: …` the moment it is written, and
 * the machine-readable report at the end (gitprotocol-pack, side-band-64k).
 */
import type { ServerResponse } from "node:http";
import { FLUSH, MAX_PKT_BYTES, pktLine } from "./pkt-line.ts";

const REPORT = 1;
const TEXT = 2;
/** Between two signs of life: proxies and NAT forget silent connections after a minute or less. */
const KEEPALIVE_MS = 5_000;
/** Room for the length and the number of the band. */
const MAX_PIECE_BYTES = MAX_PKT_BYTES - 5;

export class SideBand {
  readonly #response: ServerResponse;
  readonly #hasBands: boolean;
  readonly #keepalive: NodeJS.Timeout | undefined;

  /** `hasBands`: the client reads text, too; else it gets the report only. */
  constructor(response: ServerResponse, hasBands: boolean) {
    this.#response = response;
    this.#hasBands = hasBands;
    response.writeHead(200, {
      "content-type": "application/x-git-receive-pack-result",
      "cache-control": "no-cache",
      "x-accel-buffering": "no",
    });
    response.flushHeaders();
    if (this.#hasBands)
      this.#keepalive = setInterval(() => this.#write(REPORT, Buffer.alloc(0)), KEEPALIVE_MS);
  }

  /** One or more lines. */
  say(text: string): void {
    if (!this.#hasBands) return;
    for (const line of text.split("\n")) {
      const bytes = Buffer.from(`${printable(line)}\n`);
      this.#write(TEXT, bytes.subarray(0, MAX_PIECE_BYTES));
    }
  }

  /** Ends the answer. */
  report(lines: readonly string[]): void {
    clearInterval(this.#keepalive);
    const report = Buffer.concat([...lines.map((line) => pktLine(`${line}\n`)), FLUSH]);
    if (!this.#hasBands) {
      this.#response.end(report);
      return;
    }
    for (let at = 0; at < report.length; at += MAX_PIECE_BYTES)
      this.#write(REPORT, report.subarray(at, at + MAX_PIECE_BYTES));
    this.#response.end(FLUSH);
  }

  /** Nobody is listening any more. */
  abandon(): void {
    clearInterval(this.#keepalive);
    this.#response.destroy();
  }

  #write(band: number, bytes: Buffer): void {
    if (this.#response.writableEnded || this.#response.destroyed) return;
    this.#response.write(pktLine(Buffer.concat([Buffer.from([band]), bytes])));
  }
}

/** Nothing that comes from a repository or a program's log may steer the terminal of who pushes. */
function printable(line: string): string {
  return line.replaceAll("\t", "    ").replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "�");
}
