/**
 * Asks node agents what they measure, at most once a second however many ask, and keeps what they
 * said for a minute: usage is the difference between two readings.
 */
import type { Clock } from "../../../client/clock.ts";
import { sleep } from "../../../client/clock.ts";
import type { KubeObject } from "../../../kube/object.ts";
import type { NodeConnection, NodeMeasurement } from "../node-connection.ts";
import type { NodeConnections } from "../node-connections.ts";
import { keep } from "./usage-window.ts";

/** Fresh enough for anybody who asks. */
const FRESH_MS = 1_000;
/** An agent that does not answer is left out rather than waited for. */
const TIMEOUT_MS = 5_000;

/** Of one node, newest first; at least one. */
export type Measurements = readonly NodeMeasurement[];

export class UsageReader {
  readonly #nodes: NodeConnections;
  readonly #clock: Clock;
  readonly #kept = new Map<string, Measurements>();
  readonly #asking = new Map<string, Promise<void>>();

  constructor(nodes: NodeConnections, clock: Clock) {
    this.#nodes = nodes;
    this.#clock = clock;
  }

  /** By node name; without nodes that do not answer in time. */
  async read(
    podsOf: (nodeName: string) => readonly KubeObject[],
  ): Promise<Map<string, Measurements>> {
    const connected = this.#nodes.all();
    for (const name of this.#kept.keys()) if (!connected.has(name)) this.#kept.delete(name);
    await Promise.all(
      [...connected].map(([name, connection]) => this.#refresh(name, connection, podsOf)),
    );
    const nowMs = this.#clock.now();
    return new Map(
      [...this.#kept].filter(
        ([, [newest]]) => nowMs - (newest?.atMs ?? 0) <= FRESH_MS + TIMEOUT_MS,
      ),
    );
  }

  #refresh(
    name: string,
    connection: NodeConnection,
    podsOf: (nodeName: string) => readonly KubeObject[],
  ): Promise<void> {
    const [newest] = this.#kept.get(name) ?? [];
    if (newest !== undefined && this.#clock.now() - newest.atMs < FRESH_MS)
      return Promise.resolve();
    let asking = this.#asking.get(name);
    if (asking === undefined) {
      asking = this.#ask(name, connection, podsOf(name)).finally(() => this.#asking.delete(name));
      this.#asking.set(name, asking);
    }
    return asking;
  }

  async #ask(name: string, connection: NodeConnection, pods: readonly KubeObject[]): Promise<void> {
    const abort = new AbortController();
    try {
      const measured = await Promise.race([
        // An agent that fails is one that does not answer.
        connection.measure(pods).catch(() => undefined),
        sleep(this.#clock, TIMEOUT_MS, abort.signal).then(
          () => undefined,
          () => undefined,
        ),
      ]);
      if (measured !== undefined) this.#kept.set(name, keep(this.#kept.get(name) ?? [], measured));
    } finally {
      abort.abort();
    }
  }
}
