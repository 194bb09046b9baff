/**
 * The objects of the Gateway API: watched from the first Gateway on, planned by `plan-gateways.ts`,
 * their statuses written. Owned by the ingress proxy, which serves the plan.
 */
import type { Client } from "../../../client/client.ts";
import type { Clock } from "../../../client/clock.ts";
import type { Informer } from "../../../client/informer.ts";
import type { Informers } from "../../../client/informers.ts";
import type { Logger } from "../../../client/logger.ts";
import { done, type Result, runController } from "../../../client/reconciler.ts";
import { WorkQueue } from "../../../client/work-queue.ts";
import { deepEqual } from "../../../kube/equality.ts";
import type { Kind } from "../../../kube/kind.ts";
import { gateways } from "../../../kube/kinds/gateway.ts";
import type {
  Gateway,
  GatewayClass,
  GRPCRoute,
  HTTPRoute,
  ReferenceGrant,
} from "../../../kube/kinds/gateway/gateway-types.ts";
import { GATEWAY_CONTROLLER, gatewayClasses } from "../../../kube/kinds/gatewayclass.ts";
import { grpcRoutes } from "../../../kube/kinds/grpcroute.ts";
import { httpRoutes } from "../../../kube/kinds/httproute.ts";
import { type Namespace, namespaces } from "../../../kube/kinds/namespace.ts";
import { referenceGrants } from "../../../kube/kinds/referencegrant.ts";
import type { Secret } from "../../../kube/kinds/secret.ts";
import type { Service } from "../../../kube/kinds/service.ts";
import { type JsonObject, type KubeObject, keyOf, parseKey } from "../../../kube/object.ts";
import { isStatus } from "../../../kube/status-error.ts";
import type { Listeners } from "../ingress/open-listeners.ts";
import { loadCertificate } from "../ingress/tls-certificates.ts";
import { gatewayClassStatus, gatewayStatus, routeParents, timestampOf } from "./gateway-status.ts";
import {
  type GatewayPlan,
  type PlannedGateway,
  type PlannedRoute,
  planGateways,
} from "./plan-gateways.ts";

/** Status writes at once. */
const WORKERS = 4;

export interface GatewaysOptions {
  readonly client: Client;
  readonly informers: Informers;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly listeners: Listeners;
  readonly ports: { readonly http: number; readonly https: number };
  readonly serviceOf: (key: string) => Service | undefined;
  /** Undefined while Secrets are not read yet. */
  readonly secretOf: () => ((key: string) => Secret | undefined) | undefined;
  /** Called after each change that may change the plan. */
  readonly onChange: () => void;
}

const STATUS_KINDS = {
  GatewayClass: gatewayClasses,
  Gateway: gateways,
  HTTPRoute: httpRoutes,
  GRPCRoute: grpcRoutes,
} as const;
type StatusKind = keyof typeof STATUS_KINDS;

export class Gateways {
  readonly #options: GatewaysOptions;
  readonly #classes: Informer<GatewayClass>;
  readonly #gateways: Informer<Gateway>;
  readonly #httpRoutes: Informer<HTTPRoute>;
  readonly #grpcRoutes: Informer<GRPCRoute>;
  readonly #grants: Informer<ReferenceGrant>;
  readonly #namespaces: Informer<Namespace>;
  readonly #unsubscribe: (() => void)[];
  readonly #queue: WorkQueue;
  readonly #controller;
  readonly #plannedGateways = new Map<string, PlannedGateway>();
  readonly #plannedRoutes = new Map<string, PlannedRoute>();
  /** By Secret as it is: checking a key takes longer than all the rest. */
  readonly #checked = new WeakMap<Secret, { readonly problem: string | undefined }>();

  constructor(options: GatewaysOptions) {
    this.#options = options;
    const { informers, onChange, clock, logger } = options;
    this.#classes = informers.of(gatewayClasses);
    this.#gateways = informers.of(gateways);
    this.#httpRoutes = informers.of(httpRoutes);
    this.#grpcRoutes = informers.of(grpcRoutes);
    this.#grants = informers.of(referenceGrants);
    this.#namespaces = informers.of(namespaces);
    this.#queue = new WorkQueue({ clock });
    this.#controller = runController({
      name: "gateway",
      queue: this.#queue,
      workers: WORKERS,
      reconcile: (key) => this.#writeStatus(key),
      clock,
      logger,
    });
    const late = [this.#httpRoutes, this.#grpcRoutes, this.#grants, this.#namespaces];
    this.#unsubscribe = late.map((informer) => informer.onChange(onChange));
    for (const { synced } of late) synced.then(onChange, () => undefined);
  }

  /** Undefined until everything has been read: half of the routes would answer 404. */
  plan(): GatewayPlan | undefined {
    // Without a Gateway nobody's certificates are asked for.
    const isEmpty = this.#gateways.list().length === 0;
    const secretOf = isEmpty ? () => undefined : this.#options.secretOf();
    const read = [this.#httpRoutes, this.#grpcRoutes, this.#grants, this.#namespaces];
    if (secretOf === undefined || read.some(({ hasSynced }) => !hasSynced)) return undefined;
    const { ports, listeners, serviceOf } = this.#options;
    const plan = planGateways({
      classes: this.#classes.list(),
      gateways: this.#gateways.list(),
      httpRoutes: this.#httpRoutes.list(),
      grpcRoutes: this.#grpcRoutes.list(),
      grants: this.#grants.list(),
      ports,
      secretOf,
      serviceOf,
      certificateProblem: (secret) => this.#certificateProblem(secret),
      failure: (key) => listeners.failure(key),
      labelsOf: (namespace) => this.#namespaces.get(namespace)?.metadata.labels ?? {},
    });
    this.#plannedGateways.clear();
    for (const planned of plan.gateways) this.#plannedGateways.set(keyOf(planned.gateway), planned);
    this.#plannedRoutes.clear();
    for (const planned of plan.routes)
      this.#plannedRoutes.set(`${planned.kind}|${keyOf(planned.route)}`, planned);
    return plan;
  }

  /** Call after the listeners have been asked for what the plan wants. */
  publish(): void {
    for (const object of this.#classes.list()) this.#queueStatus("GatewayClass", object);
    for (const object of this.#gateways.list()) this.#queueStatus("Gateway", object);
    for (const object of this.#httpRoutes.list()) this.#queueStatus("HTTPRoute", object);
    for (const object of this.#grpcRoutes.list()) this.#queueStatus("GRPCRoute", object);
  }

  async stop(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    await this.#controller.stop();
  }

  #certificateProblem(secret: Secret): string | undefined {
    let checked = this.#checked.get(secret);
    if (checked === undefined) {
      const loaded = loadCertificate(secret);
      checked = { problem: typeof loaded === "string" ? loaded : undefined };
      this.#checked.set(secret, checked);
    }
    return checked.problem;
  }

  #queueStatus(kind: StatusKind, object: KubeObject): void {
    const key = `${kind}|${keyOf(object)}`;
    if (this.#wantedStatus(key) !== undefined) this.#queue.add(key);
  }

  /** What is to be written; undefined when the status says it already, or is not ours. */
  #wantedStatus(key: string): { object: KubeObject; status: object } | undefined {
    const now = timestampOf(this.#options.clock.now());
    const [kind = "", name = ""] = key.split("|");
    switch (kind as StatusKind) {
      case "GatewayClass": {
        const object = this.#classes.get(name);
        if (object?.spec.controllerName !== GATEWAY_CONTROLLER) return undefined;
        return changed(object, gatewayClassStatus(object, now));
      }
      case "Gateway": {
        const object = this.#gateways.get(name);
        const planned = this.#plannedGateways.get(name);
        if (object === undefined || planned === undefined) return undefined;
        const at = (listener: string) => this.#options.listeners.at(listener);
        return changed(object, gatewayStatus({ ...planned, gateway: object }, at, now));
      }
      case "HTTPRoute":
        return this.#routeStatus(key, this.#httpRoutes.get(name), now);
      case "GRPCRoute":
        return this.#routeStatus(key, this.#grpcRoutes.get(name), now);
    }
  }

  #routeStatus(key: string, route: HTTPRoute | GRPCRoute | undefined, now: string) {
    if (route === undefined) return undefined;
    const planned = this.#plannedRoutes.get(key);
    const wasOurs = route.status?.parents.some((one) => one.controllerName === GATEWAY_CONTROLLER);
    if (planned === undefined && wasOurs !== true) return undefined;
    const { attachments = [], resolved = { type: "", status: "True", reason: "", message: "" } } =
      planned ?? {};
    return changed(route, { parents: routeParents({ route, attachments, resolved }, now) });
  }

  async #writeStatus(key: string): Promise<Result> {
    const wanted = this.#wantedStatus(key);
    const [kind = "", name = ""] = key.split("|");
    if (wanted === undefined) return done;
    const resource: Kind = STATUS_KINDS[kind as StatusKind];
    try {
      await this.#options.client.patch(
        resource,
        parseKey(name),
        { type: "merge", body: bodyOf(wanted) },
        { fieldManager: "gateway", subresource: "status" },
      );
    } catch (error) {
      if (!isStatus(error, "NotFound")) throw error;
    }
    return done;
  }
}

/** Refused when the object has changed meanwhile: then there is another plan. */
function bodyOf({ object, status }: { object: KubeObject; status: object }): JsonObject {
  const { resourceVersion = "" } = object.metadata;
  // Statuses are made of JSON alone.
  return { metadata: { resourceVersion }, status: status as JsonObject };
}

function changed<T extends KubeObject & { status?: object }>(object: T, status: object) {
  return deepEqual(object.status, status) ? undefined : { object, status };
}
