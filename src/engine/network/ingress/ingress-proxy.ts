/**
 * The ingress proxy: serves the Ingresses and Gateways of this cluster over HTTP and HTTPS.
 * Level-triggered: a change of an Ingress, class, Gateway, route, Service or Secret builds the routes
 * anew. Changes of EndpointSlices take effect at once and are posted on the routing board, so that no
 * pod is ended while a request is on its way to it. Listeners and everything behind them come with
 * the first Ingress or Gateway that wants them.
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
import { gateways } from "../../../kube/kinds/gateway.ts";
import type { Gateway, GatewayClass } from "../../../kube/kinds/gateway/gateway-types.ts";
import { GATEWAY_CONTROLLER, gatewayClasses } from "../../../kube/kinds/gatewayclass.ts";
import { type Ingress, ingresses } from "../../../kube/kinds/ingress.ts";
import { ingressClasses } from "../../../kube/kinds/ingressclass.ts";
import { type Secret, secrets } from "../../../kube/kinds/secret.ts";
import { type Service, services } from "../../../kube/kinds/service.ts";
import { keyOf, parseKey } from "../../../kube/object.ts";
import { isStatus } from "../../../kube/status-error.ts";
import type { Gateways } from "../gateway/gateways.ts";
import type { GatewayPlan } from "../gateway/plan-gateways.ts";
import { InFlightCounter } from "../in-flight-counter.ts";
import type { RoutingBoard } from "../routing-board.ts";
import { accessLine, type AccessLog } from "./access-log.ts";
import { certificateEntries } from "./certificate-entries.ts";
import { externalAddresses } from "./external-addresses.ts";
import { findRoute } from "./find-route.ts";
import { isServed } from "./ingress-class.ts";
import { INGRESS_LIMITS, type IngressLimits } from "./ingress-limits.ts";
import type { IngressListener, TlsOptions } from "./ingress-listener.ts";
import { backendProblems, classProblems } from "./ingress-problems.ts";
import type { IngressProtocol, ListenerName } from "./listener-name.ts";
import { type IngressAddress, type Listeners, openListeners } from "./open-listeners.ts";
import { addressesOf } from "./published-address.ts";
import { buildRouteTable, oldestFirst, type RouteTable } from "./route-table.ts";
import { RoutedBackends } from "./routed-backends.ts";
import { type Problem, ToldProblems } from "./told-problems.ts";

const SERVICE_NAME_LABEL = "kubernetes.io/service-name";
const BY_SERVICE = "ingress/by-service";
/** Changes that come within this time are worked on together: a commit brings many. */
const GATHER_MS = 50;
/** How long something must be wrong before it is told. */
const PROBLEM_GRACE_MS = 3_000;
/** Status writes at once. */
const WORKERS = 4;

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
  readonly onListen?: (protocol: IngressProtocol, listener: IngressListener) => void;
  /** CIDR blocks that Services of type ExternalName may lead to although they are local. */
  readonly allowedExternal?: readonly string[];
  /** Told of each request. @default the log, at level debug */
  readonly accessLog?: (line: Readonly<Record<string, unknown>>) => void;
  readonly limits?: IngressLimits;
  /** @default 3,000 */
  readonly problemGraceMs?: number;
  /** @default Math.random */
  readonly random?: () => number;
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
  readonly #gatewayObjects: Informer<Gateway>;
  readonly #gatewayClasses: Informer<GatewayClass>;
  readonly #services: Informer<Service>;
  readonly #slices: Informer<EndpointSlice>;
  #secrets: Informer<Secret> | undefined;
  readonly #consumer;
  readonly #unsubscribe: (() => void)[];
  readonly #queue: WorkQueue;
  readonly #controller;
  readonly #problems: ToldProblems;
  readonly #listeners: Listeners;
  readonly #backends: RoutedBackends;
  #gateways: Gateways | "loading" | undefined;
  #table: RouteTable = buildRouteTable([]);
  #plan: GatewayPlan | undefined;
  #served: ReadonlySet<string> = new Set();
  #cancelGather: (() => void) | undefined;
  #cancelLook: (() => void) | undefined;
  #stopped = false;

  constructor(options: IngressProxyOptions) {
    this.#options = options;
    const { board, informers, clock, logger, limits = INGRESS_LIMITS } = options;
    const inFlight = new InFlightCounter(({ address, port }) => board.requestEnded(address, port));
    this.#consumer = board.register("ingress", (address, port) => inFlight.has(address, port));
    this.#problems = new ToldProblems(clock, options.problemGraceMs ?? PROBLEM_GRACE_MS);
    this.#ingresses = informers.of(ingresses);
    this.#classes = informers.of(ingressClasses);
    this.#gatewayObjects = informers.of(gateways);
    this.#gatewayClasses = informers.of(gatewayClasses);
    this.#services = informers.of(services);
    this.#slices = informers.of(endpointSlices);
    this.#slices.addIndex(BY_SERVICE, (slice) => [serviceKeyOf(slice)]);
    this.#backends = new RoutedBackends({
      clock,
      inFlight,
      limits,
      isAllowed: externalAddresses(options.allowedExternal),
      serviceOf: (key) => this.#services.get(key),
      slicesOf: (key) => this.#slices.byIndex(BY_SERVICE, key),
    });
    this.#listeners = openListeners({
      ...options,
      limits,
      accessLog: accessLogOf(options),
      random: options.random ?? Math.random,
      find: (listener, asked) =>
        findRoute(
          isIngress(listener) ? this.#table : undefined,
          this.#plan?.tables.get(listener),
          asked,
        ),
      backendsOf: (backend) => this.#backends.of(backend),
      onChange: () => this.#gather(),
    });
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
      this.#gatewayObjects.onChange(() => this.#gather()),
      this.#gatewayClasses.onChange(() => this.#gather()),
      this.#services.onChange(({ object }) => this.#onService(keyOf(object))),
      this.#slices.onChange(({ object }) => {
        if (!this.#stopped) this.#backends.update(serviceKeyOf(object));
        this.#consumer.applied(Number(object.metadata.resourceVersion));
      }),
    ];
  }

  async listen(): Promise<void> {
    // Whoever comes first finds the routes: after a restart clients are waiting at the door.
    const { informers } = this.#options;
    await informers.synced();
    this.#readIngresses();
    await this.#listeners.openRequired();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#cancelGather?.();
    this.#cancelLook?.();
    await this.#controller.stop();
    if (this.#gateways !== "loading") await this.#gateways?.stop();
    await this.#listeners.close();
    this.#backends.close();
    this.#consumer.close();
  }

  #gather(): void {
    if (this.#stopped || this.#cancelGather !== undefined) return;
    this.#cancelGather = this.#options.clock.after(GATHER_MS, () => {
      this.#cancelGather = undefined;
      if (!this.#stopped) this.#rebuild();
    });
  }

  /** The routes of Ingresses alone: those of Gateways follow once what serves them is loaded. */
  #readIngresses(): void {
    this.#table = buildRouteTable(this.#servedIngresses());
    this.#backends.setWanted(this.#table.backends);
  }

  #servedIngresses(): Ingress[] {
    const classes = this.#classes.list();
    return oldestFirst(this.#ingresses.list().filter((ingress) => isServed(ingress, classes)));
  }

  #rebuild(): void {
    const served = this.#servedIngresses();
    const table = buildRouteTable(served);
    const live = this.#gatewaysNow();
    const plan = live?.plan();
    // In effect together: no request finds a route without its backends.
    this.#backends.setWanted([...table.backends, ...(plan?.backends ?? [])]);
    this.#table = table;
    this.#plan = plan;
    const withTls = served.filter(({ spec }) => (spec?.tls ?? []).length > 0);
    const wanted: ListenerName[] = [...(plan?.listeners ?? [])];
    if (served.length > 0) wanted.push({ protocol: "http", port: undefined });
    if (withTls.length > 0) wanted.push({ protocol: "https", port: undefined });
    this.#listeners.setWanted(wanted);
    this.#tell([
      ...table.problems,
      ...backendProblems(served, table.backends, (key) => this.#services.get(key)),
      ...classProblems(this.#ingresses.list(), this.#classes.list()),
      ...this.#updateCertificates(withTls, plan),
      ...this.#addressProblems(served, withTls),
      ...(plan?.problems ?? []),
    ]);
    live?.publish();
    this.#publishIngresses(served);
  }

  /** What serves Gateways is loaded with the first of them, or a class that is not accepted yet. */
  #gatewaysNow(): Gateways | undefined {
    if (this.#gateways === "loading") return undefined;
    if (this.#gateways !== undefined) return this.#gateways;
    const isWanted =
      this.#gatewayObjects.list().length > 0 ||
      this.#gatewayClasses
        .list()
        .some(
          ({ spec, status }) => spec.controllerName === GATEWAY_CONTROLLER && status === undefined,
        );
    if (!isWanted) return undefined;
    this.#gateways = "loading";
    const { http, https } = this.#options;
    import("../gateway/gateways.ts").then(
      ({ Gateways: Live }) => {
        if (this.#stopped) return;
        this.#gateways = new Live({
          ...this.#options,
          listeners: this.#listeners,
          ports: { http: http.port, https: https.port },
          serviceOf: (key) => this.#services.get(key),
          secretOf: () => this.#secretsNow(),
          onChange: () => this.#gather(),
        });
        this.#gather();
      },
      (error: unknown) => this.#options.logger.error({ err: error }, "gateways cannot be served"),
    );
    return undefined;
  }

  #publishIngresses(served: readonly Ingress[]): void {
    const before = this.#served;
    this.#served = new Set(served.map(keyOf));
    for (const ingress of served) {
      const { status } = ingress;
      if (!deepEqual(status?.loadBalancer?.ingress ?? [], this.#addresses(ingress)))
        this.#queue.add(keyOf(ingress));
    }
    for (const key of before) if (!this.#served.has(key)) this.#queue.add(key);
  }

  #onService(key: string): void {
    if (this.#stopped) return;
    this.#backends.update(key);
    // A route may have waited for it.
    if (this.#backends.leadsTo(key) || this.#plan !== undefined) this.#gather();
  }

  #addressProblems(served: readonly Ingress[], withTls: readonly Ingress[]): Problem[] {
    return (["http", "https"] as const).flatMap((protocol) => {
      const message = this.#listeners.failure(protocol);
      if (message === undefined) return [];
      return (protocol === "http" ? served : withTls).map((ingress) => ({
        ingress: keyOf(ingress),
        reason: "AddressNotBound",
        message,
      }));
    });
  }

  /** The Secrets are read from the first Ingress with TLS on, or the first Gateway. */
  #secretsNow(): ((key: string) => Secret | undefined) | undefined {
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
    const { hasSynced } = secretsNow;
    return hasSynced ? (key) => this.#secrets?.get(key) : undefined;
  }

  #updateCertificates(withTls: readonly Ingress[], plan: GatewayPlan | undefined): Problem[] {
    const ofGateways = plan?.certificates ?? new Map<string, never>();
    if (withTls.length === 0 && ofGateways.size === 0) return [];
    const secretOf = this.#secretsNow();
    if (secretOf === undefined) return [];
    const ofIngresses = certificateEntries(withTls);
    const keys = new Set(["https", ...ofGateways.keys()]);
    return [...keys].flatMap((key) => {
      const own = key === "https" ? ofIngresses : [];
      // Gateways are told by their conditions.
      const owners = new Set(own.map(({ owner }) => owner));
      return this.#listeners
        .updateCertificates(key, [...own, ...(ofGateways.get(key) ?? [])], secretOf)
        .filter(({ owner }) => owners.has(owner))
        .map(({ owner, reason, message }) => ({ ingress: owner, reason, message }));
    });
  }

  #tell(problems: readonly Problem[]): void {
    const { recorder, clock } = this.#options;
    const { tell, lookAgainMs } = this.#problems.update(problems);
    for (const { kind, ingress, reason, message } of tell) {
      const object =
        kind === "Gateway" ? this.#gatewayObjects.get(ingress) : this.#ingresses.get(ingress);
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

const isIngress = (listener: string): boolean => listener === "http" || listener === "https";

function accessLogOf({ accessLog, logger, clock }: IngressProxyOptions): AccessLog {
  const write =
    accessLog ??
    ((line: Readonly<Record<string, unknown>>) => logger.debug(line, "ingress request"));
  return (record, status) => write(accessLine(record, status, clock));
}

function serviceKeyOf(slice: EndpointSlice): string {
  return `${slice.metadata.namespace ?? ""}/${slice.metadata.labels?.[SERVICE_NAME_LABEL] ?? ""}`;
}
