/**
 * Which addresses LoadBalancer Services have: one of a pool each, or those of this machine, which
 * Services share as long as their ports differ. Keeps what is in use in memory and believes what
 * Services' status says, so that a restart changes nothing.
 */
import type { AddressRanges } from "./address-ranges.ts";
import { type Service } from "../../kube/kinds/service.ts";
import { keyOf } from "../../kube/object.ts";

/** The class of Services that this proxy balances, beside those that name none. */
export const LOAD_BALANCER_CLASS = "gantry.dev/service-proxy";

/** Whether this proxy is its load balancer. */
export function isBalancedHere({ spec, metadata }: Service): boolean {
  const { loadBalancerClass = "" } = spec ?? {};
  return (
    spec?.type === "LoadBalancer" &&
    metadata.deletionTimestamp === undefined &&
    (loadBalancerClass === "" || loadBalancerClass === LOAD_BALANCER_CLASS)
  );
}

export type Assignment =
  | { readonly addresses: readonly string[] }
  | { readonly reason: string; readonly message: string };

export interface LoadBalancerAddressesOptions {
  /** Absent: the machine's own addresses. */
  readonly pool?: AddressRanges;
  /** The machine's own, as published. */
  readonly hostAddresses: () => readonly string[];
  /** Services whose status says that they have the address. */
  readonly recorded: (address: string) => readonly Service[];
}

export class LoadBalancerAddresses {
  readonly #options: LoadBalancerAddressesOptions;
  /** `address port/protocol` to the key of the Service that has it. */
  readonly #taken = new Map<string, string>();
  readonly #held = new Map<string, readonly string[]>();
  readonly #users = new Map<string, number>();

  constructor(options: LoadBalancerAddressesOptions) {
    this.#options = options;
  }

  /** What the Service has from now on. The same again while nothing changes. */
  assign(service: Service): Assignment {
    const key = keyOf(service);
    const before = this.addressesOf(key);
    this.release(key);
    const assignment = this.#choose(service, before);
    if ("addresses" in assignment) this.#hold(service, assignment.addresses);
    return assignment;
  }

  addressesOf(key: string): readonly string[] {
    const held = this.#held.get(key) ?? [];
    return [...new Set(held.map((slot) => slot.slice(0, slot.indexOf(" "))))];
  }

  /** True when it had any: others may wait for them. */
  release(key: string): boolean {
    const held = this.#held.get(key);
    if (held === undefined) return false;
    for (const address of this.addressesOf(key))
      this.#users.set(address, (this.#users.get(address) ?? 1) - 1);
    for (const slot of held) this.#taken.delete(slot);
    this.#held.delete(key);
    return true;
  }

  #choose(service: Service, before: readonly string[]): Assignment {
    const { pool, hostAddresses } = this.#options;
    const asked = service.spec?.loadBalancerIP ?? "";
    const own = pool === undefined ? hostAddresses() : undefined;
    if (asked !== "") {
      const isOurs = own?.includes(asked) ?? pool?.contains(asked) ?? false;
      if (isOurs) return this.#unlessTaken(service, [asked]);
      const from =
        own === undefined ? `the pool ${String(pool)}` : `this machine's ${own.join(", ")}`;
      return {
        reason: "AddressNotInPool",
        message: `spec.loadBalancerIP ${asked} is not one of ${from}`,
      };
    }
    if (own !== undefined) return this.#unlessTaken(service, own);
    return this.#fromPool(service, before);
  }

  /** The address that it had, if it still may, else the first that nobody has. */
  #fromPool(service: Service, before: readonly string[]): Assignment {
    const { pool } = this.#options;
    if (pool === undefined) return { addresses: [] };
    const recorded = (service.status?.loadBalancer?.ingress ?? []).map(({ ip = "" }) => ip);
    for (const address of [...before, ...recorded])
      if (pool.contains(address) && this.#takenBy(service, [address]) === undefined)
        return { addresses: [address] };
    const key = keyOf(service);
    for (const address of pool.addresses()) {
      const isFree =
        (this.#users.get(address) ?? 0) === 0 &&
        this.#recordedBy(address).every((other) => keyOf(other) === key);
      if (isFree) return { addresses: [address] };
    }
    return {
      reason: "AddressesExhausted",
      message: `all ${pool.size} addresses of the pool ${String(pool)} are in use: delete a LoadBalancer Service or enlarge --load-balancer-addresses`,
    };
  }

  #unlessTaken(service: Service, addresses: readonly string[]): Assignment {
    const taken = this.#takenBy(service, addresses);
    if (taken === undefined) return { addresses };
    const { slot, holder } = taken;
    const [address = "", port = ""] = slot.split(" ");
    return {
      reason: "AddressTaken",
      message: `port ${port} of ${address} belongs to the load balancer of Service ${holder}: choose another port or another address`,
    };
  }

  #takenBy(
    service: Service,
    addresses: readonly string[],
  ): { slot: string; holder: string } | undefined {
    const key = keyOf(service);
    const slots = slotsOf(service, addresses);
    for (const slot of slots) {
      const holder = this.#taken.get(slot);
      if (holder !== undefined && holder !== key) return { slot, holder };
    }
    const isRecorded = (service.status?.loadBalancer?.ingress ?? []).length > 0;
    // Of two that both have it on record, who comes first keeps it.
    if (isRecorded) return undefined;
    for (const address of addresses)
      for (const other of this.#recordedBy(address)) {
        if (keyOf(other) === key) continue;
        const slot = slotsOf(other, [address]).find((candidate) => slots.includes(candidate));
        if (slot !== undefined) return { slot, holder: keyOf(other) };
      }
    return undefined;
  }

  #recordedBy(address: string): readonly Service[] {
    return this.#options.recorded(address).filter(isBalancedHere);
  }

  #hold(service: Service, addresses: readonly string[]): void {
    const key = keyOf(service);
    const slots = slotsOf(service, addresses);
    for (const slot of slots) this.#taken.set(slot, key);
    this.#held.set(key, slots);
    for (const address of this.addressesOf(key))
      this.#users.set(address, (this.#users.get(address) ?? 0) + 1);
  }
}

function slotsOf({ spec }: Service, addresses: readonly string[]): string[] {
  return addresses.flatMap((address) =>
    (spec?.ports ?? []).map(({ port, protocol = "TCP" }) => `${address} ${port}/${protocol}`),
  );
}
