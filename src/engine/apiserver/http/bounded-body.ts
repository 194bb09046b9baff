/** The body of a request, bounded in bytes and time. */
import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest } from "node:http2";

export interface BodyLimits {
  readonly maxBytes: number;
  readonly timeoutMs: number;
}
/** Why there is no body; `gone`: the client went away, nobody is left to answer. */
export type BodyFailure = "too large" | "too slow" | "gone";

/**
 * Never rejects. What is too much is discarded rather than cut off: a client that is still sending
 * would otherwise see a broken connection instead of the answer.
 */
export function readBoundedBody(
  request: IncomingMessage | Http2ServerRequest,
  { maxBytes, timeoutMs }: BodyLimits,
): Promise<Buffer | BodyFailure> {
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) {
    request.resume();
    return Promise.resolve("too large");
  }
  return new Promise((resolve) => {
    const timer = setTimeout(() => end("too slow"), timeoutMs);
    const pieces: Buffer[] = [];
    let size = 0;
    const end = (result: Buffer | BodyFailure): void => {
      clearTimeout(timer);
      request.off("data", take);
      pieces.length = 0;
      request.resume();
      resolve(result);
    };
    const take = (piece: Buffer): void => {
      size += piece.length;
      if (size > maxBytes) end("too large");
      else pieces.push(piece);
    };
    request.on("data", take);
    request.once("end", () =>
      end(pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces)),
    );
    request.on("error", () => end("gone"));
    request.once("close", () => end("gone"));
  });
}
