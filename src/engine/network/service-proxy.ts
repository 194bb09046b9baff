/**
 * The service proxy: makes every Service reachable on its ClusterIP, NodePort and LoadBalancer
 * address, and tells the routing board which EndpointSlice revision is in effect. Level-triggered:
 * each change of a Service or slice recomputes that Service's routes.
 */
import type { Client } from "../../client/client.ts";
import type { Clock } from "../../client/clock.ts";
import type { EventRecorder } from "../../client/event-recorder.ts";
import type { Informers } from "../../client/informers.ts";
import type { Logger } from "../../client/logger.ts";
import { type EndpointSlice, endpointSlices } from "../../kube/kinds/endpointslice.ts";
import { type Service, services } from "../../kube/kinds/service.ts";
import { keyOf, parseKey } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import type { Affinity } from "./balancer.ts";
import { InFlightCounter } from "./in-flight-counter.ts";
import type { RoutingBoard } from "./routing-board.ts";
import { ADDRESSES_ANNOTATION, readAddresses } from "./service-addresses.ts";
import { type BindAddress, BindError, ServicePort } from "./service-port.ts";
import { routesOf, type ServiceRoute } from "./service-routes.ts";

const SERVICE_NAME_LABEL = "kubernetes.io/service-name";
const BY_SERVICE = "service-proxy/by-service";
/** Codes that say: this address is not ours to bind, another one may be. */
const NOT_BINDABLE = new Set(["EACCES", "EADDRNOTAVAIL", "EADDRINUSE", "EPERM"]);
/** How long until an address that was taken is tried again. */
const BIND_RETRY_MS = 10_000;
/** Upstream's default of `sessionAffinityConfig.clientIP.timeoutSeconds`. */
const DEFAULT_AFFINITY_SECONDS = 10_800;

export interface ServiceProxyOptions {
  readonly client: Client;
  readonly informers: Informers;
  readonly board: RoutingBoard;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where NodePorts and LoadBalancers listen, e.g. `127.0.0.1` or `0.0.0.0`. */
  readonly nodeAddress: string;
}
export interface ServiceProxy {
  /** Closes all listeners and connections. */
  stop(): Promise<void>;
}

/** Register before `informers.start()`. */
export function createServiceProxy(options: ServiceProxyOptions): ServiceProxy {
  return new KubernetesServiceProxy(options);
}

class KubernetesServiceProxy implements ServiceProxy {
  readonly #options: ServiceProxyOptions;
  readonly #ports = new Map<string, Map<string, ServicePort>>();
  readonly #inFlight: InFlightCounter;
  readonly #consumer;
  readonly #services;
  readonly #slices;
  readonly #unsubscribe: (() => void)[];
  readonly #work = new Set<Promise<void>>();
  /** Addresses that could not be bound, until they are tried again: how to cancel that. */
  readonly #unbound = new Map<string, () => void>();
  #appliedRevision = 0;
  #stopped = false;

  constructor(options: ServiceProxyOptions) {
    this.#options = options;
    const { board, informers } = options;
    this.#inFlight = new InFlightCounter(({ address, port }) => board.requestEnded(address, port));
    this.#consumer = board.register("service-proxy", (address, port) =>
      this.#inFlight.has(address, port),
    );
    this.#services = informers.of(services);
    this.#slices = informers.of(endpointSlices);
    this.#slices.addIndex(BY_SERVICE, (slice) => [serviceKeyOf(slice)]);
    this.#unsubscribe = [
      this.#services.onChange(({ object }) => this.#sync(keyOf(object))),
      this.#slices.onChange(({ object }) => {
        this.#sync(serviceKeyOf(object));
        this.#applied(Number(object.metadata.resourceVersion));
      }),
    ];
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    for (const key of this.#ports.keys()) this.#remove(key);
    for (const cancel of this.#unbound.values()) cancel();
    this.#consumer.close();
    await Promise.all(this.#work);
  }

  /** Reports the newest revision, once the listeners that it needs are up. */
  #applied(revision: number): void {
    this.#appliedRevision = Math.max(this.#appliedRevision, revision);
    if (this.#work.size === 0) this.#consumer.applied(this.#appliedRevision);
  }

  #sync(key: string): void {
    if (this.#stopped) return;
    const service = this.#services.get(key);
    if (service === undefined) {
      this.#remove(key);
      return;
    }
    const slices = this.#slices.byIndex(BY_SERVICE, key);
    const ports = this.#ports.get(key) ?? new Map<string, ServicePort>();
    this.#ports.set(key, ports);
    const routes = routesOf(service, slices);
    for (const [name, port] of ports) {
      if (routes.some((route) => route.portName === name)) continue;
      port.close();
      ports.delete(name);
    }
    for (const route of routes) this.#syncPort(service, route, ports);
  }

  #syncPort(service: Service, route: ServiceRoute, ports: Map<string, ServicePort>): void {
    let port = ports.get(route.portName);
    // A Service that never had an endpoint refuses connections, as in any cluster.
    if (port === undefined && route.active.length === 0) return;
    if (port === undefined) {
      port = new ServicePort(this.#options.clock, this.#inFlight);
      ports.set(route.portName, port);
    }
    port.update(route, affinityOf(service));
    const wanted = bindAddresses(service, route, this.#options.nodeAddress);
    for (const id of port.listening) if (!wanted.has(id)) port.unlisten(id);
    for (const [id, address] of wanted) {
      if (port.isListening(id) || this.#unbound.has(`${keyOf(service)} ${id}`)) continue;
      this.#track(this.#listen(service, route, port, id, address));
    }
  }

  async #listen(
    service: Service,
    route: ServiceRoute,
    port: ServicePort,
    id: string,
    address: BindAddress,
  ): Promise<void> {
    try {
      const bound = await port.listen(id, address);
      if (bound === undefined) return;
      if (id.startsWith("balancer/")) await this.#publishIngress(service);
    } catch (error) {
      if (!(error instanceof BindError)) throw error;
      if (this.#stopped) return;
      if (!id.startsWith("cluster/") || !NOT_BINDABLE.has(error.code)) {
        this.#notBound(service, id, error);
        return;
      }
      const substitute = await port.listen(id, { host: "127.0.0.1", port: 0 });
      if (substitute === undefined) return;
      await this.#publishSubstitute(service, route, `127.0.0.1:${substitute}`);
    }
  }

  /** Told once; tried again after a while, since whoever has the address may give it up. */
  #notBound(service: Service, id: string, error: BindError): void {
    const { clock, recorder } = this.#options;
    const key = keyOf(service);
    recorder.record(service, "Warning", "AddressNotBound", error.message);
    const retryId = `${key} ${id}`;
    const cancel = clock.after(BIND_RETRY_MS, () => {
      this.#unbound.delete(retryId);
      this.#sync(key);
    });
    this.#unbound.set(retryId, cancel);
  }

  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => {
        if (!this.#stopped)
          this.#options.logger.error({ err: error }, "service proxy could not set up a service");
      })
      .finally(() => {
        this.#work.delete(tracked);
        if (this.#work.size === 0 && !this.#stopped) this.#consumer.applied(this.#appliedRevision);
      });
    this.#work.add(tracked);
  }

  async #publishSubstitute(service: Service, route: ServiceRoute, address: string): Promise<void> {
    const current = this.#services.get(keyOf(service)) ?? service;
    const known = readAddresses(current.metadata.annotations?.[ADDRESSES_ANNOTATION]);
    const addresses = JSON.stringify({ ...known, [`${route.port}/TCP`]: address });
    await this.#ignoreGone(
      this.#options.client.patch(
        services,
        parseKey(keyOf(service)),
        {
          type: "merge",
          body: { metadata: { annotations: { [ADDRESSES_ANNOTATION]: addresses } } },
        },
        { fieldManager: "service-proxy" },
      ),
    );
  }

  async #publishIngress(service: Service): Promise<void> {
    const ip = this.#options.nodeAddress === "0.0.0.0" ? "127.0.0.1" : this.#options.nodeAddress;
    if (service.status?.loadBalancer?.ingress?.some((ingress) => ingress.ip === ip) === true)
      return;
    await this.#ignoreGone(
      this.#options.client.patch(
        services,
        parseKey(keyOf(service)),
        { type: "merge", body: { status: { loadBalancer: { ingress: [{ ip }] } } } },
        { fieldManager: "service-proxy", subresource: "status" },
      ),
    );
  }

  async #ignoreGone(write: Promise<unknown>): Promise<void> {
    try {
      await write;
    } catch (error) {
      if (!isStatus(error, "NotFound")) throw error;
    }
  }

  #remove(key: string): void {
    for (const port of this.#ports.get(key)?.values() ?? []) port.close();
    this.#ports.delete(key);
  }
}

function serviceKeyOf(slice: EndpointSlice): string {
  return `${slice.metadata.namespace ?? ""}/${slice.metadata.labels?.[SERVICE_NAME_LABEL] ?? ""}`;
}

function affinityOf(service: Service): Affinity | undefined {
  if (service.spec?.sessionAffinity !== "ClientIP") return undefined;
  const seconds =
    service.spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS;
  return { timeoutMs: seconds * 1000 };
}

/** Every address on which a route must listen; the id changes when the address does. */
function bindAddresses(
  service: Service,
  route: ServiceRoute,
  nodeAddress: string,
): Map<string, BindAddress> {
  const wanted = new Map<string, BindAddress>();
  const add = (role: string, host: string, port: number): void => {
    wanted.set(`${role}/${host}:${port}`, { host, port });
  };
  add("cluster", service.spec?.clusterIP ?? "", route.port);
  if (route.nodePort !== undefined) add("node", nodeAddress, route.nodePort);
  if (service.spec?.type === "LoadBalancer") add("balancer", nodeAddress, route.port);
  return wanted;
}
