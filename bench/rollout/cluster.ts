/** What is done to the application's pods while the load runs, and when it has been done. */
import type { HttpClient } from "../../src/client/http/http-client.ts";
import { type Pod, pods } from "../../src/kube/kinds/pod.ts";
import { podDisruptionBudgets } from "../../src/kube/kinds/poddisruptionbudget.ts";
import type { KubeObject } from "../../src/kube/object.ts";
import { isStatus } from "../../src/kube/status-error.ts";

const TIMEOUT_MS = 120_000;
const NAMESPACE = "default";

/** Resolves when there are exactly so many pods, all of this version and available. */
export async function serving(client: HttpClient, count: number, version: string): Promise<void> {
  await untilPods(
    client,
    (all) =>
      all.length === count && all.every((pod) => isAvailable(pod) && versionOf(pod) === version),
  );
}

/** Evicts every pod that is there now, each as soon as the budget lets it go, as `kubectl drain` does. */
export async function evictAll(client: HttpClient): Promise<void> {
  const { items } = await client.list(pods, { namespace: NAMESPACE });
  for (const { metadata } of items) {
    const eviction: KubeObject = {
      apiVersion: "policy/v1",
      kind: "Eviction",
      metadata: { namespace: NAMESPACE, name: metadata.name },
    };
    while (!(await tryToEvict(client, eviction))) await untilDisruptionAllowed(client);
  }
}

async function tryToEvict(client: HttpClient, eviction: KubeObject): Promise<boolean> {
  try {
    await client.create<KubeObject>(pods, eviction, { subresource: "eviction" });
    return true;
  } catch (error) {
    if (isStatus(error, "TooManyRequests")) return false;
    throw error;
  }
}

async function untilDisruptionAllowed(client: HttpClient): Promise<void> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  for await (const event of client.watch(podDisruptionBudgets, { namespace: NAMESPACE, signal }))
    if (event.type !== "BOOKMARK" && (event.object.status?.disruptionsAllowed ?? 0) > 0) return;
}

async function untilPods(
  client: HttpClient,
  isWanted: (all: readonly Pod[]) => boolean,
): Promise<void> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const found = new Map<string, Pod>();
  const { items, resourceVersion } = await client.list(pods, { namespace: NAMESPACE });
  for (const pod of items) found.set(pod.metadata.name, pod);
  if (isWanted([...found.values()])) return;
  for await (const event of client.watch(pods, { namespace: NAMESPACE, resourceVersion, signal })) {
    if (event.type === "BOOKMARK") continue;
    if (event.type === "DELETED") found.delete(event.object.metadata.name);
    else found.set(event.object.metadata.name, event.object);
    if (isWanted([...found.values()])) return;
  }
}

function isAvailable({ metadata, status }: Pod): boolean {
  const conditionOf = (type: string) =>
    status?.conditions?.find((condition) => condition.type === type)?.status;
  return (
    metadata.deletionTimestamp === undefined &&
    conditionOf("Ready") === "True" &&
    conditionOf("gantry.dev/Routed") !== "False"
  );
}

const versionOf = ({ spec }: Pod): string => spec?.containers[0]?.env?.[0]?.value ?? "";
