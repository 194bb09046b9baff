/**
 * HTTP requests to one notification target: own authorities and client certificate, a proxy, time
 * and size limits, no redirects, and no address that services of this machine or of a cloud have.
 */
import type * as Undici from "undici";
import { type AddressGuard, addressGuard } from "../source/address-guard.ts";
import { SourceError } from "../source/source-error.ts";
import { DeliveryError } from "./delivery-error.ts";
import { retryAfterMs } from "./retry-after.ts";

export interface OutgoingRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}
export interface OutgoingResponse {
  readonly status: number;
  readonly text: string;
}
export interface SessionOptions {
  /** PEM. @default the system's authorities */
  readonly ca?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  readonly proxy?: { readonly address: string; readonly authorization?: string } | undefined;
  /** Of one request, its answer included. */
  readonly timeoutMs: number;
  /** Whether this machine itself may be a target. */
  readonly allowLoopback: boolean;
  /** Never shown, wherever an answer repeats them. */
  readonly secrets: readonly string[];
  readonly nowMs: () => number;
}
export interface Session {
  /** The answer of a request that succeeded (2xx). @throws DeliveryError */
  send(request: OutgoingRequest, signal: AbortSignal): Promise<OutgoingResponse>;
  close(): Promise<void>;
}

/** Lists of a forge come in pages of a hundred entries; messages get answers of a few bytes. */
const MAX_RESPONSE_BYTES = 4 * 1024 * 1024;
/** Of an answer that refuses: enough for the reason that forges and chats give. */
const MAX_REASON_CHARACTERS = 200;
const CONNECT_TIMEOUT_MS = 10_000;
/** Shorter secrets would take ordinary words out of messages. */
const MIN_SECRET_CHARACTERS = 4;
/** Of a path: `services`, `api` and the like are no secrets, but `webhooks` may be taken for one. */
const MIN_SEGMENT_CHARACTERS = 8;

export async function openSession(options: SessionOptions): Promise<Session> {
  // A client that only servers that notify somebody need.
  const undici = await import("undici");
  const dispatchers = new Map<string, Undici.Dispatcher>();
  const dispatcherOf = (origin: string): Undici.Dispatcher => {
    let dispatcher = dispatchers.get(origin);
    if (dispatcher === undefined) {
      dispatcher = connectTo(origin, options, undici);
      dispatchers.set(origin, dispatcher);
    }
    return dispatcher;
  };
  return {
    send: (outgoing, signal) => send(outgoing, { ...options, undici, dispatcherOf, signal }),
    close: async () => {
      await Promise.all([...dispatchers.values()].map((dispatcher) => dispatcher.destroy()));
    },
  };
}

function connectTo(
  origin: string,
  options: SessionOptions,
  { Agent, ProxyAgent }: typeof Undici,
): Undici.Dispatcher {
  const { ca, certificate, key, proxy, timeoutMs } = options;
  const tls = {
    ...(ca === undefined ? {} : { ca }),
    ...(certificate === undefined ? {} : { cert: certificate }),
    ...(key === undefined ? {} : { key }),
  };
  const limits = {
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxResponseSize: MAX_RESPONSE_BYTES,
  };
  const timeout = Math.min(timeoutMs, CONNECT_TIMEOUT_MS);
  if (proxy === undefined) {
    const { lookup } = guardOf(origin, options);
    return new Agent({ ...limits, connect: { ...tls, lookup, timeout } });
  }
  // The proxy resolves the target's name; literal addresses are judged here all the same.
  guardOf(origin, options);
  const { lookup } = guardOf(proxy.address, options);
  return new ProxyAgent({
    ...limits,
    uri: proxy.address,
    ...(proxy.authorization === undefined ? {} : { token: proxy.authorization }),
    proxyTls: { lookup, timeout },
    requestTls: { ...tls, timeout },
  });
}

/** @throws DeliveryError for schemes and addresses that are no targets */
function guardOf(address: string, { allowLoopback }: SessionOptions): AddressGuard {
  const url = parse(address);
  const guard = addressGuard(url);
  try {
    guard.checkHost(url.hostname);
    // The guard takes a URL that names this machine as consent, which whoever writes Providers cannot give.
    if (!allowLoopback && isThisMachine(url.hostname)) throw refusedAddress(url);
  } catch (error) {
    if (error instanceof SourceError) throw refusedAddress(url);
    throw error;
  }
  return guard;
}

const isThisMachine = (hostname: string): boolean => {
  const host = hostname.replace(/^\[|\]$/g, "").toLowerCase();
  return (
    host === "localhost" ||
    host.endsWith(".localhost") ||
    host.startsWith("127.") ||
    host === "::1" ||
    /^::ffff:(127\.|7f)/.test(host)
  );
};

function refusedAddress({ host }: URL): DeliveryError {
  return new DeliveryError(
    "address-refused",
    `${host} is an address that notifications are never sent to: use the routable name of the server`,
  );
}

function parse(address: string): URL {
  let url: URL | undefined;
  try {
    url = new URL(address);
  } catch {
    // The parser's own message repeats the address, which may hold a token.
  }
  if (url?.protocol === "http:" || url?.protocol === "https:") return url;
  throw new DeliveryError("configuration", "the address is no http:// or https:// URL");
}

async function send(
  outgoing: OutgoingRequest,
  context: SessionOptions & {
    readonly undici: typeof Undici;
    readonly dispatcherOf: (origin: string) => Undici.Dispatcher;
    readonly signal: AbortSignal;
  },
): Promise<OutgoingResponse> {
  const { method, headers, body } = outgoing;
  const url = parse(outgoing.url);
  const limit = AbortSignal.timeout(context.timeoutMs);
  let status: number;
  let text: string;
  let answered: Undici.Dispatcher.ResponseData["headers"];
  try {
    const response = await context.undici.request(url, {
      dispatcher: context.dispatcherOf(url.origin),
      method,
      headers: { "user-agent": "gantry", accept: "application/json", ...headers },
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.any([context.signal, limit]),
    });
    status = response.statusCode;
    answered = response.headers;
    text = await response.body.text();
  } catch (error) {
    context.signal.throwIfAborted();
    throw failure(error, url, limit.aborted);
  }
  if (status >= 200 && status < 300) return { status, text };
  throw refusal({ status, text, headers: answered }, url, context);
}

function failure(error: unknown, { host }: URL, isOverdue: boolean): DeliveryError {
  if (error instanceof DeliveryError) return error;
  const code = codeOf(error);
  if (isOverdue || /TIMEOUT/.test(code))
    return new DeliveryError("timeout", `${host} did not answer in time`);
  if (code === "UND_ERR_RES_EXCEEDED_MAX_SIZE")
    return new DeliveryError(
      "too-large",
      `${host} answered with more than ${MAX_RESPONSE_BYTES} bytes`,
    );
  if (error instanceof SourceError || codeOf((error as Error).cause) === "address-refused")
    return new DeliveryError(
      "address-refused",
      `${host} leads to an address that notifications are never sent to`,
    );
  return new DeliveryError(
    "unreachable",
    `${host} cannot be reached${code === "" ? "" : ` (${code})`}`,
  );
}

function codeOf(error: unknown): string {
  const code = (error as { readonly code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : "";
}

function refusal(
  {
    status,
    text,
    headers,
  }: OutgoingResponse & { headers: Undici.Dispatcher.ResponseData["headers"] },
  { host }: URL,
  { secrets, nowMs }: SessionOptions,
): DeliveryError {
  const reason = redact(text, secrets).replace(/\s+/g, " ").trim().slice(0, MAX_REASON_CHARACTERS);
  const message = `${host} answered ${status}${reason === "" ? "" : `: ${reason}`}`;
  const afterMs = retryAfterMs(headers, nowMs());
  // GitHub answers 403 when its rate limit is used up, and says until when.
  const isBusy =
    status >= 500 || status === 429 || status === 408 || (status === 403 && afterMs !== undefined);
  return new DeliveryError(isBusy ? "unavailable" : "refused", message, {
    retryAfterMs: afterMs,
    status,
  });
}

/** The text without the secrets, however they are encoded. */
export function redact(text: string, secrets: readonly string[]): string {
  const forms = new Set(
    secrets
      .flatMap(partsOf)
      .flatMap((secret) => [
        secret,
        encodeURIComponent(secret),
        JSON.stringify(secret).slice(1, -1),
        Buffer.from(secret).toString("base64"),
      ]),
  );
  let shown = text;
  // The longest first: a part of a secret would leave the rest of it.
  for (const form of [...forms].sort((a, b) => b.length - a.length))
    if (form.length >= MIN_SECRET_CHARACTERS) shown = shown.replaceAll(form, "<redacted>");
  return shown;
}

/** A secret and what it is made of: lines, and the parts of an address but for its host. */
function partsOf(secret: string): string[] {
  const parts = [
    secret,
    ...secret.split("\n").map((line) => line.slice(line.indexOf(":") + 1).trim()),
  ];
  if (!URL.canParse(secret)) return parts;
  const { pathname, search, searchParams, username, password } = new URL(secret);
  const segments = pathname.split("/").filter((part) => part.length >= MIN_SEGMENT_CHARACTERS);
  return [...parts, pathname, search, ...segments, ...searchParams.values(), username, password];
}
