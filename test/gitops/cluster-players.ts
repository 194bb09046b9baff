/** Plays the parts of a cluster that an OperatedCluster lacks: nodes, and the Job controller. */
import type { Resource } from "../../src/kube/kind.ts";
import { jobs } from "../../src/kube/kinds/job.ts";
import { pods } from "../../src/kube/kinds/pod.ts";
import type { JsonObject, KubeObject } from "../../src/kube/object.ts";
import type { OperatedCluster } from "./operated-cluster.ts";

export async function setStatus(
  cluster: OperatedCluster,
  resource: Resource,
  name: string,
  status: object,
): Promise<void> {
  const body = { status } as JsonObject;
  const options = { subresource: "status", fieldManager: "player" };
  const key = { namespace: "default", name };
  await cluster.client.patch(resource, key, { type: "merge", body }, options);
  await cluster.settle();
}

export function podReady(cluster: OperatedCluster, name: string): Promise<void> {
  const conditions = [{ type: "Ready", status: "True" }];
  return setStatus(cluster, pods, name, { phase: "Running", conditions });
}

export function podEnds(
  cluster: OperatedCluster,
  name: string,
  phase: "Succeeded" | "Failed",
  message?: string,
): Promise<void> {
  return setStatus(cluster, pods, name, { phase, ...(message === undefined ? {} : { message }) });
}

export function jobEnds(
  cluster: OperatedCluster,
  name: string,
  type: "Complete" | "Failed",
  message = "",
): Promise<void> {
  const before = type === "Complete" ? "SuccessCriteriaMet" : "FailureTarget";
  const time = "2026-01-01T00:00:00Z";
  const conditions = [before, type].map((it) => ({ type: it, status: "True", message }));
  const ended = type === "Complete" ? { completionTime: time, succeeded: 1 } : { failed: 1 };
  return setStatus(cluster, jobs, name, { startTime: time, conditions, ...ended });
}

const containers = [{ name: "main", image: "main:1" }];

export function pod(
  name: string,
  annotations: Record<string, string> = {},
  spec: object = {},
): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, annotations },
    spec: { containers, ...spec },
  };
}

export function job(
  name: string,
  annotations: Record<string, string> = {},
  spec: object = {},
): object {
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: name.endsWith("-") ? { generateName: name, annotations } : { name, annotations },
    spec: { template: { spec: { restartPolicy: "Never", containers } }, ...spec },
  };
}

export const wave = (number: number): Record<string, string> => ({
  "argocd.argoproj.io/sync-wave": String(number),
});
export const hook = (phases: string, policy?: string): Record<string, string> => ({
  "argocd.argoproj.io/hook": phases,
  ...(policy === undefined ? {} : { "argocd.argoproj.io/hook-delete-policy": policy }),
});

/** The names of the objects of a kind. */
export async function names(cluster: OperatedCluster, resource: Resource): Promise<string[]> {
  const { items } = await cluster.client.list(resource);
  return items.map(({ metadata }: KubeObject) => metadata.name).sort();
}
