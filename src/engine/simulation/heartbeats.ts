/** Renews the leases of all simulated nodes, a part of them each second. */
import type { Client } from "../../client/client.ts";
import { type Clock, sleep } from "../../client/clock.ts";
import type { Logger } from "../../client/logger.ts";
import type { Node } from "../../kube/kinds/node.ts";
import { RENEW_PERIOD_MS, renewLease } from "../node/renew-lease.ts";

/** Parts that take turns, so that a thousand nodes are no burst. */
const PARTS = 10;

export class Heartbeats {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #abort = new AbortController();
  readonly #parts: Map<string, Node>[] = Array.from(
    { length: PARTS },
    () => new Map<string, Node>(),
  );
  readonly #partOf = new Map<string, number>();
  #next = 0;
  #running: Promise<void> | undefined;

  constructor(client: Client, clock: Clock, logger: Logger) {
    this.#client = client;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** A node that is new here is heard of at once. */
  async add(node: Node): Promise<void> {
    const { name } = node.metadata;
    let part = this.#partOf.get(name);
    const isNew = part === undefined;
    if (part === undefined) {
      part = this.#next;
      this.#next = (this.#next + 1) % PARTS;
      this.#partOf.set(name, part);
    }
    this.#parts[part]?.set(name, node);
    if (isNew) await renewLease(this.#client, node, this.#clock.now());
  }

  remove(name: string): void {
    const part = this.#partOf.get(name);
    this.#partOf.delete(name);
    if (part !== undefined) this.#parts[part]?.delete(name);
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#abort.abort(new Error("the heartbeats stop"));
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    for (let turn = 0; !signal.aborted; turn = (turn + 1) % PARTS) {
      const nowMs = this.#clock.now();
      const part = [...(this.#parts[turn]?.values() ?? [])];
      await Promise.all(part.map((node) => this.#renew(node, nowMs)));
      await sleep(this.#clock, RENEW_PERIOD_MS / PARTS, signal).catch(() => undefined);
    }
  }

  async #renew(node: Node, nowMs: number): Promise<void> {
    try {
      await renewLease(this.#client, node, nowMs);
    } catch (error) {
      const { name } = node.metadata;
      this.#logger.warn({ err: error, node: name }, "a simulated node's lease was not renewed");
    }
  }
}
