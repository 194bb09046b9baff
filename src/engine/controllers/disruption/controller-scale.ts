/** How many pods the controllers of some pods want together. */
import type { OwnerReference } from "kubernetes-types/meta/v1";
import type { Client } from "../../../client/client.ts";
import type { Informer } from "../../../client/informer.ts";
import { isObject } from "../../../kube/json-object.ts";
import type { Deployment } from "../../../kube/kinds/deployment.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import type { ReplicaSet } from "../../../kube/kinds/replicaset.ts";
import type { KubeObject } from "../../../kube/object.ts";
import { isStatus } from "../../../kube/status-error.ts";
import { controllerOf } from "../ownership/owner-reference.ts";

export interface ScaleSources {
  readonly client: Client;
  readonly replicaSets: Informer<ReplicaSet>;
  readonly deployments: Informer<Deployment>;
}

/** A pod whose controller's size cannot be told; its message is for the budget's owner. */
export class UnknownScaleError extends Error {
  override readonly name = "UnknownScaleError";
}

/**
 * The sum over the controllers; pods without one count nothing, as upstream.
 * @throws {UnknownScaleError}
 */
export async function scaleOfControllers(
  sources: ScaleSources,
  pods: readonly Pod[],
): Promise<number> {
  const known = new Map<string, number>();
  const looked = new Set<string>();
  for (const pod of pods) {
    const reference = controllerOf(pod);
    if (reference === undefined || looked.has(reference.uid)) continue;
    looked.add(reference.uid);
    const { uid, replicas } = await scaleOf(sources, pod, reference);
    known.set(uid, replicas);
  }
  return [...known.values()].reduce((sum, replicas) => sum + replicas, 0);
}

interface Scale {
  readonly uid: string;
  readonly replicas: number;
}

async function scaleOf(sources: ScaleSources, pod: Pod, reference: OwnerReference): Promise<Scale> {
  const { namespace = "", name } = pod.metadata;
  const { kind, apiVersion } = reference;
  if (kind === "ReplicaSet" && apiVersion.startsWith("apps/")) {
    const set = owner(sources.replicaSets, namespace, reference);
    if (set === undefined) throw missing(name);
    const above = controllerOf(set);
    if (above?.kind !== "Deployment" || !above.apiVersion.startsWith("apps/"))
      return { uid: reference.uid, replicas: set.spec?.replicas ?? 1 };
    const deployment = owner(sources.deployments, namespace, above);
    if (deployment === undefined) throw missing(name);
    return { uid: above.uid, replicas: deployment.spec?.replicas ?? 1 };
  }
  return { uid: reference.uid, replicas: await scaleSubresource(sources, pod, reference) };
}

function owner<T extends KubeObject>(
  informer: Informer<T>,
  namespace: string,
  { name, uid }: OwnerReference,
): T | undefined {
  const found = informer.get(`${namespace}/${name}`);
  return found?.metadata.uid === uid ? found : undefined;
}

/** Any kind that can be scaled, custom ones included. */
async function scaleSubresource(
  { client }: ScaleSources,
  { metadata: { namespace = "", name: podName } }: Pod,
  { apiVersion, kind, name, uid }: OwnerReference,
): Promise<number> {
  const resource = await client.resourceFor(apiVersion, kind);
  if (resource === undefined) throw missing(podName);
  try {
    const scale = await client.get(resource, { namespace, name }, { subresource: "scale" });
    if (scale.metadata.uid !== uid) throw missing(podName);
    const spec: unknown = "spec" in scale ? scale.spec : undefined;
    const replicas = isObject(spec) ? spec.replicas : undefined;
    return typeof replicas === "number" ? replicas : 0;
  } catch (error) {
    if (!isStatus(error, "NotFound")) throw error;
    throw error.status.details?.name === name
      ? missing(podName)
      : new UnknownScaleError(`${resource.plural} does not implement the scale subresource`);
  }
}

const missing = (pod: string): UnknownScaleError =>
  new UnknownScaleError(`found no controller ref for pod ${JSON.stringify(pod)}`);
