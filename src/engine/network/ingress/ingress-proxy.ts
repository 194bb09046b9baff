/**
 * The ingress proxy: serves the Ingresses of this cluster over HTTP and HTTPS. Level-triggered: a
 * change of an Ingress, class, Service or Secret builds the routes anew. Changes of EndpointSlices
 * take effect at once and are posted on the routing board, so that no pod is ended while a request
 * is on its way to it. Listeners and everything behind them come with the first Ingress that wants
 * them.
 */
import type { Client } from "../../../client/client.ts";
import type { Clock } from "../../../client/clock.ts";
import type { EventRecorder } from "../../../client/event-recorder.ts";
import type { Informer } from "../../../client/informer.ts";
import type { Informers } from "../../../client/informers.ts";
import type { Logger } from "../../../client/logger.ts";
import { done, type Result, runController } from "../../../client/reconciler.ts";
import { WorkQueue } from "../../../client/work-queue.ts";
import { deepEqual } from "../../../kube/equality.ts";
import { type EndpointSlice, endpointSlices } from "../../../kube/kinds/endpointslice.ts";
import { type Ingress, ingresses } from "../../../kube/kinds/ingress.ts";
import { type IngressClass, ingressClasses } from "../../../kube/kinds/ingressclass.ts";
import { type Secret, secrets } from "../../../kube/kinds/secret.ts";
import { type Service, services } from "../../../kube/kinds/service.ts";
import { keyOf, parseKey } from "../../../kube/object.ts";
import { isStatus } from "../../../kube/status-error.ts";
import type { Affinity } from "../balancer.ts";
import { InFlightCounter } from "../in-flight-counter.ts";
import type { RoutingBoard } from "../routing-board.ts";
import { backendsOf } from "../service-routes.ts";
import { BUILT_IN_CLASS, CONTROLLER, isServed, missingClass } from "./ingress-class.ts";
import { INGRESS_LIMITS, type IngressLimits } from "./ingress-limits.ts";
import type { IngressListener, TlsOptions } from "./ingress-listener.ts";
import { type IngressAddress, type Listeners, openListeners } from "./open-listeners.ts";
import {
  buildRouteTable,
  oldestFirst,
  type RouteBackend,
  routeKey,
  type RouteTable,
} from "./route-table.ts";
import { ServiceBackends } from "./service-backends.ts";
import { addressesOf } from "./published-address.ts";
import { type Problem, ToldProblems } from "./told-problems.ts";

const SERVICE_NAME_LABEL = "kubernetes.io/service-name";
const BY_SERVICE = "ingress/by-service";
/** Changes that come within this time are worked on together: a commit brings many. */
const GATHER_MS = 50;
/** How long something must be wrong before it is told. */
const PROBLEM_GRACE_MS = 3_000;
/** Status writes at once. */
const WORKERS = 4;
/** Upstream's default of `sessionAffinityConfig.clientIP.timeoutSeconds`. */
const DEFAULT_AFFINITY_SECONDS = 10_800;

export interface IngressProxyOptions {
  readonly client: Client;
  readonly informers: Informers;
  readonly board: RoutingBoard;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly http: IngressAddress;
  readonly https: IngressAddress;
  /** PEM texts, for hosts that have no certificate of their own; asked for once it is needed. */
  readonly defaultCertificate: () => Promise<TlsOptions["fallback"]>;
  /** Called when a listener is up. */
  readonly onListen?: (protocol: "http" | "https", listener: IngressListener) => void;
  readonly limits?: IngressLimits;
  /** @default 3,000 */
  readonly problemGraceMs?: number;
}
export interface IngressProxy {
  /**
   * Opens the listeners that were asked for explicitly; rejects with a RequiredAddressError when
   * one cannot be had.
   */
  listen(): Promise<void>;
  /** Closes all listeners and connections. */
  stop(): Promise<void>;
}

/** Register before `informers.start()`. */
export function createIngressProxy(options: IngressProxyOptions): IngressProxy {
  return new KubernetesIngressProxy(options);
}

class KubernetesIngressProxy implements IngressProxy {
  readonly #options: IngressProxyOptions;
  readonly #ingresses: Informer<Ingress>;
  readonly #classes;
  readonly #services: Informer<Service>;
  readonly #slices: Informer<EndpointSlice>;
  #secrets: Informer<Secret> | undefined;
  readonly #inFlight: InFlightCounter;
  readonly #consumer;
  readonly #unsubscribe: (() => void)[];
  readonly #queue: WorkQueue;
  readonly #controller;
  readonly #problems: ToldProblems;
  readonly #listeners: Listeners;
  /** Backends by route; a Service's by its key. */
  readonly #backends = new Map<string, ServiceBackends>();
  readonly #routed = new Map<string, RouteBackend[]>();
  #table: RouteTable = buildRouteTable([]);
  #served: ReadonlySet<string> = new Set();
  #cancelGather: (() => void) | undefined;
  #cancelLook: (() => void) | undefined;
  #stopped = false;

  constructor(options: IngressProxyOptions) {
    this.#options = options;
    const { board, informers, clock, logger } = options;
    this.#inFlight = new InFlightCounter(({ address, port }) => board.requestEnded(address, port));
    this.#consumer = board.register("ingress", (address, port) =>
      this.#inFlight.has(address, port),
    );
    this.#problems = new ToldProblems(clock, options.problemGraceMs ?? PROBLEM_GRACE_MS);
    this.#listeners = openListeners({
      ...options,
      limits: options.limits ?? INGRESS_LIMITS,
      find: (host, path) => this.#table.find(host, path),
      backendsOf: ({ backend }) =>
        backend === undefined ? undefined : this.#backends.get(routeKey(backend)),
      onChange: () => this.#gather(),
    });
    this.#ingresses = informers.of(ingresses);
    this.#classes = informers.of(ingressClasses);
    this.#services = informers.of(services);
    this.#slices = informers.of(endpointSlices);
    this.#slices.addIndex(BY_SERVICE, (slice) => [serviceKeyOf(slice)]);
    this.#queue = new WorkQueue({ clock });
    this.#controller = runController({
      name: "ingress",
      queue: this.#queue,
      workers: WORKERS,
      reconcile: (key) => this.#publish(key),
      clock,
      logger,
    });
    this.#unsubscribe = [
      this.#ingresses.onChange(() => this.#gather()),
      this.#classes.onChange(() => this.#gather()),
      this.#services.onChange(({ object }) => this.#onService(keyOf(object))),
      this.#slices.onChange(({ object }) => {
        this.#updateService(serviceKeyOf(object));
        this.#consumer.applied(Number(object.metadata.resourceVersion));
      }),
    ];
  }

  listen(): Promise<void> {
    return this.#listeners.openRequired();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#cancelGather?.();
    this.#cancelLook?.();
    await this.#controller.stop();
    await this.#listeners.close();
    for (const backends of this.#backends.values()) backends.close();
    this.#consumer.close();
  }

  #gather(): void {
    if (this.#stopped || this.#cancelGather !== undefined) return;
    this.#cancelGather = this.#options.clock.after(GATHER_MS, () => {
      this.#cancelGather = undefined;
      if (!this.#stopped) this.#rebuild();
    });
  }

  #rebuild(): void {
    const classes = this.#classes.list();
    const served = oldestFirst(
      this.#ingresses.list().filter((ingress) => isServed(ingress, classes)),
    );
    this.#table = buildRouteTable(served);
    this.#updateBackends();
    const withTls = served.filter(({ spec }) => (spec?.tls ?? []).length > 0);
    const problems: Problem[] = [
      ...this.#table.problems,
      ...this.#serviceProblems(served),
      ...classProblems(this.#ingresses.list(), classes),
    ];
    if (served.length > 0) this.#listeners.open("http");
    if (withTls.length > 0) {
      this.#listeners.open("https");
      problems.push(...this.#updateCertificates(withTls));
    }
    problems.push(...this.#listeners.problems(served, withTls));
    this.#tell(problems);
    const before = this.#served;
    this.#served = new Set(served.map(keyOf));
    for (const ingress of served) {
      const { status } = ingress;
      if (!deepEqual(status?.loadBalancer?.ingress ?? [], this.#addresses(ingress)))
        this.#queue.add(keyOf(ingress));
    }
    for (const key of before) if (!this.#served.has(key)) this.#queue.add(key);
  }

  #updateBackends(): void {
    const wanted = this.#table.backends;
    const keys = new Set(wanted.map(routeKey));
    for (const [key, backends] of this.#backends) {
      if (keys.has(key)) continue;
      backends.close();
      this.#backends.delete(key);
    }
    this.#routed.clear();
    for (const route of wanted) {
      const service = `${route.namespace}/${route.service}`;
      const routed = this.#routed.get(service);
      if (routed === undefined) this.#routed.set(service, [route]);
      else routed.push(route);
      const key = routeKey(route);
      if (this.#backends.has(key)) continue;
      this.#backends.set(key, new ServiceBackends(this.#options.clock, this.#inFlight));
      this.#update(route);
    }
  }

  #onService(key: string): void {
    if (!this.#routed.has(key)) return;
    this.#updateService(key);
    this.#gather();
  }

  #updateService(key: string): void {
    if (this.#stopped) return;
    for (const route of this.#routed.get(key) ?? []) this.#update(route);
  }

  #update(route: RouteBackend): void {
    const backends = this.#backends.get(routeKey(route));
    const key = `${route.namespace}/${route.service}`;
    const service = this.#services.get(key);
    const port = service && portOf(service, route);
    if (service === undefined || port === undefined)
      backends?.update({ ready: [], serving: [] }, undefined);
    else
      backends?.update(
        backendsOf(port.name ?? "", this.#slices.byIndex(BY_SERVICE, key)),
        affinityOf(service),
      );
  }

  #serviceProblems(served: readonly Ingress[]): Problem[] {
    const broken = new Map<string, string>();
    for (const route of this.#table.backends) {
      const service = this.#services.get(`${route.namespace}/${route.service}`);
      if (service === undefined)
        broken.set(routeKey(route), `there is no Service ${route.service}; create it`);
      else if (service.spec?.type === "ExternalName")
        broken.set(
          routeKey(route),
          `the Service ${route.service} is of type ExternalName, which cannot be served; give it endpoints`,
        );
      else if (portOf(service, route) === undefined)
        broken.set(
          routeKey(route),
          `the Service ${route.service} has no TCP port ${route.port}; name one that it has`,
        );
    }
    if (broken.size === 0) return [];
    return served.flatMap((ingress) =>
      routesOf(ingress).flatMap((route) => {
        const message = broken.get(routeKey(route));
        return message === undefined
          ? []
          : [{ ingress: keyOf(ingress), reason: "BackendNotFound", message }];
      }),
    );
  }

  /** The Secrets are read from the first Ingress with TLS on. */
  #updateCertificates(withTls: readonly Ingress[]): readonly Problem[] {
    let secretsNow = this.#secrets;
    if (secretsNow === undefined) {
      secretsNow = this.#options.informers.of(secrets);
      this.#secrets = secretsNow;
      this.#unsubscribe.push(secretsNow.onChange(() => this.#gather()));
      secretsNow.synced.then(
        () => this.#gather(),
        () => undefined,
      );
    }
    if (!secretsNow.hasSynced) return [];
    return this.#listeners.updateCertificates(withTls, (key) => secretsNow.get(key));
  }

  #tell(problems: readonly Problem[]): void {
    const { recorder, clock } = this.#options;
    const { tell, lookAgainMs } = this.#problems.update(problems);
    for (const { ingress, reason, message } of tell) {
      const object = this.#ingresses.get(ingress);
      if (object !== undefined) recorder.record(object, "Warning", reason, message);
    }
    this.#cancelLook?.();
    this.#cancelLook =
      lookAgainMs === undefined ? undefined : clock.after(lookAgainMs, () => this.#gather());
  }

  #addresses(ingress: Ingress) {
    return addressesOf(ingress, this.#listeners.listening);
  }

  /** Writes where an Ingress is reached; takes back what was written for one that is no longer ours. */
  async #publish(key: string): Promise<Result> {
    const ingress = this.#ingresses.get(key);
    if (ingress === undefined) return done;
    const wanted = this.#served.has(key) ? this.#addresses(ingress) : [];
    if (deepEqual(ingress.status?.loadBalancer?.ingress ?? [], wanted)) return done;
    try {
      await this.#options.client.patch(
        ingresses,
        parseKey(key),
        { type: "merge", body: { status: { loadBalancer: { ingress: wanted } } } },
        { fieldManager: "ingress", subresource: "status" },
      );
    } catch (error) {
      if (!isStatus(error, "NotFound")) throw error;
    }
    return done;
  }
}

/** Ingresses never change in place: what each one leads to is found out once. */
const knownRoutes = new WeakMap<Ingress, readonly RouteBackend[]>();

function routesOf(ingress: Ingress): readonly RouteBackend[] {
  const routes = knownRoutes.get(ingress) ?? buildRouteTable([ingress]).backends;
  knownRoutes.set(ingress, routes);
  return routes;
}

function classProblems(all: readonly Ingress[], classes: readonly IngressClass[]): Problem[] {
  return all.flatMap((ingress) => {
    const name = missingClass(ingress, classes);
    return name === undefined
      ? []
      : [
          {
            ingress: keyOf(ingress),
            reason: "ClassNotFound",
            message: `there is no IngressClass ${name}, so nobody serves this; name ${BUILT_IN_CLASS}, or create the class with the controller ${CONTROLLER}`,
          },
        ];
  });
}

function serviceKeyOf(slice: EndpointSlice): string {
  return `${slice.metadata.namespace ?? ""}/${slice.metadata.labels?.[SERVICE_NAME_LABEL] ?? ""}`;
}

function portOf({ spec }: Service, { port }: RouteBackend) {
  if (spec?.type === "ExternalName") return undefined;
  return spec?.ports?.find(
    (candidate) =>
      (candidate.protocol ?? "TCP") === "TCP" &&
      (typeof port === "number" ? candidate.port === port : candidate.name === port),
  );
}

function affinityOf({ spec }: Service): Affinity | undefined {
  if (spec?.sessionAffinity !== "ClientIP") return undefined;
  const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS;
  return { timeoutMs: seconds * 1000 };
}
