/**
 * HTTP to registries and Helm repositories: guarded as Git is, bounded, tried again where that can
 * help. Follows redirects, which registries use to hand out blobs; a credential, a client
 * certificate and "insecure" are for the configured host only.
 */
import { type Agent, type Dispatcher, request } from "undici";
import { type Clock, sleep } from "../../../client/clock.ts";
import type { ConnectionOptions } from "../source.ts";
import { SourceError } from "../source-error.ts";
import { type HttpAgentLimits, httpAgent } from "../wire/http-agent.ts";
import { transportError } from "../wire/http-problems.ts";
import { serverProblem } from "./artifact-problems.ts";

export interface ArtifactHttpOptions {
  /** Of the registry or repository, without credentials: shown in errors. */
  readonly url: string;
  readonly clock: Clock;
  readonly connection?: ConnectionOptions;
  readonly timeouts?: Partial<HttpAgentLimits>;
}

const DEFAULT_TIMEOUTS: HttpAgentLimits = {
  connectTimeoutMs: 10_000,
  headersTimeoutMs: 30_000,
  idleTimeoutMs: 30_000,
};
/** Registries redirect to a blob store, that sometimes once more to a mirror. */
const MAX_REDIRECTS = 5;
/** With the pauses of 250 and 500 ms: what a restart of a proxy or a rate limit of a second takes. */
const MAX_ATTEMPTS = 3;
const FIRST_PAUSE_MS = 250;

export interface Asked {
  readonly method?: "GET" | "HEAD";
  readonly headers?: Readonly<Record<string, string>>;
  /** Goes to the origin of the first URL only. */
  readonly authorization?: string | undefined;
  readonly signal: AbortSignal;
}

export type Answer = Dispatcher.ResponseData;

export class ArtifactHttp {
  readonly #options: ArtifactHttpOptions;
  readonly #origin: string;
  readonly #own: Agent;
  readonly #foreign: Agent;

  constructor(options: ArtifactHttpOptions) {
    this.#options = options;
    this.#origin = new URL(options.url).origin;
    const { ca, proxy, noProxy } = options.connection ?? {};
    this.#own = this.#agent(options.connection ?? {});
    this.#foreign = this.#agent({
      ...(ca !== undefined && { ca }),
      ...(proxy !== undefined && { proxy }),
      ...(noProxy !== undefined && { noProxy }),
    });
  }

  #agent(connection: ConnectionOptions): Agent {
    return httpAgent(this.#options.url, connection, {
      ...DEFAULT_TIMEOUTS,
      ...this.#options.timeouts,
    });
  }

  /**
   * Sends a request, again when the server is unwell.
   * @returns any answer below 500 except 429, redirects followed
   * @throws SourceError
   */
  async ask(url: string, asked: Asked): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await this.#follow(url, asked);
        if (answer.statusCode < 500 && answer.statusCode !== 429) return answer;
        await discard(answer);
        throw serverProblem(answer.statusCode, this.#options.url);
      } catch (error) {
        if (attempt >= MAX_ATTEMPTS || !isWorthTrying(error) || asked.signal.aborted) throw error;
      }
      await sleep(this.#options.clock, FIRST_PAUSE_MS * 2 ** (attempt - 1), asked.signal);
    }
  }

  async #follow(first: string, asked: Asked): Promise<Answer> {
    let url = new URL(first);
    const { origin } = url;
    for (let redirects = 0; ; redirects++) {
      const isOwn = url.origin === this.#origin;
      const authorization = url.origin === origin ? asked.authorization : undefined;
      const answer = await this.#send(url, isOwn ? this.#own : this.#foreign, {
        ...asked,
        authorization,
      });
      const location = answer.headers["location"];
      if (answer.statusCode < 300 || answer.statusCode > 399 || typeof location !== "string")
        return answer;
      await discard(answer);
      url = this.#redirectTarget(url, location, redirects);
    }
  }

  async #send(url: URL, dispatcher: Agent, asked: Asked): Promise<Answer> {
    const { method = "GET", headers, authorization, signal } = asked;
    try {
      return await request(url, {
        dispatcher,
        method,
        headers: {
          "user-agent": "gantry",
          ...headers,
          ...(authorization !== undefined && { authorization }),
        },
        signal,
      });
    } catch (error) {
      throw transportError(error, this.#options.url, signal);
    }
  }

  #redirectTarget(from: URL, location: string, redirects: number): URL {
    const target = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined;
    const isPlain = target?.protocol === "http:" && from.protocol === "http:";
    if (
      redirects < MAX_REDIRECTS &&
      target !== undefined &&
      (target.protocol === "https:" || isPlain) &&
      target.username === "" &&
      target.password === ""
    )
      return target;
    throw new SourceError("redirect-refused", {
      what:
        target === undefined
          ? "the server redirects to something that is no URL"
          : `the server redirects to ${target.protocol}//${target.host}`,
      where: this.#options.url,
      advice: `At most ${MAX_REDIRECTS} redirects are followed, and only over https.`,
    });
  }

  /** The body in pieces. @throws SourceError `too-large`, or what breaks the connection */
  async *body(answer: Answer, maxBytes: number, signal: AbortSignal): AsyncGenerator<Buffer, void> {
    let sizeBytes = 0;
    try {
      for await (const chunk of answer.body as AsyncIterable<Buffer>) {
        sizeBytes += chunk.length;
        if (sizeBytes > maxBytes) throw this.#tooLarge(maxBytes);
        yield chunk;
      }
    } catch (error) {
      throw transportError(error, this.#options.url, signal);
    }
  }

  /** The whole body. @throws SourceError as {@link body} */
  async bytes(answer: Answer, maxBytes: number, signal: AbortSignal): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.body(answer, maxBytes, signal)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  #tooLarge(maxBytes: number): SourceError {
    return new SourceError("too-large", {
      what: `the server sent more than ${maxBytes} bytes`,
      where: this.#options.url,
      advice: "Publish less in one place.",
    });
  }

  async close(): Promise<void> {
    await Promise.all([this.#own.destroy(), this.#foreign.destroy()]);
  }
}

/** Gives the connection back. */
export async function discard(answer: Answer): Promise<void> {
  await answer.body.dump({ limit: 64 * 1024 }).catch(() => undefined);
}

const TRANSIENT: ReadonlySet<string> = new Set(["unreachable", "truncated", "server-error"]);

function isWorthTrying(error: unknown): boolean {
  return error instanceof SourceError && TRANSIENT.has(error.code);
}

export function headerOf(answer: Answer, name: string): string | undefined {
  const value = answer.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
