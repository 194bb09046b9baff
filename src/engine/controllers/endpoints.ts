/** Keeps the legacy Endpoints object of each Service, for clients that do not read EndpointSlices. */
import { withFieldManager } from "../../client/field-manager.ts";
import { done, type Result } from "../../client/reconciler.ts";
import { WorkQueue } from "../../client/work-queue.ts";
import { deepEqual } from "../../kube/equality.ts";
import { type Endpoints, endpoints as endpointsResource } from "../../kube/kinds/endpoints.ts";
import { pods as podResource } from "../../kube/kinds/pod.ts";
import { type Service, services as serviceResource } from "../../kube/kinds/service.ts";
import { keyOf, parseKey } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import type { Controller, ControllerContext } from "./controller-context.ts";
import { isNamespaceTerminating } from "./namespace-terminating.ts";
import {
  addSelectionIndexes,
  hasSelector,
  selectedPods,
  selectingServices,
} from "./service-endpoints/service-selection.ts";
import { endpointSubsets } from "./service-endpoints/subsets.ts";

const NAME = "endpoint-controller";
/** Writes that wait together share one commit to disk, so more than upstream's 5. */
const WORKERS = 20;
const MANAGED_BY_LABEL = "endpoints.kubernetes.io/managed-by";
const HEADLESS_LABEL = "service.kubernetes.io/headless";
const OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity";

export function createEndpointsController(context: ControllerContext): Controller {
  const { informers, clock } = context;
  const client = withFieldManager(context.client, NAME);
  const services = informers.of(serviceResource);
  const pods = informers.of(podResource);
  const endpoints = informers.of(endpointsResource);
  const queue = new WorkQueue({ clock });
  addSelectionIndexes(services, pods);

  services.onChange(({ object }) => queue.add(keyOf(object)));
  pods.onChange(({ object, previous }) => {
    for (const pod of previous === undefined ? [object] : [object, previous])
      for (const service of selectingServices(services, pod)) queue.add(keyOf(service));
  });
  endpoints.onChange(({ object }) => queue.add(keyOf(object)));

  async function reconcile(key: string): Promise<Result> {
    const service = services.get(key);
    const current = endpoints.get(key);
    if (service === undefined) {
      if (current?.metadata.labels?.[MANAGED_BY_LABEL] === NAME) await remove(key);
      return done;
    }
    if (!hasSelector(service) || service.metadata.deletionTimestamp !== undefined) return done;
    const wanted = endpointsOf(
      service,
      endpointSubsets(service, selectedPods(pods, service)),
      current,
    );
    try {
      if (current === undefined) await client.create(endpointsResource, wanted);
      else if (!isSame(current, wanted)) await client.update(endpointsResource, wanted);
    } catch (error) {
      if (!isNamespaceTerminating(error)) throw error;
    }
    return done;
  }

  async function remove(key: string): Promise<void> {
    try {
      await client.delete(endpointsResource, parseKey(key));
    } catch (error) {
      if (!isStatus(error, "NotFound")) throw error;
    }
  }

  return { name: NAME, queue, workers: WORKERS, reconcile };
}

function endpointsOf(
  service: Service,
  { subsets, isTruncated }: ReturnType<typeof endpointSubsets>,
  current: Endpoints | undefined,
): Endpoints {
  const { namespace, name, labels } = service.metadata;
  const { [OVER_CAPACITY]: _, ...annotations } = current?.metadata.annotations ?? {};
  return {
    apiVersion: "v1",
    kind: "Endpoints",
    metadata: {
      ...current?.metadata,
      ...(namespace === undefined ? {} : { namespace }),
      name,
      labels: {
        ...labels,
        ...(service.spec?.clusterIP === "None" ? { [HEADLESS_LABEL]: "" } : {}),
        [MANAGED_BY_LABEL]: NAME,
      },
      annotations: isTruncated ? { ...annotations, [OVER_CAPACITY]: "truncated" } : annotations,
    },
    subsets: [...subsets],
  };
}

function isSame(current: Endpoints, wanted: Endpoints): boolean {
  return (
    deepEqual(current.subsets ?? [], wanted.subsets) &&
    deepEqual(current.metadata.labels ?? {}, wanted.metadata.labels) &&
    deepEqual(current.metadata.annotations ?? {}, wanted.metadata.annotations)
  );
}
