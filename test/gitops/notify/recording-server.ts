import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export interface Recorded {
  readonly method: string;
  /** With query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}
export interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
  /** Never answers. */
  readonly hang?: true;
}

/** Plays a chat or a forge: keeps every request and answers as told. */
export class RecordingServer {
  readonly requests: Recorded[] = [];
  answer: (request: Recorded) => Answer = () => ({});
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const recorded = {
          method: request.method ?? "",
          path: request.url ?? "",
          headers: request.headers,
          text: Buffer.concat(chunks).toString("utf8"),
        };
        this.requests.push(recorded);
        const { status = 200, headers = {}, body, hang } = this.answer(recorded);
        if (hang === true) return;
        response.writeHead(status, { "content-type": "application/json", ...headers });
        response.end(
          body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body),
        );
      });
    });
  }

  static async start(): Promise<RecordingServer> {
    const server = new RecordingServer();
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Bodies as JSON, in order. */
  get bodies(): Record<string, unknown>[] {
    return this.requests.map(({ text }) =>
      text === "" ? {} : (JSON.parse(text) as Record<string, unknown>),
    );
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
