/**
 * Which EndpointSlices to create, change and remove so that they hold the wanted endpoints, with as
 * few writes as possible: endpoints stay in their slice, slices that would go are used again.
 */
import type { EndpointPort } from "kubernetes-types/discovery/v1";
import { deepEqual } from "../../../kube/equality.ts";
import type { Endpoint, EndpointSlice } from "../../../kube/kinds/endpointslice.ts";
import { portSetKey } from "../service-endpoints/endpoint-ports.ts";
import type { AddressType } from "../service-endpoints/pod-addresses.ts";

/** As upstream's max-endpoints-per-slice: a change of one endpoint rewrites one slice. */
export const MAX_ENDPOINTS = 100;

/** Endpoints that listen on the same ports. */
export interface EndpointGroup {
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly Endpoint[];
}
/** Metadata that every slice of the Service carries. */
export type SliceMetadata = Pick<
  EndpointSlice["metadata"],
  "namespace" | "generateName" | "labels" | "ownerReferences"
>;
export interface SlicePlan {
  readonly create: readonly EndpointSlice[];
  readonly update: readonly EndpointSlice[];
  readonly remove: readonly EndpointSlice[];
}
/** A slice as it shall be; `from` when it exists. */
interface Draft {
  readonly from?: EndpointSlice;
  readonly ports: readonly EndpointPort[];
  readonly endpoints: Endpoint[];
}

/** `existing`: the Service's slices of this address type. Without any endpoint one empty slice stays. */
export function planSlices(
  metadata: SliceMetadata,
  addressType: AddressType,
  groups: readonly EndpointGroup[],
  existing: readonly EndpointSlice[],
): SlicePlan {
  const wanted = groups.length > 0 ? groups : [{ ports: [], endpoints: [] }];
  const unused = new Set(existing);
  const drafts = wanted.flatMap(({ ports, endpoints }) => {
    const key = portSetKey(ports);
    const own = existing.filter((slice) => portSetKey(slice.ports) === key);
    const filled = fill(ports, endpoints, own);
    for (const { from } of filled) if (from !== undefined) unused.delete(from);
    return filled;
  });
  const spare = [...unused];
  const settled = drafts.map((draft) => {
    if (draft.from !== undefined) return draft;
    const from = spare.shift();
    return from === undefined ? draft : { ...draft, from };
  });
  const slices = settled.map((draft) => ({ draft, slice: toSlice(metadata, addressType, draft) }));
  return {
    create: slices.flatMap(({ draft, slice }) => (draft.from === undefined ? [slice] : [])),
    update: slices.flatMap(({ draft: { from }, slice }) =>
      from === undefined || isSame(from, slice) ? [] : [slice],
    ),
    remove: spare,
  };
}

/** Endpoints stay where they are; new ones go where a write is due anyway, then where there is room. */
function fill(
  ports: readonly EndpointPort[],
  endpoints: readonly Endpoint[],
  existing: readonly EndpointSlice[],
): readonly Draft[] {
  const missing = new Map(endpoints.map((endpoint) => [identity(endpoint), endpoint]));
  const drafts: Draft[] = existing.map((from) => {
    const kept: Endpoint[] = [];
    for (const { targetRef, addresses } of from.endpoints ?? []) {
      const id = identity({ addresses, ...(targetRef === undefined ? {} : { targetRef }) });
      const endpoint = missing.get(id);
      if (endpoint === undefined || kept.length === MAX_ENDPOINTS) continue;
      missing.delete(id);
      kept.push(endpoint);
    }
    return { from, ports, endpoints: kept };
  });
  const isDirty = ({ from, endpoints: kept }: Draft): boolean => !deepEqual(from?.endpoints, kept);
  const fullestFirst = [...drafts].sort(
    (a, b) => Number(isDirty(b)) - Number(isDirty(a)) || b.endpoints.length - a.endpoints.length,
  );
  const rest = [...missing.values()];
  for (const draft of fullestFirst)
    draft.endpoints.push(...rest.splice(0, MAX_ENDPOINTS - draft.endpoints.length));
  while (rest.length > 0) drafts.push({ ports, endpoints: rest.splice(0, MAX_ENDPOINTS) });
  const used = drafts.filter((draft) => draft.endpoints.length > 0);
  // Only the placeholder of a Service without endpoints has none.
  return endpoints.length > 0 ? used : [drafts[0] ?? { ports, endpoints: [] }];
}

function identity({ targetRef, addresses }: Endpoint): string {
  return `${targetRef?.uid ?? ""} ${addresses.join(",")}`;
}

function toSlice(
  metadata: SliceMetadata,
  addressType: AddressType,
  { from, ports, endpoints }: Draft,
): EndpointSlice {
  const { labels = {}, ownerReferences = [], ...named } = metadata;
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata:
      from === undefined
        ? { name: "", ...named, labels, ownerReferences }
        : { ...from.metadata, labels, ownerReferences },
    addressType,
    endpoints,
    ports: [...ports],
  };
}

function isSame(from: EndpointSlice, slice: EndpointSlice): boolean {
  return (
    portSetKey(from.ports) === portSetKey(slice.ports) &&
    deepEqual(from.endpoints, slice.endpoints) &&
    deepEqual(from.metadata.labels, slice.metadata.labels) &&
    deepEqual(from.metadata.ownerReferences, slice.metadata.ownerReferences)
  );
}
