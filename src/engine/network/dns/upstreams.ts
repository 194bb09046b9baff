/**
 * Which servers are asked for names that are not ours: those given, or those of `resolv.conf`. The
 * file is looked at again when somebody asks, at most every few seconds: nothing runs in between.
 */
import { readFile, stat } from "node:fs/promises";
import type { Clock } from "../../../client/clock.ts";
import type { Logger } from "../../../client/logger.ts";
import { parseResolvConf } from "./resolv-conf.ts";
import type { Upstream } from "./upstream-exchange.ts";

export const RESOLV_CONF = "/etc/resolv.conf";
const DNS_PORT = 53;
/** So long may a change of the file go unnoticed. */
const LOOK_EVERY_MS = 5_000;
/** As many as resolvers read. */
const MAX_UPSTREAMS = 8;
/** A server that did not answer is asked last for so long. */
const AVOID_MS = 10_000;

export interface UpstreamsOptions {
  /** Path of a `resolv.conf`, or the servers themselves. */
  readonly source: string | readonly Upstream[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether this is an address on which we listen ourselves. */
  readonly isOurs: (upstream: Upstream) => boolean;
}

export class Upstreams {
  readonly #options: UpstreamsOptions;
  readonly #failedAtMs = new Map<string, number>();
  readonly #looping = new Set<string>();
  #servers: readonly Upstream[] = [];
  #seen: string | undefined;
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: UpstreamsOptions) {
    this.#options = options;
  }

  /** In the order in which they should be asked; those that failed just now last. */
  async current(): Promise<readonly Upstream[]> {
    const { source, clock } = this.#options;
    const nowMs = clock.now();
    const isDue = nowMs - this.#lookedAtMs >= LOOK_EVERY_MS || nowMs < this.#lookedAtMs;
    if (isDue && (typeof source === "string" || this.#seen === undefined)) {
      this.#lookedAtMs = nowMs;
      await this.#look(source);
    }
    const isAvoided = (upstream: Upstream): boolean =>
      nowMs - (this.#failedAtMs.get(idOf(upstream)) ?? Number.NEGATIVE_INFINITY) < AVOID_MS;
    const usable = this.#servers.filter((upstream) => !this.#looping.has(idOf(upstream)));
    return usable.some(isAvoided)
      ? [...usable.filter((upstream) => !isAvoided(upstream)), ...usable.filter(isAvoided)]
      : usable;
  }

  failed(upstream: Upstream): void {
    this.#failedAtMs.set(idOf(upstream), this.#options.clock.now());
  }
  answered(upstream: Upstream): void {
    this.#failedAtMs.delete(idOf(upstream));
  }

  /** What this server is asked comes back to us: it is asked no more until the servers change. */
  loops(upstream: Upstream): void {
    if (this.#looping.has(idOf(upstream))) return;
    this.#looping.add(idOf(upstream));
    this.#options.logger.warn(
      { upstream: idOf(upstream) },
      "this DNS server asks the cluster's own DNS server in turn, so it is not asked any more: name another with --dns-upstream",
    );
  }

  async #look(path: UpstreamsOptions["source"]): Promise<void> {
    if (typeof path !== "string") {
      this.#seen = "given";
      this.#take(path, "--dns-upstream");
      return;
    }
    try {
      const { ino, mtimeMs, size } = await stat(path);
      const seen = `${ino} ${mtimeMs} ${size}`;
      if (seen === this.#seen) return;
      const { nameservers } = parseResolvConf(await readFile(path, "utf8"));
      this.#seen = seen;
      this.#take(
        nameservers.map((host) => ({ host, port: DNS_PORT })),
        path,
      );
    } catch (error) {
      // What was read last goes on: files are often replaced in two steps.
      const { code } = error as NodeJS.ErrnoException;
      if (this.#seen !== code)
        this.#options.logger.warn({ err: error, path }, "upstream DNS servers cannot be read");
      this.#seen = code;
    }
  }

  #take(servers: readonly Upstream[], from: string): void {
    const { isOurs, logger } = this.#options;
    this.#servers = servers.filter((upstream) => !isOurs(upstream)).slice(0, MAX_UPSTREAMS);
    this.#failedAtMs.clear();
    this.#looping.clear();
    if (servers.length > 0 && this.#servers.length === 0)
      logger.warn(
        { from },
        "the only DNS server named is the cluster's own: names outside the cluster do not resolve; name another with --dns-upstream",
      );
  }
}

export const idOf = ({ host, port }: Upstream): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
