/** HTTPS requests to one API server: TLS, credentials, time limits, and failures as `StatusError`. */
import { Agent, type Dispatcher, request } from "undici";
import { StatusError } from "../../kube/status-error.ts";
import { type Clock, sleep } from "../clock.ts";
import type { ClusterAccess } from "./cluster-access.ts";
import { connectionError, responseError } from "./response-error.ts";

export interface TransportLimits {
  /** Until the response's headers. @default 60 s, the API server's own limit */
  readonly headersTimeoutMs: number;
  /** Between two pieces of a body; a watch gets a bookmark every minute. @default 120 s */
  readonly idleTimeoutMs: number;
  /** Of a response that is read whole. @default 256 MiB */
  readonly maxResponseBytes: number;
}
export const DEFAULT_LIMITS: TransportLimits = {
  headersTimeoutMs: 60_000,
  idleTimeoutMs: 120_000,
  // A list of 100,000 objects; a JavaScript string cannot hold much more than twice this.
  maxResponseBytes: 256 * 1024 * 1024,
};
/** Calls at once over one client: beyond this they wait. Streams have connections of their own. */
const MAX_CONNECTIONS = 64;
const CONNECT_TIMEOUT_MS = 10_000;
/** A server that asks to come back later (429, 503 with Retry-After) is asked so often, as client-go does. */
const MAX_RETRIES = 10;
const MAX_RETRY_AFTER_SECONDS = 30;
/** An error's body is only read for its message. */
const MAX_ERROR_BYTES = 1024 * 1024;

export interface ApiRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With query string. */
  readonly path: string;
  readonly body?: string;
  readonly contentType?: string;
  readonly accept?: string;
  readonly signal?: AbortSignal | undefined;
}
export interface ApiResponse {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export class Transport {
  readonly #access: ClusterAccess;
  readonly #limits: TransportLimits;
  readonly #clock: Clock;
  readonly #calls: Agent;
  readonly #streams: Agent;

  constructor(access: ClusterAccess, clock: Clock, limits: Partial<TransportLimits> = {}) {
    this.#access = access;
    this.#clock = clock;
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
    const { headersTimeoutMs, idleTimeoutMs, maxResponseBytes } = this.#limits;
    const shared: Agent.Options = {
      connect: { ...tlsOptions(access), timeout: CONNECT_TIMEOUT_MS },
      headersTimeout: headersTimeoutMs,
      bodyTimeout: idleTimeoutMs,
    };
    this.#calls = new Agent({
      ...shared,
      connections: MAX_CONNECTIONS,
      maxResponseSize: maxResponseBytes,
    });
    this.#streams = new Agent(shared);
  }

  get server(): string {
    return this.#access.server;
  }

  /** The whole response of a successful request. @throws {StatusError} */
  async call(call: ApiRequest): Promise<ApiResponse> {
    const response = await this.#send(call, this.#calls);
    const text = await this.#guard(call.signal, () => response.body.text());
    return { headers: response.headers, text };
  }

  /** The body of a successful request, piece by piece; `isQuiet` bodies may pause for ever. @throws {StatusError} */
  async *stream(call: ApiRequest, isQuiet = false): AsyncGenerator<Uint8Array> {
    const response = await this.#send(call, this.#streams, isQuiet ? 0 : undefined);
    const chunks = response.body[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await this.#guard(call.signal, () => chunks.next());
        if (next.done === true) return;
        yield next.value as Uint8Array;
      }
    } finally {
      // The reader left early: the connection is of no more use.
      response.body.destroy();
    }
  }

  /** Ends every connection, streams included. */
  async close(): Promise<void> {
    await Promise.all([this.#calls.destroy(), this.#streams.destroy()]);
  }

  async #send(
    call: ApiRequest,
    dispatcher: Dispatcher,
    bodyTimeout?: number,
  ): Promise<Dispatcher.ResponseData> {
    for (let attempt = 0; ; attempt++) {
      const response = await this.#attempt(call, dispatcher, bodyTimeout);
      if (response.statusCode < 300) return response;
      const text = await readError(response);
      const retryMs = retryAfterMs(response);
      if (retryMs === undefined || attempt >= MAX_RETRIES)
        throw responseError(response.statusCode, text, `${call.method} ${pathOf(call)}`);
      await sleep(this.#clock, retryMs, call.signal);
    }
  }

  async #attempt(
    call: ApiRequest,
    dispatcher: Dispatcher,
    bodyTimeout?: number,
  ): Promise<Dispatcher.ResponseData> {
    const { method, path, body, contentType = "application/json", signal } = call;
    const headers: Record<string, string> = {
      accept: call.accept ?? "application/json",
      "user-agent": "gantry",
    };
    if (body !== undefined) headers["content-type"] = contentType;
    const authorization = await this.#access.authorization?.();
    if (authorization !== undefined) headers.authorization = authorization;
    // Redirects are never followed: credentials stay with the server that they are for.
    const send = (): Promise<Dispatcher.ResponseData> =>
      request(`${this.#access.server}${path}`, {
        dispatcher,
        method,
        headers,
        ...(body === undefined ? {} : { body }),
        ...(signal === undefined ? {} : { signal }),
        ...(bodyTimeout === undefined ? {} : { bodyTimeout }),
      });
    return await this.#guard(signal, async () => {
      try {
        return await send();
      } catch (error) {
        // The server closed an idle connection just as we used it: reading again is safe.
        if (method === "GET" && isClosedSocket(error)) return await send();
        throw error;
      }
    });
  }

  async #guard<R>(signal: AbortSignal | undefined, act: () => Promise<R>): Promise<R> {
    try {
      return await act();
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason;
      throw error instanceof StatusError ? error : connectionError(error, this.#access.server);
    }
  }
}

function tlsOptions(access: ClusterAccess): Record<string, unknown> {
  const { ca, clientCertificate, clientKey, insecureSkipTlsVerify = false, tlsServerName } = access;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(clientCertificate === undefined ? {} : { cert: clientCertificate }),
    ...(clientKey === undefined ? {} : { key: clientKey }),
    ...(tlsServerName === undefined ? {} : { servername: tlsServerName }),
    rejectUnauthorized: !insecureSkipTlsVerify,
  };
}

function isClosedSocket(error: unknown): boolean {
  const code = (error as { readonly code?: unknown }).code;
  return code === "UND_ERR_SOCKET" || code === "ECONNRESET" || code === "EPIPE";
}

function retryAfterMs({ statusCode, headers }: Dispatcher.ResponseData): number | undefined {
  if (statusCode !== 429 && statusCode !== 503) return undefined;
  const seconds = Number(headers["retry-after"]);
  return Number.isFinite(seconds) ? Math.min(seconds, MAX_RETRY_AFTER_SECONDS) * 1_000 : undefined;
}

async function readError(response: Dispatcher.ResponseData): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > MAX_ERROR_BYTES) break;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

const pathOf = ({ path }: ApiRequest): string => path.split("?", 1)[0] ?? path;
