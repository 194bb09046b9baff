/** One pod as an endpoint of a Service. */
import type { Endpoint } from "../../../kube/kinds/endpointslice.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import type { Service } from "../../../kube/kinds/service.ts";
import { isReady, isTerminal } from "../replicaset/pod-state.ts";
import { type AddressType, podAddress } from "../service-endpoints/pod-addresses.ts";

/**
 * Undefined for pods that cannot be reached: finished, or without an address yet. A terminating
 * pod stays, never ready, and `serving` while it still answers (KEP-1672).
 */
export function podEndpoint(service: Service, pod: Pod, type: AddressType): Endpoint | undefined {
  const address = podAddress(pod, type);
  if (address === undefined || isTerminal(pod)) return undefined;
  const { namespace = "", name, uid = "", deletionTimestamp } = pod.metadata;
  const serving = isReady(pod);
  const terminating = deletionTimestamp !== undefined;
  const ready = service.spec?.publishNotReadyAddresses === true || (serving && !terminating);
  const { nodeName, hostname, subdomain } = pod.spec ?? {};
  const isNamed = hostname !== undefined && subdomain === service.metadata.name;
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    ...(isNamed ? { hostname } : {}),
    ...(nodeName === undefined ? {} : { nodeName }),
    targetRef: { kind: "Pod", namespace, name, uid },
  };
}
