/** The pods that a workload runs in its newest revision: those that decide a rollout. */
import type { Client } from "../../client/client.ts";
import { formatLabelSelector, selectorOf } from "../../kube/label-selector.ts";
import type { Deployment } from "../../kube/kinds/deployment.ts";
import { type Pod, pods } from "../../kube/kinds/pod.ts";
import { type ReplicaSet, replicaSets } from "../../kube/kinds/replicaset.ts";
import type { KubeObject } from "../../kube/object.ts";

const REVISION = "deployment.kubernetes.io/revision";
/** Label of a StatefulSet's and a DaemonSet's pods. */
const CONTROLLER_REVISION = "controller-revision-hash";

export interface RevisionPods {
  /** What the pods belong to: the workload itself, or a Deployment's newest ReplicaSet. */
  readonly owner: KubeObject | undefined;
  readonly pods: readonly Pod[];
}

export async function revisionPods(
  client: Pick<Client, "list">,
  workload: KubeObject,
  signal: AbortSignal,
): Promise<RevisionPods> {
  if (workload.kind === "Pod") return { owner: workload, pods: [workload as Pod] };
  const { namespace = "" } = workload.metadata;
  const { selector } = (workload as Deployment).spec ?? {};
  const query = { namespace, labelSelector: formatLabelSelector(selectorOf(selector)), signal };
  if (workload.kind !== "Deployment")
    return { owner: workload, pods: ownedBy(workload, (await client.list(pods, query)).items) };
  const sets = ownedBy(workload, (await client.list(replicaSets, query)).items);
  const newest = newestOf(sets);
  if (newest === undefined) return { owner: undefined, pods: [] };
  return { owner: newest, pods: ownedBy(newest, (await client.list(pods, query)).items) };
}

function ownedBy<T extends KubeObject>(owner: KubeObject, objects: readonly T[]): T[] {
  const { uid } = owner.metadata;
  const update = (owner as { readonly status?: { readonly updateRevision?: string } }).status
    ?.updateRevision;
  return objects.filter(
    ({ metadata }) =>
      metadata.ownerReferences?.some((reference) => reference.uid === uid) === true &&
      (update === undefined || (metadata.labels?.[CONTROLLER_REVISION] ?? update) === update),
  );
}

function newestOf(sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  const revision = ({ metadata }: ReplicaSet): number =>
    Number(metadata.annotations?.[REVISION] ?? 0);
  return sets.toSorted((a, b) => revision(b) - revision(a))[0];
}
