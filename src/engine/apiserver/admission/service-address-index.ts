/**
 * Which addresses and node ports Services hold. Follows the store, so that there is nothing to
 * release by hand and nothing to repair after a crash; what writes in progress have chosen is
 * reserved until they are settled.
 */
import type { ServiceSpec } from "kubernetes-types/core/v1";
import { type Service, services } from "../../../kube/kinds/service.ts";
import { type KubeObject, keyOf } from "../../../kube/object.ts";
import type { Store } from "../../store/store.ts";

/** Stands for one write: what it reserves is free again when it is released. */
export interface Reservation {
  readonly serviceKey: string;
}

export class ServiceAddressIndex {
  /** `ip:<address>` or `port:<number>` to the key of the Service that holds it. */
  readonly #held = new Map<string, string>();
  readonly #reserved = new Map<string, Reservation>();
  readonly #stop: () => void;

  constructor(store: Store) {
    const { revision, items } = store.list(services);
    for (const { object } of items) this.#hold(object);
    this.#stop = store.watch(services, revision, ({ type, current, previous }) => {
      if (previous !== undefined) this.#letGo(previous.object);
      if (type === "put") this.#hold(current.object);
    });
  }

  close(): void {
    this.#stop();
  }

  /** Reserves what nobody holds or has chosen, this write included. */
  takeFree(resource: string, reservation: Reservation): boolean {
    if (this.#held.has(resource) || this.#reserved.has(resource)) return false;
    this.#reserved.set(resource, reservation);
    return true;
  }

  /** Reserves it unless another Service holds it or another write has chosen it. */
  take(resource: string, reservation: Reservation): boolean {
    const holder = this.#held.get(resource);
    if (holder !== undefined && holder !== reservation.serviceKey) return false;
    const other = this.#reserved.get(resource);
    if (other !== undefined && other !== reservation) return false;
    this.#reserved.set(resource, reservation);
    return true;
  }

  /** To be called when the write is settled, by when the store has told of it. */
  release(reservation: Reservation): void {
    for (const [resource, holder] of this.#reserved) {
      if (holder === reservation) this.#reserved.delete(resource);
    }
  }

  #hold(object: KubeObject): void {
    for (const resource of resourcesOf(object)) this.#held.set(resource, keyOf(object));
  }
  #letGo(object: KubeObject): void {
    const key = keyOf(object);
    for (const resource of resourcesOf(object)) {
      if (this.#held.get(resource) === key) this.#held.delete(resource);
    }
  }
}

export const addressResource = (ip: string): string => `ip:${ip}`;
export const portResource = (port: number): string => `port:${port}`;

function resourcesOf(object: KubeObject): string[] {
  const spec: Partial<ServiceSpec> = (object as Service).spec ?? {};
  const addresses = new Set([spec.clusterIP ?? "", ...(spec.clusterIPs ?? [])]);
  const nodePorts = (spec.ports ?? []).map(({ nodePort = 0 }) => nodePort);
  const ports = [...nodePorts, spec.healthCheckNodePort ?? 0];
  return [
    ...[...addresses].filter((ip) => ip !== "" && ip !== "None").map(addressResource),
    ...ports.filter((port) => port !== 0).map(portResource),
  ];
}
