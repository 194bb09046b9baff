/**
 * Publishes where the pods of each Service are reached, as EndpointSlices: what proxies route by, and
 * what the node agent waits for before it stops a pod.
 */
import { withFieldManager } from "../../client/field-manager.ts";
import { OwnWrites } from "../../client/own-writes.ts";
import { done, type Result, requeueAfter } from "../../client/reconciler.ts";
import { WorkQueue } from "../../client/work-queue.ts";
import { type EndpointSlice, endpointSlices } from "../../kube/kinds/endpointslice.ts";
import { nodes as nodeResource } from "../../kube/kinds/node.ts";
import { pods as podResource } from "../../kube/kinds/pod.ts";
import { services as serviceResource } from "../../kube/kinds/service.ts";
import { keyOf } from "../../kube/object.ts";
import type { Controller, ControllerContext } from "./controller-context.ts";
import { endpointGroups } from "./endpoint-slice/endpoint-groups.ts";
import {
  MANAGED_BY,
  MANAGED_BY_LABEL,
  SERVICE_NAME_LABEL,
  sliceMetadata,
} from "./endpoint-slice/slice-metadata.ts";
import { capacityKey, nodeTopology, zoneOf } from "./endpoint-slice/node-topology.ts";
import { planSlices, type SlicePlan } from "./endpoint-slice/slice-plan.ts";
import { isZoneAware, withTopology } from "./endpoint-slice/topology-hints.ts";
import { writeSlices } from "./endpoint-slice/write-slices.ts";
import { addressTypes } from "./service-endpoints/pod-addresses.ts";
import {
  addSelectionIndexes,
  hasSelector,
  selectedPods,
  selectingServices,
} from "./service-endpoints/service-selection.ts";

const NAME = "endpointslice-controller";
/** Writes that wait together share one commit to disk, so more than upstream's 5. */
const WORKERS = 20;
const BY_SERVICE = "endpointslice-controller/service";
const ZONE_AWARE = "endpointslice-controller/zone-aware";
/** The cache's next event brings the Service back earlier; this is for the case that none comes. */
const STALE_RECHECK_MS = 1_000;

export function createEndpointSliceController(context: ControllerContext): Controller {
  const { informers, clock } = context;
  const client = withFieldManager(context.client, NAME);
  const services = informers.of(serviceResource);
  const pods = informers.of(podResource);
  const slices = informers.of(endpointSlices);
  const queue = new WorkQueue({ clock });
  const ownWrites = new OwnWrites(clock);
  const nodes = informers.of(nodeResource);
  const topology = nodeTopology(nodes);
  addSelectionIndexes(services, pods);
  slices.addIndex(BY_SERVICE, (slice) => {
    const key = serviceKeyOf(slice);
    return key === undefined ? [] : [key];
  });

  services.onChange(({ object }) => queue.add(keyOf(object)));
  services.addIndex(ZONE_AWARE, (service) => (isZoneAware(service) ? [ZONE_AWARE] : []));
  nodes.onChange(({ type, object, previous }) => {
    // Pods of a node that moved are in another zone; else only shares of zones may have changed.
    const hasMoved = previous !== undefined && zoneOf(previous) !== zoneOf(object);
    const concerned = hasMoved ? services.list() : services.byIndex(ZONE_AWARE, ZONE_AWARE);
    if (concerned.length === 0) return;
    const isModified = type !== "DELETED" && previous !== undefined;
    if (isModified && capacityKey(previous) === capacityKey(object)) return;
    for (const service of concerned) queue.add(keyOf(service));
  });
  pods.onChange(({ object, previous }) => {
    for (const pod of previous === undefined ? [object] : [object, previous])
      for (const service of selectingServices(services, pod)) queue.add(keyOf(service));
  });
  slices.onChange(({ object, previous }) => {
    for (const slice of previous === undefined ? [object] : [object, previous]) {
      const key = serviceKeyOf(slice);
      if (key !== undefined) queue.add(key);
    }
  });

  async function reconcile(key: string): Promise<Result> {
    const service = services.get(key);
    // Slices of a Service that is gone go with it: it owns them.
    if (service === undefined || service.metadata.deletionTimestamp !== undefined) {
      ownWrites.forget(key);
      return done;
    }
    if (!hasSelector(service)) return done;
    if (ownWrites.isBehind(key, slices.revision)) return requeueAfter(STALE_RECHECK_MS);
    const existing = slices
      .byIndex(BY_SERVICE, key)
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    const selected = selectedPods(pods, service);
    const metadata = sliceMetadata(service);
    const types = addressTypes(service);
    const write = (plan: SlicePlan): Promise<void> =>
      writeSlices(client, plan, (written) => ownWrites.note(key, written));
    for (const type of types) {
      const own = existing.filter(({ addressType }) => addressType === type);
      const groups = withTopology(service, endpointGroups(service, selected, type), topology);
      await write(planSlices(metadata, type, groups, own));
    }
    const foreign = existing.filter((slice) => !types.some((type) => type === slice.addressType));
    await write({ create: [], update: [], remove: foreign });
    return done;
  }

  return { name: NAME, queue, workers: WORKERS, reconcile };
}

/** Undefined for slices that somebody else manages. */
function serviceKeyOf({
  metadata: { namespace = "", labels = {} },
}: EndpointSlice): string | undefined {
  const service = labels[SERVICE_NAME_LABEL];
  if (service === undefined || labels[MANAGED_BY_LABEL] !== MANAGED_BY) return undefined;
  return `${namespace}/${service}`;
}
