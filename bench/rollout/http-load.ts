/** Clients that ask one after the other, as fast as they are answered, and count what fails. */
import { Agent, request } from "node:http";
import { HOST } from "./manifests.ts";

const CLIENTS = 16;

/** Where the load goes. */
export interface Target {
  readonly through: "service" | "ingress";
  readonly host: string;
  readonly port: number;
}

export class HttpLoad {
  sent = 0;
  failed = 0;
  readonly errors = new Map<string, number>();
  readonly versions = new Map<string, number>();
  readonly #clients: readonly Promise<void>[];
  readonly #startedMs = performance.now();
  #running = true;

  constructor(target: Target, keepAlive: boolean) {
    this.#clients = Array.from({ length: CLIENTS }, () => this.#client(target, keepAlive));
  }

  async reached(requests: number): Promise<void> {
    while (this.sent < requests) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  /** Requests per second over its whole time. */
  async stop(): Promise<number> {
    this.#running = false;
    await Promise.all(this.#clients);
    return Math.round(this.sent / ((performance.now() - this.#startedMs) / 1000));
  }

  async #client(target: Target, keepAlive: boolean): Promise<void> {
    const agent = new Agent({ keepAlive, maxSockets: 1 });
    while (this.#running) {
      this.sent++;
      try {
        count(this.versions, await ask(target, agent));
      } catch (error) {
        this.failed++;
        count(this.errors, error instanceof Error ? error.message : String(error));
      }
    }
    agent.destroy();
  }
}

function ask({ host, port }: Target, agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { host, port, agent, path: "/", headers: { host: HOST } };
    const outgoing = request(options, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (piece: string) => (text += piece));
      response.on("error", reject);
      response.on("end", () =>
        response.statusCode === 200
          ? resolve(text)
          : reject(new Error(`status ${response.statusCode}`)),
      );
    });
    outgoing.on("error", reject);
    outgoing.end();
  });
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
