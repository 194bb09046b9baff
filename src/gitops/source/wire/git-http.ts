/**
 * Git over HTTP(S): bounded in bytes and time, guarded against internal addresses and foreign
 * redirects. Credentials go to the repository's own host only.
 */
import { type Agent, type Dispatcher, request } from "undici";
import type { ConnectionOptions, Credential } from "../source.ts";
import { SourceError } from "../source-error.ts";
import {
  DEFAULT_TRANSPORT_LIMITS,
  type GitRequestOptions,
  type GitTransport,
  type TransportLimits,
} from "./git-transport.ts";
import { httpAgent } from "./http-agent.ts";
import { statusError, transportError } from "./http-problems.ts";

/** Forges redirect once (renamed repository, missing `.git`); more is a loop. */
const MAX_REDIRECTS = 3;

export interface GitHttpOptions {
  /** Without userinfo. */
  readonly url: string;
  readonly connection?: ConnectionOptions;
  readonly limits?: Partial<TransportLimits>;
  /** Asked before every exchange. */
  readonly credential: (signal: AbortSignal) => Promise<Credential | undefined>;
}

interface Asked {
  readonly url: string;
  readonly isRefs: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | null;
}

/** The connections to one repository's server. */
export class GitHttp implements GitTransport {
  readonly #where: string;
  readonly #agent: Agent;
  readonly #limits: TransportLimits;
  readonly #credential: GitHttpOptions["credential"];
  /** The repository's URL after redirects. */
  #base: string;

  constructor(options: GitHttpOptions) {
    this.#where = options.url;
    this.#base = options.url;
    this.#limits = { ...DEFAULT_TRANSPORT_LIMITS, ...options.limits };
    this.#credential = options.credential;
    this.#agent = httpAgent(options.url, options.connection ?? {}, this.#limits);
  }

  async advertisement(signal: AbortSignal): Promise<AsyncIterable<Buffer>> {
    this.#base = this.#where;
    const url = `${this.#where}/info/refs?service=git-upload-pack`;
    const headers = { "git-protocol": "version=2" };
    const asked = { url, isRefs: true, headers, body: null };
    return this.#exchange(asked, this.#limits.maxRefsBytes, signal);
  }

  async request(body: Buffer, options: GitRequestOptions): Promise<AsyncIterable<Buffer>> {
    const asked: Asked = {
      url: `${this.#base}/git-upload-pack`,
      isRefs: false,
      headers: {
        "content-type": "application/x-git-upload-pack-request",
        accept: "application/x-git-upload-pack-result",
        ...(options.version === 2 && { "git-protocol": "version=2" }),
      },
      body,
    };
    return this.#exchange(asked, options.maxBytes, options.signal);
  }

  async #exchange(
    asked: Asked,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Buffer>> {
    const headers = { ...asked.headers, ...this.#authorization(await this.#credential(signal)) };
    let { url } = asked;
    for (let redirects = 0; ; redirects++) {
      const response = await this.#send({ ...asked, url, headers }, signal);
      const location = headerOf(response, "location");
      if (response.statusCode >= 300 && response.statusCode < 400 && location !== undefined) {
        await response.body.dump().catch(() => undefined);
        url = this.#redirectTarget(url, location, asked.isRefs && redirects < MAX_REDIRECTS);
        continue;
      }
      if (response.statusCode !== 200) {
        await response.body.dump().catch(() => undefined);
        throw statusError(response.statusCode, this.#where);
      }
      this.#checkContentType(response, asked.isRefs);
      if (asked.isRefs) this.#base = url.slice(0, url.indexOf("/info/refs?"));
      return this.#bounded(response, maxBytes, signal);
    }
  }

  async #send(asked: Asked, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    try {
      return await request(asked.url, {
        dispatcher: this.#agent,
        method: asked.body === null ? "GET" : "POST",
        headers: { "user-agent": "git/gantry", ...asked.headers },
        body: asked.body,
        signal,
      });
    } catch (error) {
      throw transportError(error, this.#where, signal);
    }
  }

  async *#bounded(
    response: Dispatcher.ResponseData,
    maxBytes: number,
    signal: AbortSignal,
  ): AsyncGenerator<Buffer, void> {
    let size = 0;
    try {
      for await (const chunk of response.body as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > maxBytes) throw answerTooLarge(this.#where, maxBytes);
        yield chunk;
      }
    } catch (error) {
      throw transportError(error, this.#where, signal);
    }
  }

  #authorization(credential: Credential | undefined): Record<string, string> {
    if (credential === undefined) return {};
    if (credential.kind === "bearer") return { authorization: `Bearer ${credential.token}` };
    if (credential.kind === "basic") {
      const pair = `${credential.username}:${credential.password}`;
      return { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
    }
    throw new SourceError("bad-credential", {
      what: "an SSH key cannot be used over http",
      where: this.#where,
      advice: "Give a user name and a token, or use the repository's ssh:// URL.",
    });
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

function headerOf(response: Dispatcher.ResponseData, name: string): string | undefined {
  const value = response.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

export function answerTooLarge(where: string, maxBytes: number): SourceError {
  return new SourceError("too-large", {
    what: `the server sent more than ${maxBytes} bytes`,
    where,
    advice: "Keep large files out of the repository, or deploy from a smaller one.",
  });
}
