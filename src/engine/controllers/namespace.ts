/** Empties a namespace that is being deleted, then lets it go. */
import { withFieldManager } from "../../client/field-manager.ts";
import { done, type Result, requeueAfter } from "../../client/reconciler.ts";
import { WorkQueue } from "../../client/work-queue.ts";
import { deepEqual } from "../../kube/equality.ts";
import type { Resource } from "../../kube/kind.ts";
import {
  NAMESPACE_FINALIZER,
  type Namespace,
  namespaces as namespaceResource,
} from "../../kube/kinds/namespace.ts";
import { pods as podResource } from "../../kube/kinds/pod.ts";
import { keyOf } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import type { Controller, ControllerContext } from "./controller-context.ts";
import {
  type DeletionProgress,
  deletionConditions,
  type Remaining,
} from "./namespace/deletion-conditions.ts";

const NAME = "namespace-controller";
const WORKERS = 2;
/** Pods bring their namespace back when they go; this is how soon other remains are looked for. */
const RECHECK_MS = 1_000;

export function createNamespaceController(context: ControllerContext): Controller {
  const { informers, clock } = context;
  const client = withFieldManager(context.client, NAME);
  const namespaces = informers.of(namespaceResource);
  const pods = informers.of(podResource);
  const queue = new WorkQueue({ clock });

  namespaces.onChange(({ object }) => {
    if (object.metadata.deletionTimestamp !== undefined) queue.add(keyOf(object));
  });
  pods.onChange(({ type, object: { metadata } }) => {
    const { namespace = "" } = metadata;
    if (type === "DELETED" && namespaces.get(namespace)?.metadata.deletionTimestamp !== undefined)
      queue.add(namespace);
  });

  async function reconcile(key: string): Promise<Result> {
    const namespace = namespaces.get(key);
    const finalizers = namespace?.spec?.finalizers ?? [];
    if (
      namespace?.metadata.deletionTimestamp === undefined ||
      !finalizers.includes(NAMESPACE_FINALIZER)
    )
      return done;
    const progress = await empty(key);
    if (progress.remaining.length === 0 && progress.failures.length === 0) {
      await finalize(namespace);
      return done;
    }
    await writeStatus(namespace, progress);
    return requeueAfter(RECHECK_MS);
  }

  /** Pods go first, so that nothing they still use (a policy, a Secret) goes before them (KEP-5080). */
  async function empty(namespace: string): Promise<DeletionProgress> {
    const all = (await client.resources()).filter((resource) => resource.namespaced);
    const arePods = (resource: Resource): boolean =>
      resource.group === podResource.group && resource.plural === podResource.plural;
    const first = await emptyOf(all.filter(arePods), namespace);
    if (first.remaining.length > 0 || first.failures.length > 0) return first;
    return await emptyOf(
      all.filter((resource) => !arePods(resource)),
      namespace,
    );
  }

  async function emptyOf(
    resources: readonly Resource[],
    namespace: string,
  ): Promise<DeletionProgress> {
    const remaining: Remaining[] = [];
    const failures: string[] = [];
    for (const resource of resources) {
      const name = resource.group === "" ? resource.plural : `${resource.plural}.${resource.group}`;
      try {
        const before = await client.list(resource, { namespace });
        if (before.items.length === 0) continue;
        await client.deleteCollection(resource, { namespace, propagationPolicy: "Background" });
        const { items } = await client.list(resource, { namespace });
        if (items.length > 0) remaining.push({ resource: name, objects: items });
      } catch (error) {
        // A custom resource that was unserved meanwhile has no objects.
        if (isStatus(error, "NotFound", "MethodNotAllowed")) continue;
        failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    return { remaining, failures };
  }

  async function finalize(namespace: Namespace): Promise<void> {
    const finalizers = (namespace.spec?.finalizers ?? []).filter(
      (finalizer) => finalizer !== NAMESPACE_FINALIZER,
    );
    try {
      await client.update(
        namespaceResource,
        { ...namespace, spec: { ...namespace.spec, finalizers } },
        { subresource: "finalize" },
      );
    } catch (error) {
      if (!isStatus(error, "NotFound")) throw error;
    }
  }

  async function writeStatus(namespace: Namespace, progress: DeletionProgress): Promise<void> {
    const { status } = namespace;
    const conditions = [...deletionConditions(status?.conditions, progress, clock.now())];
    const next = { ...status, phase: "Terminating", conditions };
    if (deepEqual(status, next)) return;
    await client.update(
      namespaceResource,
      { ...namespace, status: next },
      { subresource: "status" },
    );
  }

  return { name: NAME, queue, workers: WORKERS, reconcile };
}
