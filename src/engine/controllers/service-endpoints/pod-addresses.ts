import type { Pod } from "../../../kube/kinds/pod.ts";
import type { Service } from "../../../kube/kinds/service.ts";

export const ADDRESS_TYPES = ["IPv4", "IPv6"] as const;
export type AddressType = (typeof ADDRESS_TYPES)[number];

export function addressTypeOf(address: string): AddressType {
  return address.includes(":") ? "IPv6" : "IPv4";
}

/** The address families that a Service has endpoints in. */
export function addressTypes(service: Service): readonly AddressType[] {
  const families = service.spec?.ipFamilies ?? [];
  const known = families.filter((family) => family === "IPv4" || family === "IPv6");
  return known.length === 0 ? ["IPv4"] : known;
}

/** The pod's address of a family; undefined before it has one. */
export function podAddress(pod: Pod, type: AddressType): string | undefined {
  const { podIP, podIPs = [] } = pod.status ?? {};
  const addresses = [...podIPs.flatMap(({ ip }) => ip ?? []), ...(podIP ? [podIP] : [])];
  return addresses.find((address) => addressTypeOf(address) === type);
}
