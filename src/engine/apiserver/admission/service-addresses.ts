/** Gives Services the addresses and node ports that their type calls for, and guards those in use. */
import type { ServicePort, ServiceSpec } from "kubernetes-types/core/v1";
import type { FieldError } from "../../../kube/field-error.ts";
import { type Service, services } from "../../../kube/kinds/service.ts";
import { needsClusterIP, needsNodePort } from "../../../kube/kinds/service/service-object.ts";
import { type KubeObject, keyOf } from "../../../kube/object.ts";
import { StatusError } from "../../../kube/status-error.ts";
import {
  addressAt,
  candidates,
  NODE_PORTS,
  offsetOf,
  SERVICE_CIDR,
  SERVICE_OFFSETS,
} from "./address-range.ts";
import type { AdmissionPlugin, AdmissionRequest } from "./admission.ts";
import {
  addressResource,
  portResource,
  type Reservation,
  type ServiceAddressIndex,
} from "./service-address-index.ts";

const HEADLESS = "None";

export function serviceAddresses(
  index: ServiceAddressIndex,
  random: () => number,
): AdmissionPlugin {
  /** One write may be planned more than once: its reservations belong together. */
  const reservations = new WeakMap<AdmissionRequest["whenSettled"], Reservation>();
  const reservationOf = (service: Service, request: AdmissionRequest): Reservation => {
    const known = reservations.get(request.whenSettled);
    if (known !== undefined) return known;
    const reservation: Reservation = { serviceKey: keyOf(service) };
    reservations.set(request.whenSettled, reservation);
    request.whenSettled(() => index.release(reservation));
    return reservation;
  };
  return {
    name: "ServiceAddresses",
    mutate: (object, request) => {
      const { kind } = request.target.kind;
      if (kind.group !== services.group || kind.plural !== services.plural) return object;
      if (request.subresource !== undefined) return object;
      const allocation = new Allocation(index, random, reservationOf(object, request));
      return allocation.complete(object, request.previous);
    },
  };
}

/** One pass over one Service. Errors are collected, so that a client learns of all at once. */
class Allocation {
  readonly #index: ServiceAddressIndex;
  readonly #random: () => number;
  readonly #reservation: Reservation;
  readonly #errors: FieldError[] = [];

  constructor(index: ServiceAddressIndex, random: () => number, reservation: Reservation) {
    this.#index = index;
    this.#random = random;
    this.#reservation = reservation;
  }

  /** Throws 422 for addresses that are taken or not ours to give, 500 when a range is used up. */
  complete(service: Service, previous: Service | undefined): KubeObject {
    const { spec } = service;
    if (spec === undefined) return service;
    this.#checkFamilies(spec);
    const next = this.#withNodePorts(this.#withClusterIP(spec, previous?.spec), previous?.spec);
    if (this.#errors.length > 0) {
      throw StatusError.invalid(services, service.metadata.name, this.#errors);
    }
    const completed: Service = next === spec ? service : { ...service, spec: next };
    return completed;
  }

  /** Endpoints of a headless Service without a selector are not ours: any family may be among them. */
  #checkFamilies(spec: ServiceSpec): void {
    const { ipFamilyPolicy, ipFamilies = [], selector = {}, clusterIP } = spec;
    if (clusterIP === HEADLESS && Object.keys(selector).length === 0) return;
    if (ipFamilyPolicy === "RequireDualStack") {
      this.#refuse(
        "spec.ipFamilyPolicy",
        ipFamilyPolicy,
        "this cluster is not configured for dual-stack services",
      );
    }
    for (const [position, family] of ipFamilies.entries()) {
      if (family !== "IPv6") continue;
      this.#refuse(`spec.ipFamilies[${position}]`, family, "not configured on this cluster");
    }
  }

  #withClusterIP(spec: ServiceSpec, previous: ServiceSpec | undefined): ServiceSpec {
    const asked = spec.clusterIP ?? "";
    if (!needsClusterIP(spec.type) || asked === HEADLESS) return spec;
    if (asked !== "") {
      if (asked !== previous?.clusterIP) this.#takeAddress(asked);
      return spec;
    }
    for (const offset of candidates(SERVICE_OFFSETS, this.#random)) {
      const clusterIP = addressAt(offset);
      if (!this.#index.takeFree(addressResource(clusterIP), this.#reservation)) continue;
      return { ...spec, clusterIP, clusterIPs: [clusterIP] };
    }
    throw StatusError.of(
      "InternalError",
      `failed to allocate a serviceIP: ${SERVICE_CIDR} is full`,
    );
  }

  #takeAddress(ip: string): void {
    const field = "spec.clusterIPs";
    if (offsetOf(ip) === undefined) {
      this.#refuse(
        field,
        [ip],
        `failed to allocate IP ${ip}: the provided IP (${ip}) is not in the valid range. The range of valid IPs is ${SERVICE_CIDR}`,
      );
    } else if (!this.#index.take(addressResource(ip), this.#reservation)) {
      this.#refuse(field, [ip], `failed to allocate IP ${ip}: provided IP is already allocated`);
    }
  }

  #withNodePorts(spec: ServiceSpec, previous: ServiceSpec | undefined): ServiceSpec {
    const held = heldPorts(previous);
    const isBalanced = spec.type === "LoadBalancer";
    const allocates =
      needsNodePort(spec.type) && (!isBalanced || spec.allocateLoadBalancerNodePorts !== false);
    const checksHealth = isBalanced && spec.externalTrafficPolicy === "Local";
    for (const [position, { nodePort = 0 }] of (spec.ports ?? []).entries()) {
      if (nodePort === 0 || held.has(nodePort)) continue;
      this.#takePort(nodePort, `spec.ports[${position}].nodePort`);
    }
    const next = allocates && lacksNodePort(spec) ? this.#allocateNodePorts(spec) : spec;
    if (!checksHealth) return next;
    const asked = next.healthCheckNodePort ?? 0;
    if (asked === 0) return { ...next, healthCheckNodePort: this.#freePort() };
    if (!held.has(asked)) this.#takePort(asked, "spec.healthCheckNodePort");
    return next;
  }

  /** The same port over TCP and UDP gets one node port, as upstream: DNS servers need that. */
  #allocateNodePorts(spec: ServiceSpec): ServiceSpec {
    const byPort = new Map<number, number>();
    for (const { port, nodePort = 0 } of spec.ports ?? []) {
      if (nodePort !== 0) byPort.set(port, nodePort);
    }
    const ports = (spec.ports ?? []).map((port): ServicePort => {
      if ((port.nodePort ?? 0) !== 0) return port;
      const nodePort = byPort.get(port.port) ?? this.#freePort();
      byPort.set(port.port, nodePort);
      return { ...port, nodePort };
    });
    return { ...spec, ports };
  }

  #takePort(port: number, field: string): void {
    const { first, last } = NODE_PORTS;
    if (port < first || port > last) {
      this.#refuse(
        field,
        port,
        `provided port is not in the valid range. The range of valid ports is ${first}-${last}`,
      );
    } else if (!this.#index.take(portResource(port), this.#reservation)) {
      this.#refuse(field, port, "provided port is already allocated");
    }
  }

  #freePort(): number {
    for (const port of candidates(NODE_PORTS, this.#random)) {
      if (this.#index.takeFree(portResource(port), this.#reservation)) return port;
    }
    const { first, last } = NODE_PORTS;
    throw StatusError.of(
      "InternalError",
      `failed to allocate a nodePort: all ports of ${first}-${last} are in use`,
    );
  }

  #refuse(field: string, value: unknown, detail: string): void {
    this.#errors.push({ reason: "FieldValueInvalid", field, value, detail });
  }
}

const lacksNodePort = ({ ports = [] }: ServiceSpec): boolean =>
  ports.some(({ nodePort }) => (nodePort ?? 0) === 0);

function heldPorts(spec: ServiceSpec | undefined): ReadonlySet<number> {
  const ports = (spec?.ports ?? []).map(({ nodePort }) => nodePort ?? 0);
  return new Set([...ports, spec?.healthCheckNodePort ?? 0].filter((port) => port !== 0));
}
