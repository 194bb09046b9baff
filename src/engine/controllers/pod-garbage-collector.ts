/**
 * Removes pods that nobody else will: on nodes that are gone or declared lost, deleted before they had
 * a node, and finished ones beyond a number. What is garbage is decided in `pod-garbage-collector/`.
 */
import { withFieldManager } from "../../client/field-manager.ts";
import { type Result, requeueAfter } from "../../client/reconciler.ts";
import { WorkQueue } from "../../client/work-queue.ts";
import { nodes as nodeResource } from "../../kube/kinds/node.ts";
import { type Pod, pods as podResource } from "../../kube/kinds/pod.ts";
import { isStatus } from "../../kube/status-error.ts";
import type { Controller, ControllerContext } from "./controller-context.ts";
import { disruptPod } from "./disrupt-pod.ts";
import { addPodNodeIndex, podsOnNode } from "./ownership/pods-on-node.ts";
import {
  missingNodes,
  onLostNodes,
  surplusTerminated,
  unscheduledTerminating,
} from "./pod-garbage-collector/garbage.ts";

const NAME = "pod-garbage-collector";
const PASS = "*";
/** As upstream: how often it looks, and how long a node may be gone before its pods go. */
const PASS_MS = 20_000;
const QUARANTINE_MS = 40_000;
/** Deletions under way together. */
const AT_ONCE = 256;

export function createPodGarbageCollector(context: ControllerContext): Controller {
  const { informers, clock, logger } = context;
  const client = withFieldManager(context.client, NAME);
  const nodes = informers.of(nodeResource);
  const pods = informers.of(podResource);
  const queue = new WorkQueue({ clock });
  /** Since when nodes are missing that pods are bound to. */
  const missingSince = new Map<string, number>();
  addPodNodeIndex(pods);
  queue.add(PASS);

  async function reconcile(): Promise<Result> {
    const all = pods.list();
    const nodeByName = (name: string) => nodes.get(name);
    await each(surplusTerminated(all), remove);
    await each(onLostNodes(all, nodeByName), (pod) =>
      lose(pod, "PodGC: node is out of service and not ready"),
    );
    await each(unscheduledTerminating(all), remove);
    for (const name of await goneNodes(missingNodes(all, nodeByName)))
      await each(podsOnNode(pods, name), (pod) => lose(pod, "PodGC: node no longer exists"));
    return requeueAfter(PASS_MS);
  }

  /** Missing for long enough, and really so: the cache may be behind. */
  async function goneNodes(missing: ReadonlySet<string>): Promise<string[]> {
    const nowMs = clock.now();
    for (const name of missingSince.keys()) if (!missing.has(name)) missingSince.delete(name);
    const gone: string[] = [];
    for (const name of missing) {
      const sinceMs = missingSince.get(name) ?? nowMs;
      missingSince.set(name, sinceMs);
      if (nowMs - sinceMs >= QUARANTINE_MS && !(await exists(name))) gone.push(name);
    }
    return gone;
  }

  async function exists(name: string): Promise<boolean> {
    try {
      await client.get(nodeResource, { name });
      return true;
    } catch (error) {
      if (isStatus(error, "NotFound")) return false;
      throw error;
    }
  }

  async function lose(pod: Pod, message: string): Promise<void> {
    logger.info({ pod: pod.metadata.name, namespace: pod.metadata.namespace }, message);
    await disruptPod(client, pod, clock.now(), {
      reason: "DeletionByPodGC",
      message,
      isLost: true,
    });
  }

  async function remove({ metadata: { namespace = "", name, uid = "" } }: Pod): Promise<void> {
    const options = { gracePeriodSeconds: 0, preconditions: { uid } };
    await client.delete(podResource, { namespace, name }, options);
  }

  return { name: NAME, queue, workers: 1, reconcile };
}

/** What is gone or was replaced meanwhile needs nothing more. */
async function each(garbage: readonly Pod[], act: (pod: Pod) => Promise<void>): Promise<void> {
  for (let first = 0; first < garbage.length; first += AT_ONCE)
    await Promise.all(
      garbage.slice(first, first + AT_ONCE).map(async (pod) => {
        try {
          await act(pod);
        } catch (error) {
          if (!isStatus(error, "NotFound", "Conflict")) throw error;
        }
      }),
    );
}
