/**
 * The cluster's DNS server: the cluster zone from informers, everything else from upstream servers.
 * Names of headless Services lead to endpoints directly, so the server is a consumer on the routing
 * board: no pod is stopped while an answer still names it, and none counts as available before.
 * Clients may remember an answer for its time to live beyond that; nobody waits for them.
 */
import type { Client } from "../../../client/client.ts";
import type { Clock } from "../../../client/clock.ts";
import type { Informers } from "../../../client/informers.ts";
import type { Logger } from "../../../client/logger.ts";
import { endpointSlices } from "../../../kube/kinds/endpointslice.ts";
import type { RoutingBoard } from "../routing-board.ts";
import { ClusterZone } from "./cluster-zone.ts";
import { DnsHandler } from "./dns-handler.ts";
import { DNS_PORT, type DnsListeners, openDnsListeners } from "./dns-listeners.ts";
import { Forwarder, type ForwarderCounts, type ForwarderLimits } from "./forwarder.ts";
import {
  ensureKubeDnsService,
  publishDnsEndpoint,
  publishedDnsEndpoint,
} from "./kube-dns-service.ts";
import { isThisMachine, LoopProbe } from "./loop-probe.ts";
import { ReverseZone } from "./reverse-zone.ts";
import type { Upstream } from "./upstream-exchange.ts";
import { RESOLV_CONF, Upstreams } from "./upstreams.ts";

export type { Upstream as DnsAddress } from "./upstream-exchange.ts";

export interface DnsOptions {
  /** Besides the Service's own address. @default what is free, when the Service's own is not */
  readonly listen?: Upstream;
  /** Whom to ask for names outside the cluster; none: nobody. @default those of /etc/resolv.conf */
  readonly upstreams?: readonly Upstream[];
}
export interface DnsServerOptions extends DnsOptions {
  readonly client: Client;
  readonly informers: Informers;
  readonly board: RoutingBoard;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The address that the Service `kube-dns` gets when it is made. */
  readonly serviceAddress: string;
  /** @default /etc/resolv.conf */
  readonly resolvConf?: string;
  /** Of questions to upstream servers. @default FORWARDER_LIMITS */
  readonly limits?: ForwarderLimits;
}

export interface DnsCounts extends ForwarderCounts {
  /** Answers by transport and code. */
  readonly answeredBy: ReadonlyMap<string, ReadonlyMap<number, number>>;
  readonly dropped: number;
  readonly cached: number;
}
export interface DnsServer {
  /** Datagrams and connections alike; the first is the one to be told. */
  readonly addresses: readonly Upstream[];
  /** What `resolv.conf` can name: it knows no ports. */
  readonly nameserver: string | undefined;
  readonly counts: DnsCounts;
  stop(): Promise<void>;
}

/** Resolves once questions are answered. An address that cannot be had is told in the log only. */
export async function startDnsServer(options: DnsServerOptions): Promise<DnsServer> {
  const { client, informers, board, clock, logger } = options;
  const serviceAddress = await ensureKubeDnsService(client, options.serviceAddress);
  const previous = await publishedDnsEndpoint(client);
  const zone = new ClusterZone({ informers, clock, serverAddress: serviceAddress });
  const reverse = new ReverseZone(informers);
  const slices = informers.of(endpointSlices);
  const consumer = board.register("dns", () => false);
  // After the zone, which has forgotten what changed by now.
  const unsubscribe = slices.onChange(() => consumer.applied(slices.revision));
  let listeners: DnsListeners | undefined;
  const upstreams = new Upstreams({
    source: options.upstreams ?? options.resolvConf ?? RESOLV_CONF,
    clock,
    logger,
    isOurs: (upstream) =>
      (listeners?.addresses ?? []).some((own) => own.port === upstream.port && isAt(own, upstream)),
  });
  const probe = new LoopProbe({ clock, onLoop: (upstream) => upstreams.loops(upstream) });
  const forwarder = new Forwarder({
    upstreams,
    clock,
    logger,
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    onAsk: (upstream) => probe.onAsk(upstream),
  });
  const handler = new DnsHandler({ zone, reverse, forwarder, probe, logger });
  let publishing = Promise.resolve();
  const publish = (): void => {
    const [address] = listeners?.addresses ?? [];
    if (address === undefined) return;
    publishing = publishing
      .then(() => publishDnsEndpoint(client, address))
      .catch((error: unknown) => logger.warn({ err: error }, "could not say where DNS listens"));
  };
  await informers.synced();
  listeners = await openDnsListeners({
    serviceAddress,
    ...(options.listen === undefined ? {} : { listen: options.listen }),
    ...(previous === undefined ? {} : { previous }),
    handler,
    clock,
    logger,
    onChange: publish,
  });
  publish();
  const open = listeners;
  return {
    get addresses() {
      return open.addresses;
    },
    get nameserver() {
      return open.addresses.find(({ port }) => port === DNS_PORT)?.host;
    },
    get counts() {
      const { answered: answeredBy, dropped } = handler;
      return { ...forwarder.counts, answeredBy, dropped, cached: forwarder.cached };
    },
    async stop() {
      unsubscribe();
      consumer.close();
      await open.close();
      await Promise.all([forwarder.stop(), probe.stop()]);
      zone.stop();
      await publishing;
    },
  };
}

/** Whether what listens at `own` is found at the other address. */
function isAt(own: Upstream, other: Upstream): boolean {
  if (own.host === "0.0.0.0" || own.host === "::") return isThisMachine(other.host);
  return own.host === other.host;
}
