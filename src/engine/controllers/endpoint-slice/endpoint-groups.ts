import type { Endpoint } from "../../../kube/kinds/endpointslice.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import type { Service } from "../../../kube/kinds/service.ts";
import { endpointPorts, portSetKey } from "../service-endpoints/endpoint-ports.ts";
import type { AddressType } from "../service-endpoints/pod-addresses.ts";
import { podEndpoint } from "./endpoint.ts";
import type { EndpointGroup } from "./slice-plan.ts";

/** The endpoints of a Service, grouped by the ports that they listen on. */
export function endpointGroups(
  service: Service,
  pods: readonly Pod[],
  type: AddressType,
): readonly EndpointGroup[] {
  const groups = new Map<string, EndpointGroup & { readonly endpoints: Endpoint[] }>();
  for (const pod of pods) {
    const endpoint = podEndpoint(service, pod, type);
    if (endpoint === undefined) continue;
    const ports = endpointPorts(service, pod);
    const key = portSetKey(ports);
    const group = groups.get(key) ?? { ports, endpoints: [] };
    group.endpoints.push(endpoint);
    groups.set(key, group);
  }
  return [...groups.values()];
}
