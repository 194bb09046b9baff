/** The ports of one Service: which of them exist, where they listen, and what became of that. */
import type { Clock } from "../../client/clock.ts";
import type { Service } from "../../kube/kinds/service.ts";
import type { Affinity } from "./balancer.ts";
import { BindError } from "./bind-address.ts";
import { ADDRESSES_ANNOTATION, readAddresses } from "./service-addresses.ts";
import type { ListenOptions, ServicePort } from "./service-port.ts";
import type { Destinations, Protocol, ServiceRoute } from "./service-routes.ts";
import { sourceRanges } from "./source-ranges.ts";
import { type OutsideAddresses, type WantedListener, wantedListeners } from "./wanted-listeners.ts";

/** Codes that say: this address is not ours to bind, another one may be. */
const NOT_BINDABLE = new Set(["EACCES", "EADDRNOTAVAIL", "EADDRINUSE", "EPERM"]);
/** How long until an address that was taken is tried again. */
const BIND_RETRY_MS = 10_000;
const LOOPBACK = "127.0.0.1";
/** Upstream's default of `sessionAffinityConfig.clientIP.timeoutSeconds`. */
const DEFAULT_AFFINITY_SECONDS = 10_800;

export interface ServiceListenersOptions {
  readonly clock: Clock;
  readonly createPort: (protocol: Protocol) => ServicePort;
  /** A listener is being set up: new endpoints are not in effect before it settles. */
  readonly track: (work: Promise<void>) => void;
  readonly onBound: () => void;
  readonly onProblem: (error: BindError) => void;
  /** Where a port is reached in place of the cluster address; undefined when it is reached there. */
  readonly onSubstitute: (port: string, address: string | undefined) => void;
  /** It is time to call `sync` again. */
  readonly retry: () => void;
}

interface Port {
  readonly port: ServicePort;
  route: ServiceRoute;
  /** Ids of listeners that are up. */
  readonly bound: Set<string>;
}

export class ServiceListeners {
  readonly #options: ServiceListenersOptions;
  readonly #ports = new Map<string, Port>();
  /** Listeners that could not be bound, until they are tried again: how to cancel that. */
  readonly #unbound = new Map<string, () => void>();
  #closed = false;

  constructor(options: ServiceListenersOptions) {
    this.#options = options;
  }

  /** Brings ports and listeners in line. Routes are in effect at once for those that exist. */
  sync(service: Service, routes: readonly ServiceRoute[], outside: OutsideAddresses): void {
    const affinity = affinityOf(service);
    const ids = new Set(routes.map(idOf));
    for (const [id, { port }] of this.#ports) {
      if (ids.has(id)) continue;
      port.close();
      this.#ports.delete(id);
    }
    const wanted = new Map<Port, Map<string, WantedListener>>();
    for (const route of routes) {
      const port = this.#portOf(route, outside.balancer.length > 0);
      if (port === undefined) continue;
      port.route = route;
      port.port.update(route, affinity);
      wanted.set(port, wantedListeners(service, route, outside));
    }
    // First all that goes: ports of a Service may change places.
    for (const [port, listeners] of wanted) this.#unlisten(port, listeners);
    for (const [port, listeners] of wanted) this.#listen(service, port, listeners);
  }

  /** Of these addresses of the load balancer, those on which every port listens. */
  balanced(addresses: readonly string[]): string[] {
    const ports = [...this.#ports.values()];
    if (ports.length === 0) return [];
    return addresses.filter((address) =>
      ports.every(({ route, bound }) =>
        [...bound].some((id) => id.split(" ")[0] === `balancer/${address}:${route.port}`),
      ),
    );
  }

  /** Nothing is listened on any more; resolves when what is under way has ended, or time is up. */
  async drain(): Promise<void> {
    this.#closed = true;
    for (const cancel of this.#unbound.values()) cancel();
    await Promise.all([...this.#ports.values()].map(({ port }) => port.drain()));
  }

  close(): void {
    this.#closed = true;
    for (const cancel of this.#unbound.values()) cancel();
    for (const { port } of this.#ports.values()) port.close();
    this.#ports.clear();
  }

  /** A Service that never had an endpoint refuses connections; its load balancer is there at once. */
  #portOf(route: ServiceRoute, isBalanced: boolean): Port | undefined {
    const known = this.#ports.get(idOf(route));
    if (known !== undefined) return known;
    if (!isBalanced && !hasAny(route.internal) && !hasAny(route.external)) return undefined;
    const created = {
      port: this.#options.createPort(route.protocol),
      route,
      bound: new Set<string>(),
    };
    this.#ports.set(idOf(route), created);
    return created;
  }

  #unlisten(port: Port, wanted: ReadonlyMap<string, WantedListener>): void {
    for (const id of port.port.listening) {
      if (wanted.has(id)) continue;
      port.port.unlisten(id);
      port.bound.delete(id);
    }
  }

  #listen(service: Service, port: Port, wanted: ReadonlyMap<string, WantedListener>): void {
    for (const [id, listener] of wanted) {
      if (port.port.isListening(id) || this.#unbound.has(retryId(port, id))) continue;
      this.#options.track(this.#bind(service, port, id, listener));
    }
  }

  async #bind(service: Service, port: Port, id: string, wanted: WantedListener): Promise<void> {
    const { role, address } = wanted;
    const ranges = service.spec?.loadBalancerSourceRanges ?? [];
    const options: ListenOptions = {
      audience: role === "cluster" ? "internal" : "external",
      ...(role === "balancer" && ranges.length > 0 ? { sources: sourceRanges(ranges) } : {}),
    };
    try {
      if ((await port.port.listen(id, address, options)) === undefined) return;
      port.bound.add(id);
      this.#options.onBound();
      if (role === "cluster" && substituteOf(service, port.route) !== undefined)
        this.#options.onSubstitute(portKey(port.route), undefined);
    } catch (error) {
      if (!(error instanceof BindError)) throw error;
      if (this.#closed) return;
      if (role !== "cluster" || !NOT_BINDABLE.has(error.code)) {
        this.#tryLater(port, id, error);
        return;
      }
      await this.#bindSubstitute(service, port, id, options);
    }
  }

  /** The same one as before a restart, if it is free: pods that were kept know it. */
  async #bindSubstitute(
    service: Service,
    port: Port,
    id: string,
    options: ListenOptions,
  ): Promise<void> {
    const known = substituteOf(service, port.route);
    let number: number | undefined;
    try {
      number = await port.port.listen(id, { host: LOOPBACK, port: known ?? 0 }, options);
    } catch (error) {
      if (!(error instanceof BindError) || known === undefined || this.#closed) throw error;
      number = await port.port.listen(id, { host: LOOPBACK, port: 0 }, options);
    }
    if (number === undefined) return;
    this.#options.onSubstitute(portKey(port.route), `${LOOPBACK}:${number}`);
  }

  /** Whoever has the address may give it up. */
  #tryLater(port: Port, id: string, error: BindError): void {
    const { clock, onProblem, retry } = this.#options;
    onProblem(error);
    const retrying = retryId(port, id);
    const cancel = clock.after(BIND_RETRY_MS, () => {
      this.#unbound.delete(retrying);
      retry();
    });
    this.#unbound.set(retrying, cancel);
  }
}

/** The port on the loopback address that is on record for a port of the Service. */
function substituteOf({ metadata }: Service, route: ServiceRoute): number | undefined {
  const address = readAddresses(metadata.annotations?.[ADDRESSES_ANNOTATION])[portKey(route)];
  const port = new RegExp(`^${LOOPBACK}:(\\d{1,5})$`).exec(address ?? "")?.[1];
  return port === undefined || Number(port) > 65_535 ? undefined : Number(port);
}

const portKey = ({ port, protocol }: ServiceRoute): string => `${port}/${protocol}`;
const idOf = ({ portName, protocol }: ServiceRoute): string => `${portName}/${protocol}`;
const retryId = ({ route }: Port, listener: string): string => `${route.protocol} ${listener}`;
const hasAny = ({ active, lastResort }: Destinations): boolean =>
  active.length > 0 || lastResort.length > 0;

function affinityOf({ spec }: Service): Affinity | undefined {
  if (spec?.sessionAffinity !== "ClientIP") return undefined;
  const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS;
  return { timeoutMs: seconds * 1000 };
}
