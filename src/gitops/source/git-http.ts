/**
 * The HTTP that isomorphic-git speaks through: bounded in bytes and time, guarded against internal
 * addresses and foreign redirects, and with responses checked before the Git code sees them.
 */
import { rootCertificates } from "node:tls";
import type { GitHttpRequest, GitHttpResponse, HttpClient } from "isomorphic-git/http/node";
import { Agent, buildConnector, type Dispatcher, request } from "undici";
import { type AddressGuard, addressGuard } from "./address-guard.ts";
import type { Credential } from "./source.ts";
import { statusError, transportError } from "./http-problems.ts";
import { SourceError } from "./source-error.ts";
import { checkUploadPackResponse } from "./upload-pack-response.ts";

export interface GitHttpLimits {
  /** Until a TCP and TLS connection stands. */
  readonly connectTimeoutMs: number;
  /** Until the answer begins: the server may count objects first. */
  readonly headersTimeoutMs: number;
  /** Between two pieces of the answer. */
  readonly idleTimeoutMs: number;
  /** A list of refs: hundreds of thousands of them. */
  readonly maxRefsBytes: number;
  /** A pack: isomorphic-git holds it in memory. */
  readonly maxPackBytes: number;
}

export const DEFAULT_HTTP_LIMITS: GitHttpLimits = {
  connectTimeoutMs: 10_000,
  headersTimeoutMs: 60_000,
  idleTimeoutMs: 30_000,
  maxRefsBytes: 64 * 1024 * 1024,
  maxPackBytes: 512 * 1024 * 1024,
};

/** Forges redirect once (renamed repository, missing `.git`); more is a loop. */
const MAX_REDIRECTS = 3;
/** Lists of refs that are kept for the fetch that mostly follows. */
const MAX_KEPT_REFS_BYTES = 1024 * 1024;
/** Repositories are polled every minute or so: a connection in between is kept for bursts only. */
const KEEP_ALIVE_MS = 10_000;

export interface GitHttpOptions {
  /** Without userinfo. */
  readonly url: string;
  /** PEM certificates that are trusted besides the system's. */
  readonly ca?: string;
  readonly limits?: Partial<GitHttpLimits>;
}

interface Answer {
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

/** The last list of refs, and the repository's URL after redirects. */
interface Listed {
  readonly base: string;
  readonly headers: Record<string, string>;
  /** Left out when it is large: then it is asked for again. */
  readonly body: Buffer | undefined;
}

/** The connections to one repository's server. */
export class GitHttp {
  readonly #url: URL;
  readonly #where: string;
  readonly #guard: AddressGuard;
  readonly #agent: Agent;
  readonly #limits: GitHttpLimits;
  #listed: Listed | undefined;

  constructor(options: GitHttpOptions) {
    this.#where = options.url;
    this.#url = new URL(options.url);
    this.#limits = { ...DEFAULT_HTTP_LIMITS, ...options.limits };
    this.#guard = addressGuard(this.#url);
    const connect = buildConnector({
      timeout: this.#limits.connectTimeoutMs,
      lookup: this.#guard.lookup,
      ...(options.ca !== undefined && { ca: [...rootCertificates, options.ca] }),
    });
    this.#agent = new Agent({
      headersTimeout: this.#limits.headersTimeoutMs,
      bodyTimeout: this.#limits.idleTimeoutMs,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connect: (target, callback) => {
        try {
          this.#guard.checkHost(target.hostname);
        } catch (error) {
          callback(error as SourceError, null);
          return;
        }
        connect(target, callback);
      },
    });
  }

  /**
   * A client for one exchange: it sends the credential, and stays with the address that the list
   * of refs was redirected to. Fetching starts with that list, too; where it was asked for just
   * before, `reuse` answers from memory.
   */
  session(
    credential: Credential | undefined,
    signal: AbortSignal,
    listed: "ask" | "reuse",
  ): HttpClient {
    const headers = authorization(credential);
    if (listed === "ask") this.#listed = undefined;
    return {
      request: async (asked: GitHttpRequest): Promise<GitHttpResponse> => {
        const isRefs = (asked.method ?? "GET") === "GET";
        if (isRefs && this.#listed?.body !== undefined)
          return answerOf(asked.url, this.#listed.headers, this.#listed.body);
        const base = this.#listed?.base ?? this.#where;
        const sent: GitHttpRequest = {
          ...asked,
          url: base + asked.url.slice(this.#where.length),
          headers: { ...asked.headers, ...headers },
        };
        const answer = await this.#exchange(sent, isRefs, signal);
        if (isRefs) this.#listed = listedFrom(answer);
        else checkUploadPackResponse(answer.body, this.#where);
        return answerOf(asked.url, answer.headers, answer.body);
      },
    };
  }

  async #exchange(asked: GitHttpRequest, isRefs: boolean, signal: AbortSignal): Promise<Answer> {
    const body = asked.body === undefined ? undefined : await collect(asked.body);
    let url = asked.url;
    for (let redirects = 0; ; redirects++) {
      const response = await this.#send(url, asked, body, signal);
      const location = headerOf(response, "location");
      if (response.statusCode >= 300 && response.statusCode < 400 && location !== undefined) {
        await response.body.dump().catch(() => undefined);
        url = this.#redirectTarget(url, location, isRefs && redirects < MAX_REDIRECTS);
        continue;
      }
      if (response.statusCode !== 200) {
        await response.body.dump().catch(() => undefined);
        throw statusError(response.statusCode, this.#where);
      }
      this.#checkContentType(response, isRefs);
      const maxBytes = isRefs ? this.#limits.maxRefsBytes : this.#limits.maxPackBytes;
      const content = await this.#readBody(response, maxBytes, signal);
      return { url, headers: flatHeaders(response), body: content };
    }
  }

  async #send(
    url: string,
    asked: GitHttpRequest,
    body: Buffer | undefined,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    try {
      return await request(url, {
        dispatcher: this.#agent,
        method: asked.method === "POST" ? "POST" : "GET",
        headers: { "user-agent": "git/gantry", ...asked.headers },
        body: body ?? null,
        signal,
      });
    } catch (error) {
      throw transportError(error, this.#where, signal);
    }
  }

  async #readBody(
    response: Dispatcher.ResponseData,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      for await (const chunk of response.body as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > maxBytes) {
          throw new SourceError("too-large", {
            what: `the server sent more than ${maxBytes} bytes`,
            where: this.#where,
            advice: "Keep large files out of the repository, or deploy from a smaller one.",
          });
        }
        chunks.push(chunk);
      }
    } catch (error) {
      throw transportError(error, this.#where, signal);
    }
    return Buffer.concat(chunks, size);
  }

  #redirectTarget(from: string, location: string, allowed: boolean): string {
    let target: URL | undefined;
    try {
      target = new URL(location, from);
    } catch {
      target = undefined;
    }
    const current = new URL(from);
    const upgraded = current.protocol === "http:" && target?.protocol === "https:";
    const sameOrigin =
      target !== undefined &&
      target.hostname === current.hostname &&
      (target.host === current.host || upgraded) &&
      (target.protocol === current.protocol || upgraded);
    if (
      allowed &&
      target !== undefined &&
      sameOrigin &&
      target.username === "" &&
      target.password === "" &&
      target.href.includes("/info/refs?")
    )
      return target.href;
    throw new SourceError("redirect-refused", {
      what:
        target === undefined
          ? "the server redirects to something that is no URL"
          : `the server redirects to ${target.protocol}//${target.host}${target.pathname}`,
      where: this.#where,
      advice:
        "Credentials are never sent to another host: if the repository has moved, change repoURL.",
    });
  }

  #checkContentType(response: Dispatcher.ResponseData, isRefs: boolean): void {
    const expected = isRefs
      ? "application/x-git-upload-pack-advertisement"
      : "application/x-git-upload-pack-result";
    const found = headerOf(response, "content-type")?.split(";")[0]?.trim();
    if (found === expected) return;
    response.body.on("error", () => undefined).destroy();
    throw new SourceError("protocol", {
      what: `the server's answer is not Git's (content type ${JSON.stringify(found ?? "none")})`,
      where: this.#where,
      advice:
        "Check that the URL is that of a repository, often ending in .git, not of a web page.",
    });
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }
}

function authorization(credential: Credential | undefined): Record<string, string> {
  if (credential === undefined) return {};
  if (credential.kind === "bearer") return { authorization: `Bearer ${credential.token}` };
  const pair = `${credential.username}:${credential.password}`;
  return { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}

function listedFrom({ url, headers, body }: Answer): Listed {
  const base = url.slice(0, url.indexOf("/info/refs?"));
  return { base, headers, body: body.length <= MAX_KEPT_REFS_BYTES ? body : undefined };
}

function answerOf(url: string, headers: Record<string, string>, body: Buffer): GitHttpResponse {
  return { url, headers, statusCode: 200, statusMessage: "OK", body: once(body) };
}

async function* once(body: Buffer): AsyncGenerator<Uint8Array, void> {
  yield await Promise.resolve(body);
}

async function collect(body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function headerOf(response: Dispatcher.ResponseData, name: string): string | undefined {
  const value = response.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function flatHeaders(response: Dispatcher.ResponseData): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const name of Object.keys(response.headers)) flat[name] = headerOf(response, name) ?? "";
  return flat;
}
