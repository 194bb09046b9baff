/**
 * The order in which kinds are applied: what others need comes first. The list is Argo CD's
 * (gitops-engine/pkg/sync/sync_tasks.go); kinds that it does not name come last, ties by name.
 */
import { formatRef, type ObjectRef } from "./object-ref.ts";

const KIND_ORDER = [
  "Namespace",
  "CustomResourceDefinition",
  "NetworkPolicy",
  "ResourceQuota",
  "LimitRange",
  "PodDisruptionBudget",
  "PriorityClass",
  "ServiceAccount",
  "Secret",
  "ConfigMap",
  "StorageClass",
  "PersistentVolume",
  "PersistentVolumeClaim",
  "ClusterRole",
  "ClusterRoleBinding",
  "Role",
  "RoleBinding",
  "Service",
  "DaemonSet",
  "Pod",
  "ReplicationController",
  "ReplicaSet",
  "Deployment",
  "HorizontalPodAutoscaler",
  "StatefulSet",
  "Job",
  "CronJob",
  "IngressClass",
  "Ingress",
  "APIService",
];
const RANK = new Map(KIND_ORDER.map((kind, index) => [kind, index]));

/** 0 is applied first. Pruning goes the other way. */
export function kindRank(kind: string): number {
  return RANK.get(kind) ?? KIND_ORDER.length;
}

/** Sorts for applying. */
export function compareForApply(a: ObjectRef, b: ObjectRef): number {
  const byKind = kindRank(a.kind) - kindRank(b.kind);
  if (byKind !== 0) return byKind;
  const [left, right] = [formatRef(a), formatRef(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}
