/**
 * The service proxy: makes every Service reachable on its ClusterIP, NodePort, LoadBalancer and
 * external addresses, and tells the routing board which EndpointSlice revision is in effect.
 * Level-triggered: each change of a Service or slice recomputes that Service's routes, and nothing
 * else.
 */
import type { Client } from "../../client/client.ts";
import type { Clock } from "../../client/clock.ts";
import type { EventRecorder } from "../../client/event-recorder.ts";
import type { Informers } from "../../client/informers.ts";
import type { Logger } from "../../client/logger.ts";
import { type EndpointSlice, endpointSlices } from "../../kube/kinds/endpointslice.ts";
import { nodes as nodeResource } from "../../kube/kinds/node.ts";
import { type Service, services } from "../../kube/kinds/service.ts";
import { keyOf } from "../../kube/object.ts";
import type { AddressRanges } from "./address-ranges.ts";
import { AppliedRevision } from "./applied-revision.ts";
import { ConnectionBudget } from "./connection-budget.ts";
import { HealthCheckPort } from "./health-check-port.ts";
import { followsInterfaces, type HostAddresses, hostAddresses } from "./host-addresses.ts";
import { InFlightCounter } from "./in-flight-counter.ts";
import { isBalancedHere, LoadBalancerAddresses } from "./load-balancer-addresses.ts";
import type { RoutingBoard } from "./routing-board.ts";
import { ServiceListeners } from "./service-listeners.ts";
import type { ServicePort } from "./service-port.ts";
import { ServicePublisher } from "./service-publisher.ts";
import { isProxied, localReadyCount, type Protocol, routesOf } from "./service-routes.ts";
import type { Place } from "./topology-hints.ts";
import { TcpPort } from "./tcp-port.ts";
import { UdpPort } from "./udp-port.ts";

const SERVICE_NAME_LABEL = "kubernetes.io/service-name";
const ZONE_LABEL = "topology.kubernetes.io/zone";
const BY_SERVICE = "service-proxy/by-service";
const BY_INGRESS = "service-proxy/by-ingress-address";
/** Reasons that a Service is told of once. */
const ADDRESS_MISSING = "AddressMissing";
const PROTOCOL = "ProtocolNotSupported";
/** How often the machine's own addresses are looked at, where Services follow them. */
const INTERFACES_INTERVAL_MS = 30_000;
/** How often a Service is told that it has too many connections. */
const FULL_INTERVAL_MS = 60_000;

export interface ServiceProxyOptions {
  readonly client: Client;
  readonly informers: Informers;
  readonly board: RoutingBoard;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The node that this proxy runs on: what `Local` traffic policies and hints go by. */
  readonly nodeName: string;
  /** Where NodePorts and LoadBalancers listen, e.g. `127.0.0.1` or `0.0.0.0`. */
  readonly nodeAddress: string;
  /** What LoadBalancers get addresses from. @default this machine's own addresses, shared */
  readonly loadBalancerAddresses?: AddressRanges;
}
export interface ServiceProxy {
  /** Closes all listeners and connections. */
  stop(): Promise<void>;
}

/** Register before `informers.start()`. */
export function createServiceProxy(options: ServiceProxyOptions): ServiceProxy {
  return new KubernetesServiceProxy(options);
}

interface Entry {
  readonly listeners: ServiceListeners;
  health: HealthCheckPort | undefined;
  /** What the Service was told last, by reason, so that it is told once. */
  readonly told: Map<string, string>;
}

class KubernetesServiceProxy implements ServiceProxy {
  readonly #options: ServiceProxyOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #inFlight: InFlightCounter;
  readonly #budget = new ConnectionBudget();
  readonly #publisher: ServicePublisher;
  readonly #applied: AppliedRevision;
  readonly #addresses: LoadBalancerAddresses;
  readonly #consumer;
  readonly #services;
  readonly #slices;
  readonly #unsubscribe: (() => void)[];
  /** Services whose load balancer waits for an address. */
  readonly #waiting = new Set<string>();
  readonly #publishing = new Map<string, Promise<void>>();
  readonly #fullSinceMs = new Map<string, number>();
  #host: HostAddresses;
  #place: Place;
  #cancelInterfaces: (() => void) | undefined;
  #stopped = false;

  constructor(options: ServiceProxyOptions) {
    this.#options = options;
    const { board, informers, nodeName, nodeAddress } = options;
    this.#host = hostAddresses(nodeAddress);
    this.#place = { nodeName, zone: undefined };
    this.#publisher = new ServicePublisher(options.client);
    this.#inFlight = new InFlightCounter(({ address, port }) => board.requestEnded(address, port));
    this.#consumer = board.register("service-proxy", (address, port) =>
      this.#inFlight.has(address, port),
    );
    this.#applied = new AppliedRevision((revision) => this.#consumer.applied(revision));
    this.#services = informers.of(services);
    this.#slices = informers.of(endpointSlices);
    const nodes = informers.of(nodeResource);
    this.#slices.addIndex(BY_SERVICE, (slice) => [serviceKeyOf(slice)]);
    this.#services.addIndex(BY_INGRESS, ({ status }) =>
      (status?.loadBalancer?.ingress ?? []).flatMap(({ ip = "" }) => (ip === "" ? [] : [ip])),
    );
    this.#addresses = new LoadBalancerAddresses({
      ...(options.loadBalancerAddresses === undefined
        ? {}
        : { pool: options.loadBalancerAddresses }),
      hostAddresses: () => this.#host.publish,
      recorded: (address) => this.#services.byIndex(BY_INGRESS, address),
    });
    this.#unsubscribe = [
      this.#services.onChange(({ object }) => this.#sync(keyOf(object))),
      this.#slices.onChange(({ object, previous }) => {
        const key = serviceKeyOf(object);
        this.#sync(key);
        // A slice may be handed to another Service.
        if (previous !== undefined && serviceKeyOf(previous) !== key)
          this.#sync(serviceKeyOf(previous));
        this.#applied.take(Number(object.metadata.resourceVersion));
      }),
      nodes.onChange(({ object }) => {
        if (object.metadata.name === nodeName)
          this.#moveTo(object.metadata.labels?.[ZONE_LABEL] ?? "");
      }),
    ];
    if (followsInterfaces(nodeAddress)) this.#watchInterfaces();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelInterfaces?.();
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    await Promise.all([...this.#entries.values()].map(({ listeners }) => listeners.drain()));
    for (const key of this.#entries.keys()) this.#remove(key);
    this.#consumer.close();
    await this.#applied.settled();
    await Promise.allSettled(this.#publishing.values());
  }

  #sync(key: string): void {
    if (this.#stopped) return;
    const service = this.#services.get(key);
    if (service === undefined || !isProxied(service)) {
      this.#remove(key);
      return;
    }
    const slices = this.#slices.byIndex(BY_SERVICE, key);
    const entry = this.#entryOf(key);
    const balancer = this.#balance(service, entry);
    this.#tellOfProtocols(service, entry);
    const routes = routesOf(service, slices, this.#place);
    entry.listeners.sync(service, routes, { node: this.#host.listen, balancer });
    this.#syncHealth(service, entry, slices);
    if (balancer.length > 0) this.#publishIngress(key);
  }

  #entryOf(key: string): Entry {
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    const listeners = new ServiceListeners({
      clock: this.#options.clock,
      createPort: (protocol) => this.#createPort(key, protocol),
      track: (work) => this.#track(work),
      onBound: () => {
        if (this.#addresses.addressesOf(key).length > 0) this.#publishIngress(key);
      },
      onProblem: (error) => {
        this.#tell(key, "AddressNotBound", error.message);
        if (this.#addresses.addressesOf(key).length > 0) this.#publishIngress(key, true);
      },
      onSubstitute: (port, address) =>
        this.#publish(key, (service) => this.#publisher.substitute(service, port, address)),
      retry: () => this.#sync(key),
    });
    const entry: Entry = { listeners, health: undefined, told: new Map() };
    this.#entries.set(key, entry);
    return entry;
  }

  #createPort(key: string, protocol: Protocol): ServicePort {
    const { clock } = this.#options;
    if (protocol === "UDP") return new UdpPort(clock, this.#budget);
    const onFull = (): void => {
      const nowMs = clock.now();
      if (nowMs - (this.#fullSinceMs.get(key) ?? Number.NEGATIVE_INFINITY) < FULL_INTERVAL_MS)
        return;
      this.#fullSinceMs.set(key, nowMs);
      const { perPort, total } = this.#budget;
      this.#tell(
        key,
        "TooManyConnections",
        `connections were refused: a port has at most ${perPort}, all Services together ${total}; raise the limit of open files (ulimit -n) for more`,
      );
    };
    return new TcpPort({ clock, inFlight: this.#inFlight, budget: this.#budget, onFull });
  }

  /** The addresses that the Service's load balancer listens on; none while it waits for one. */
  #balance(service: Service, entry: Entry): readonly string[] {
    const key = keyOf(service);
    if (!isBalancedHere(service)) {
      this.#unbalance(key);
      return [];
    }
    const assignment = this.#addresses.assign(service);
    if ("addresses" in assignment) {
      this.#waiting.delete(key);
      entry.told.delete(ADDRESS_MISSING);
      const isEverywhere = assignment.addresses === this.#host.publish;
      return isEverywhere ? this.#host.listen : assignment.addresses;
    }
    this.#waiting.add(key);
    if (entry.told.get(ADDRESS_MISSING) !== assignment.message) {
      entry.told.set(ADDRESS_MISSING, assignment.message);
      this.#tell(key, assignment.reason, assignment.message);
    }
    this.#publish(key, (current) => this.#publisher.ingress(current, []));
    return [];
  }

  /** What the Service gives up, others may have waited for. */
  #unbalance(key: string): void {
    this.#waiting.delete(key);
    if (!this.#addresses.release(key)) return;
    // Those that find nothing wait again: a copy, or this would never end.
    const waiting = [...this.#waiting];
    for (const other of waiting) this.#sync(other);
  }

  /**
   * Published is what listens. While listeners are being set up, as after a restart, what was
   * published stays, unless one of them has `failed`.
   */
  #publishIngress(key: string, failed = false): void {
    this.#publish(key, async (service) => {
      if (!isBalancedHere(service)) return;
      const assigned = this.#addresses.addressesOf(key);
      const ready = this.#entries.get(key)?.listeners.balanced(assigned) ?? [];
      const published = service.status?.loadBalancer?.ingress ?? [];
      const isStale = published.some(({ ip = "" }) => !assigned.includes(ip));
      if (ready.length > 0 || failed || isStale) await this.#publisher.ingress(service, ready);
    });
  }

  #tellOfProtocols({ spec, metadata }: Service, entry: Entry): void {
    const foreign = (spec?.ports ?? []).filter(
      ({ protocol = "TCP" }) => protocol !== "TCP" && protocol !== "UDP",
    );
    const message = foreign
      .map(
        ({ port, protocol }) =>
          `port ${port}/${protocol ?? ""} is not served: the service proxy speaks TCP and UDP`,
      )
      .join("; ");
    if (message === (entry.told.get(PROTOCOL) ?? "")) return;
    entry.told.set(PROTOCOL, message);
    if (message !== "")
      this.#tell(`${metadata.namespace ?? ""}/${metadata.name}`, PROTOCOL, message);
  }

  #syncHealth(service: Service, entry: Entry, slices: readonly EndpointSlice[]): void {
    const { spec, metadata } = service;
    const isLocal = spec?.type === "LoadBalancer" && spec.externalTrafficPolicy === "Local";
    const port = isLocal ? (spec.healthCheckNodePort ?? 0) : 0;
    const hosts = this.#host.listen;
    if (entry.health?.port !== port || entry.health.hosts !== hosts) {
      entry.health?.close();
      entry.health = undefined;
      if (port !== 0) {
        const { namespace = "", name } = metadata;
        entry.health = new HealthCheckPort({
          clock: this.#options.clock,
          service: { namespace, name },
          hosts,
          port,
          onProblem: (error) => this.#tell(keyOf(service), "AddressNotBound", error.message),
        });
        this.#track(entry.health.listen());
      }
    }
    entry.health?.update(localReadyCount(slices, this.#place));
  }

  #remove(key: string): void {
    const entry = this.#entries.get(key);
    this.#entries.delete(key);
    this.#fullSinceMs.delete(key);
    entry?.listeners.close();
    entry?.health?.close();
    this.#unbalance(key);
  }

  #moveTo(label: string): void {
    const zone = label === "" ? undefined : label;
    if (zone === this.#place.zone) return;
    this.#place = { ...this.#place, zone };
    this.#syncAll();
  }

  #watchInterfaces(): void {
    this.#cancelInterfaces = this.#options.clock.after(INTERFACES_INTERVAL_MS, () => {
      const next = hostAddresses(this.#options.nodeAddress);
      if (next.listen.join() !== this.#host.listen.join()) {
        this.#host = next;
        this.#syncAll();
      }
      this.#watchInterfaces();
    });
  }

  #syncAll(): void {
    for (const service of this.#services.list()) this.#sync(keyOf(service));
  }

  #tell(key: string, reason: string, message: string): void {
    const service = this.#services.get(key);
    if (service !== undefined && !this.#stopped)
      this.#options.recorder.record(service, "Warning", reason, message);
  }

  #track(work: Promise<void>): void {
    this.#applied.track(
      work.catch((error: unknown) => {
        if (!this.#stopped)
          this.#options.logger.error({ err: error }, "service proxy could not set up a service");
      }),
    );
  }

  /** Writes about one Service follow one another, each seeing the newest state. */
  #publish(key: string, write: (service: Service) => Promise<void>): void {
    const before = this.#publishing.get(key) ?? Promise.resolve();
    const work = before
      .then(async () => {
        const service = this.#services.get(key);
        if (service !== undefined && !this.#stopped) await write(service);
      })
      .catch((error: unknown) => {
        if (!this.#stopped)
          this.#options.logger.error({ err: error }, "service proxy could not write to a service");
      })
      .finally(() => {
        if (this.#publishing.get(key) === work) this.#publishing.delete(key);
      });
    this.#publishing.set(key, work);
  }
}

function serviceKeyOf(slice: EndpointSlice): string {
  return `${slice.metadata.namespace ?? ""}/${slice.metadata.labels?.[SERVICE_NAME_LABEL] ?? ""}`;
}
