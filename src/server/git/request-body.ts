/**
 * The body of a Git request as it comes: inflated where it is compressed, bounded in bytes and
 * time. A client that stops sending, or sends a byte a minute, does not hold a place for ever.
 */
import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";

export interface RequestBodyLimits {
  /** After inflating. */
  readonly maxBytes: number;
  /** Between two pieces. */
  readonly idleMs: number;
  /** Until all of it has come. */
  readonly totalMs: number;
}

/** Why the body was not read to its end; the message is for the client. */
export class RequestBodyError extends Error {
  override readonly name = "RequestBodyError";
  readonly code: 400 | 408 | 413 | 415;
  constructor(code: 400 | 408 | 413 | 415, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** @throws RequestBodyError, or the signal's reason */
export async function* requestBody(
  request: IncomingMessage,
  limits: RequestBodyLimits,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const stream = inflated(request);
  const chunks = stream.iterator({ destroyOnReturn: false });
  const deadlineMs = Date.now() + limits.totalMs;
  let bytes = 0;
  for (;;) {
    const waitMs = Math.min(limits.idleMs, deadlineMs - Date.now());
    const next = await within(chunks.next() as Promise<IteratorResult<Buffer>>, waitMs, signal);
    if (next.done === true) return;
    bytes += next.value.length;
    if (bytes > limits.maxBytes)
      throw new RequestBodyError(413, `the push is larger than ${limits.maxBytes} bytes`);
    yield next.value;
  }
}

function inflated(request: IncomingMessage): Readable {
  const encoding = request.headers["content-encoding"] ?? "identity";
  if (encoding === "identity") return request;
  if (encoding !== "gzip" && encoding !== "x-gzip")
    throw new RequestBodyError(415, "the request is compressed with something other than gzip");
  const gunzip = createGunzip();
  request.on("error", (error) => gunzip.destroy(error));
  return request.pipe(gunzip);
}

async function within<T>(next: Promise<T>, waitMs: number, signal: AbortSignal): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  const interrupted = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new RequestBodyError(408, "the request comes too slowly")),
      Math.max(0, waitMs),
    );
    onAbort = () => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([next, interrupted]);
  } catch (error) {
    // Somebody has to hear of it when the race is over.
    next.catch(() => undefined);
    if (error instanceof RequestBodyError || signal.aborted) throw error;
    throw new RequestBodyError(400, "the request is damaged or was broken off", { cause: error });
  } finally {
    clearTimeout(timer);
    if (onAbort !== undefined) signal.removeEventListener("abort", onAbort);
  }
}
