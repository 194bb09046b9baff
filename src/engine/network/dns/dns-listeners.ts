/**
 * Where the DNS server is found: at the Service's own address and port 53, when it may, and at the
 * address that was asked for. Without either, at another address of the loopback network, so that
 * several clusters on one machine do not disturb each other, or at a port that anybody may have.
 */
import type { Clock } from "../../../client/clock.ts";
import type { Logger } from "../../../client/logger.ts";
import type { DnsHandler } from "./dns-handler.ts";
import { listenTcp } from "./tcp-listener.ts";
import { type DnsSocket, listenUdp } from "./udp-listener.ts";
import type { Upstream } from "./upstream-exchange.ts";
import { idOf } from "./upstreams.ts";

export const DNS_PORT = 53;
/** What `resolver(5)` files and resolvers of the machine can be pointed to when 53 is not to be had. */
const UNPRIVILEGED: Upstream = { host: "127.0.0.1", port: 1053 };
const ANY_FREE: Upstream = { host: "127.0.0.1", port: 0 };
/** Addresses of 127.97.0.0/16 that are tried when the Service's own is taken. */
const SPARE_TRIES = 8;
/** How long until an address that was asked for and is taken is tried again. */
const RETRY_MS = 10_000;
/** The kernel picks a port for connections; that it is free for datagrams, too, is likely. */
const PORT_TRIES = 8;

export interface DnsListenersOptions {
  /** The address of the Service. */
  readonly serviceAddress: string;
  /** Asked for by the user; listened at besides. */
  readonly listen?: Upstream;
  /** Where the server listened the last time: running pods know it by that. */
  readonly previous?: Upstream;
  readonly handler: DnsHandler;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Yields [0, 1). @default Math.random */
  readonly random?: () => number;
  readonly onChange: () => void;
}
export interface DnsListeners {
  /** The first is the one that pods are told of. */
  readonly addresses: readonly Upstream[];
  close(): Promise<void>;
}

/** Never fails: without an address nobody can ask, and the log says so. */
export async function openDnsListeners(options: DnsListenersOptions): Promise<DnsListeners> {
  const { logger, clock, listen } = options;
  const open: { readonly address: Upstream; close(): Promise<void> }[] = [];
  let cancelRetry = (): void => undefined;
  let retrying = Promise.resolve();
  let closed = false;
  const attempt = async (address: Upstream): Promise<unknown> => {
    try {
      open.push(await listenBoth(address, options));
      return undefined;
    } catch (error) {
      return error;
    }
  };
  const openAsked = async (address: Upstream): Promise<void> => {
    const error = await attempt(address);
    if (error === undefined) return;
    logger.warn(
      { err: error, address: idOf(address) },
      "DNS cannot listen where --dns-listen says: stop what listens there, or choose another address; it is tried again",
    );
    cancelRetry = clock.after(RETRY_MS, () => {
      retrying = openAsked(address).then(() => {
        if (closed) return closeAll();
        options.onChange();
        return undefined;
      });
    });
  };
  const closeAll = async (): Promise<void> => {
    await Promise.all(open.splice(0).map((listener) => listener.close()));
  };
  const service = { host: options.serviceAddress, port: DNS_PORT };
  const refused = await attempt(service);
  if (listen !== undefined) await openAsked(listen);
  else if (refused !== undefined) {
    for (const address of spares(refused, options))
      if ((await attempt(address)) === undefined) break;
    const [found] = open;
    if (found === undefined) logger.warn({ err: refused }, "DNS cannot listen anywhere");
    else
      logger.info(
        { address: idOf(found.address), wanted: idOf(service), why: codeOf(refused) },
        "DNS listens at another address than its Service's",
      );
  }
  return {
    get addresses() {
      return open.map(({ address }) => address);
    },
    async close() {
      closed = true;
      cancelRetry();
      await retrying;
      await closeAll();
    },
  };
}

/** Port 53 is worth more tries only where it is the address that is taken. */
function spares(refused: unknown, options: DnsListenersOptions): Upstream[] {
  const { previous, random = Math.random } = options;
  const byte = (): number => 1 + Math.floor(random() * 254);
  const others = Array.from({ length: codeOf(refused) === "EADDRINUSE" ? SPARE_TRIES : 0 }, () => ({
    host: `127.97.${byte()}.${byte()}`,
    port: DNS_PORT,
  }));
  return [...(previous === undefined ? [] : [previous]), ...others, UNPRIVILEGED, ANY_FREE];
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

/** Datagrams and connections at one address and port. */
async function listenBoth(
  { host, port }: Upstream,
  { handler, clock, logger }: DnsListenersOptions,
): Promise<{ readonly address: Upstream; close(): Promise<void> }> {
  for (let left = PORT_TRIES; ; left--) {
    // Connections use up far more ports than datagrams do.
    const tcp = await listenTcp({ host, port }, handler, clock);
    let udp: DnsSocket;
    try {
      udp = await listenUdp({ host, port: tcp.port }, handler, logger);
    } catch (error) {
      await tcp.close();
      if (port === 0 && left > 1 && codeOf(error) === "EADDRINUSE") continue;
      throw error;
    }
    return {
      address: { host, port: tcp.port },
      close: async () => {
        await Promise.all([udp.close(), tcp.close()]);
      },
    };
  }
}
