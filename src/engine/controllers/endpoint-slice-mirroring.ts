/**
 * Copies hand-written Endpoints of Services without a selector into EndpointSlices, as proxies read
 * nothing else.
 */
import { withFieldManager } from "../../client/field-manager.ts";
import { OwnWrites } from "../../client/own-writes.ts";
import { done, type Result, requeueAfter } from "../../client/reconciler.ts";
import { WorkQueue } from "../../client/work-queue.ts";
import { type Endpoints, endpoints as endpointsResource } from "../../kube/kinds/endpoints.ts";
import { type EndpointSlice, endpointSlices } from "../../kube/kinds/endpointslice.ts";
import { services as serviceResource } from "../../kube/kinds/service.ts";
import { keyOf } from "../../kube/object.ts";
import type { Controller, ControllerContext } from "./controller-context.ts";
import { mirroredGroups } from "./endpoint-slice/mirrored-groups.ts";
import { MANAGED_BY_LABEL, SERVICE_NAME_LABEL } from "./endpoint-slice/slice-metadata.ts";
import { planSlices, type SliceMetadata, type SlicePlan } from "./endpoint-slice/slice-plan.ts";
import { writeSlices } from "./endpoint-slice/write-slices.ts";
import { controllerReference } from "./ownership/owner-reference.ts";
import { ADDRESS_TYPES } from "./service-endpoints/pod-addresses.ts";

const NAME = "endpointslicemirroring-controller";
const WORKERS = 5;
const MANAGED_BY = "endpointslicemirroring-controller.k8s.io";
const SKIP_LABEL = "endpointslice.kubernetes.io/skip-mirror";
/** Set by an endpoints object that was used as a lock for leader election. */
const LEADER_ANNOTATION = "control-plane.alpha.kubernetes.io/leader";
const BY_SERVICE = "endpointslicemirroring-controller/service";
const STALE_RECHECK_MS = 1_000;

export function createEndpointSliceMirroringController(context: ControllerContext): Controller {
  const { informers, clock } = context;
  const client = withFieldManager(context.client, NAME);
  const services = informers.of(serviceResource);
  const endpoints = informers.of(endpointsResource);
  const slices = informers.of(endpointSlices);
  const queue = new WorkQueue({ clock });
  const ownWrites = new OwnWrites(clock);
  slices.addIndex(BY_SERVICE, (slice) => {
    const key = serviceKeyOf(slice);
    return key === undefined ? [] : [key];
  });
  services.onChange(({ object }) => queue.add(keyOf(object)));
  endpoints.onChange(({ object }) => queue.add(keyOf(object)));
  slices.onChange(({ object }) => {
    const key = serviceKeyOf(object);
    if (key !== undefined) queue.add(key);
  });

  async function reconcile(key: string): Promise<Result> {
    if (ownWrites.isBehind(key, slices.revision)) return requeueAfter(STALE_RECHECK_MS);
    const source = endpoints.get(key);
    const service = services.get(key);
    const existing = slices.byIndex(BY_SERVICE, key);
    const isMirrored =
      source !== undefined &&
      service !== undefined &&
      Object.keys(service.spec?.selector ?? {}).length === 0 &&
      mayMirror(source);
    for (const type of ADDRESS_TYPES) {
      const own = existing.filter(({ addressType }) => addressType === type);
      const groups = isMirrored ? mirroredGroups(source.subsets ?? [], type) : [];
      const plan: SlicePlan =
        source === undefined || groups.length === 0
          ? { create: [], update: [], remove: own }
          : planSlices(metadataOf(source), type, groups, own);
      await writeSlices(client, plan, (written) => ownWrites.note(key, written));
    }
    return done;
  }

  return { name: NAME, queue, workers: WORKERS, reconcile };
}

function mayMirror({ metadata: { labels = {}, annotations = {} } }: Endpoints): boolean {
  return labels[SKIP_LABEL] !== "true" && !Object.hasOwn(annotations, LEADER_ANNOTATION);
}

function metadataOf(source: Endpoints): SliceMetadata {
  const { namespace, name, labels } = source.metadata;
  return {
    ...(namespace === undefined ? {} : { namespace }),
    generateName: `${name}-`,
    labels: { ...labels, [SERVICE_NAME_LABEL]: name, [MANAGED_BY_LABEL]: MANAGED_BY },
    ownerReferences: [controllerReference(endpointsResource, source)],
  };
}

function serviceKeyOf({
  metadata: { namespace = "", labels = {} },
}: EndpointSlice): string | undefined {
  const service = labels[SERVICE_NAME_LABEL];
  if (service === undefined || labels[MANAGED_BY_LABEL] !== MANAGED_BY) return undefined;
  return `${namespace}/${service}`;
}
