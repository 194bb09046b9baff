/**
 * Finds out whether an upstream server asks us in turn, as the resolver of this machine does when it
 * was told to ask the cluster: a name made up at random is asked for, and must not come back.
 */
import { randomBytes } from "node:crypto";
import { networkInterfaces } from "node:os";
import type { Clock } from "../../../client/clock.ts";
import { CLASS_IN, TYPE } from "./record-types.ts";
import { exchange, type Upstream } from "./upstream-exchange.ts";
import { encodeName } from "./wire-name.ts";

const PROBE_DOMAIN = "gantry-loop-check";
const PROBE_TIMEOUT_MS = 2_000;

export interface LoopProbeOptions {
  readonly clock: Clock;
  readonly onLoop: (upstream: Upstream) => void;
}

export class LoopProbe {
  readonly #options: LoopProbeOptions;
  readonly #probed = new WeakSet<Upstream>();
  readonly #asked = new Map<string, Upstream>();
  readonly #abort = new AbortController();
  readonly #work = new Set<Promise<void>>();

  constructor(options: LoopProbeOptions) {
    this.#options = options;
  }

  /** Once for each server that could know of us: others cannot reach this machine's loopback. */
  onAsk(upstream: Upstream): void {
    if (this.#probed.has(upstream) || this.#abort.signal.aborted) return;
    this.#probed.add(upstream);
    if (!isThisMachine(upstream.host)) return;
    const label = randomBytes(12).toString("hex");
    this.#asked.set(label, upstream);
    const probing = this.#probe(label, upstream).finally(() => {
      this.#asked.delete(label);
      this.#work.delete(probing);
    });
    this.#work.add(probing);
  }

  /** Whether a name is one that we made up; whom we asked is then known to ask us. */
  isOwn(labels: readonly string[]): boolean {
    if (labels.at(-1) !== PROBE_DOMAIN) return false;
    const upstream = this.#asked.get(labels[0] ?? "");
    if (upstream !== undefined) this.#options.onLoop(upstream);
    return true;
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await Promise.all(this.#work);
  }

  async #probe(label: string, upstream: Upstream): Promise<void> {
    const name = encodeName(`${label}.${PROBE_DOMAIN}`) ?? Buffer.of(0);
    const question = {
      bytes: Buffer.concat([name, Buffer.of(0, TYPE.A, 0, CLASS_IN)]),
      dnssecOk: false,
      checkingDisabled: false,
    };
    const { clock } = this.#options;
    const options = { clock, timeoutMs: PROBE_TIMEOUT_MS, signal: this.#abort.signal };
    // What it answers, if anything, means nothing.
    await exchange(upstream, question, options).catch(() => undefined);
  }
}

export function isThisMachine(host: string): boolean {
  if (host.startsWith("127.") || host === "::1") return true;
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ address }) => address === host),
  );
}
