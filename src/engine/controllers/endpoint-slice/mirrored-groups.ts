import type { EndpointAddress, EndpointSubset } from "kubernetes-types/core/v1";
import type { Endpoint } from "../../../kube/kinds/endpointslice.ts";
import { type AddressType, addressTypeOf } from "../service-endpoints/pod-addresses.ts";
import type { EndpointGroup } from "./slice-plan.ts";

/** Of one subset; a hand-written object that is longer is cut, as upstream cuts it. */
const MAX_MIRRORED = 1_000;

/** The addresses of a hand-written Endpoints object as groups of slice endpoints. */
export function mirroredGroups(
  subsets: readonly EndpointSubset[],
  type: AddressType,
): readonly EndpointGroup[] {
  return subsets.flatMap(({ addresses = [], notReadyAddresses = [], ports = [] }) => {
    const endpoints = [
      ...addresses.map((address) => mirrored(address, true)),
      ...notReadyAddresses.map((address) => mirrored(address, false)),
    ]
      .filter(({ addresses: [ip = ""] }) => addressTypeOf(ip) === type)
      .slice(0, MAX_MIRRORED);
    if (endpoints.length === 0) return [];
    const named = ports.map(({ name = "", port, protocol = "TCP", appProtocol }) => ({
      name,
      port,
      protocol,
      ...(appProtocol === undefined ? {} : { appProtocol }),
    }));
    return [{ ports: named, endpoints }];
  });
}

function mirrored(address: EndpointAddress, ready: boolean): Endpoint {
  const { ip, hostname, nodeName, targetRef } = address;
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname === undefined ? {} : { hostname }),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(targetRef === undefined ? {} : { targetRef }),
  };
}
