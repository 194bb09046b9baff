/** The `subsets` of a legacy Endpoints object. */
import type { EndpointAddress, EndpointSubset } from "kubernetes-types/core/v1";
import type { Pod } from "../../../kube/kinds/pod.ts";
import type { Service } from "../../../kube/kinds/service.ts";
import { isReady, isTerminal } from "../replicaset/pod-state.ts";
import { endpointPorts, portSetKey } from "./endpoint-ports.ts";
import { addressTypes, podAddress } from "./pod-addresses.ts";

/** Of one Endpoints object, as upstream: more would not fit into an object. */
export const MAX_ADDRESSES = 1_000;

export interface Subsets {
  readonly subsets: readonly EndpointSubset[];
  /** Whether addresses were left out; ready ones are kept first. */
  readonly isTruncated: boolean;
}

interface Place {
  readonly pod: Pod;
  readonly address: EndpointAddress;
  readonly isReady: boolean;
}

/** Addresses with the same ports make one subset. Pods that are shutting down are not listed. */
export function endpointSubsets(service: Service, pods: readonly Pod[]): Subsets {
  const places = pods.flatMap((pod) => placeOf(service, pod) ?? []);
  const kept = [
    ...places.filter((place) => place.isReady),
    ...places.filter((place) => !place.isReady),
  ]
    .slice(0, MAX_ADDRESSES)
    .sort((a, b) => compare(a.address.ip, b.address.ip) || compare(uidOf(a), uidOf(b)));
  const groups = new Map<string, Place[]>();
  for (const place of kept) {
    const key = portSetKey(endpointPorts(service, place.pod));
    groups.set(key, [...(groups.get(key) ?? []), place]);
  }
  const subsets = [...groups]
    .sort(([a], [b]) => compare(a, b))
    .map(([, group]) => toSubset(service, group));
  return { subsets, isTruncated: places.length > MAX_ADDRESSES };
}

function placeOf(service: Service, pod: Pod): Place | undefined {
  const anyState = service.spec?.publishNotReadyAddresses === true;
  const ip = addressTypes(service).map((type) => podAddress(pod, type))[0];
  const isGoing = pod.metadata.deletionTimestamp !== undefined && !anyState;
  if (ip === undefined || isTerminal(pod) || isGoing) return undefined;
  const { namespace = "", name, uid = "" } = pod.metadata;
  const { nodeName, hostname, subdomain } = pod.spec ?? {};
  const isNamed = hostname !== undefined && subdomain === service.metadata.name;
  const address = {
    ip,
    ...(isNamed ? { hostname } : {}),
    ...(nodeName === undefined ? {} : { nodeName }),
    targetRef: { kind: "Pod", namespace, name, uid },
  };
  return { pod, address, isReady: anyState || isReady(pod) };
}

function toSubset(service: Service, group: readonly Place[]): EndpointSubset {
  const [first] = group;
  const addresses = group.filter((place) => place.isReady).map(({ address }) => address);
  const notReadyAddresses = group.filter((place) => !place.isReady).map(({ address }) => address);
  const ports = (first === undefined ? [] : endpointPorts(service, first.pod)).map(
    ({ name = "", port = 0, protocol = "TCP", appProtocol }) => ({
      ...(name === "" ? {} : { name }),
      port,
      protocol,
      ...(appProtocol === undefined ? {} : { appProtocol }),
    }),
  );
  return {
    ...(addresses.length === 0 ? {} : { addresses }),
    ...(notReadyAddresses.length === 0 ? {} : { notReadyAddresses }),
    ...(ports.length === 0 ? {} : { ports }),
  };
}

const uidOf = ({ pod }: Place): string => pod.metadata.uid ?? "";
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
