/** Clients that ask a URL over and over and count what they get. */
import { Agent, request } from "node:http";

/** Beyond this a request counts as failed. */
const REQUEST_TIMEOUT_MS = 15_000;

export interface Tally {
  sent: number;
  /** Answers by body. */
  readonly answers: Map<string, number>;
  /** Failed requests by reason. */
  readonly failures: Map<string, number>;
  slowestMs: number;
}
export interface LoadOptions {
  readonly clients: number;
  readonly keepAlive: boolean;
  readonly path?: string;
  /** `POST` is never sent twice on the client's behalf. @default "GET" */
  readonly method?: "GET" | "POST";
}

export class Load {
  readonly tally: Tally = { sent: 0, answers: new Map(), failures: new Map(), slowestMs: 0 };
  readonly #waiting: { readonly isWanted: (tally: Tally) => boolean; readonly tell: () => void }[] =
    [];
  readonly #clients: Promise<void>[];
  #running = true;

  constructor(url: string, options: LoadOptions) {
    this.#clients = Array.from({ length: options.clients }, () => this.#client(url, options));
  }

  /** Resolves once the tally is as wanted. */
  until(isWanted: (tally: Tally) => boolean): Promise<void> {
    if (isWanted(this.tally)) return Promise.resolve();
    return new Promise((tell) => this.#waiting.push({ isWanted, tell }));
  }
  /** Resolves after as many further requests. */
  more(requests: number): Promise<void> {
    const target = this.tally.sent + requests;
    return this.until(({ sent }) => sent >= target);
  }
  async stop(): Promise<Tally> {
    this.#running = false;
    await Promise.all(this.#clients);
    return this.tally;
  }

  async #client(
    url: string,
    { keepAlive, path = "/", method = "GET" }: LoadOptions,
  ): Promise<void> {
    const agent = new Agent({ keepAlive, maxSockets: 1 });
    while (this.#running) {
      const startedMs = performance.now();
      try {
        count(this.tally.answers, await ask(new URL(path, url), { agent, method }));
      } catch (error) {
        count(this.tally.failures, error instanceof Error ? error.message : String(error));
      }
      this.tally.sent++;
      this.tally.slowestMs = Math.max(this.tally.slowestMs, performance.now() - startedMs);
      for (const { isWanted, tell } of this.#waiting) if (isWanted(this.tally)) tell();
    }
    agent.destroy();
  }
}

/** The body of a 200; rejects with everything else. */
export function ask(
  url: URL,
  options: { readonly agent?: Agent; readonly method?: string } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, options, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (piece: string) => (text += piece));
      response.on("error", reject);
      response.on("end", () =>
        response.statusCode === 200
          ? resolve(text)
          : reject(new Error(`status ${response.statusCode}: ${text}`)),
      );
    });
    outgoing.setTimeout(REQUEST_TIMEOUT_MS, () => outgoing.destroy(new Error("no answer in time")));
    outgoing.on("error", reject);
    outgoing.end();
  });
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
