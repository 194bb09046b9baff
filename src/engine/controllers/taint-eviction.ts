/**
 * Evicts pods from nodes with `NoExecute` taints that they do not tolerate, or not for longer. The
 * time a pod may stay counts from when this controller first saw pod and taint together, so that
 * nothing is evicted at a restart for what happened before it.
 */
import { createEventRecorder } from "../../client/event-recorder.ts";
import { withFieldManager } from "../../client/field-manager.ts";
import { done, type Result, requeueAfter } from "../../client/reconciler.ts";
import { WorkQueue } from "../../client/work-queue.ts";
import { deepEqual } from "../../kube/equality.ts";
import { type Node, nodes as nodeResource } from "../../kube/kinds/node.ts";
import { type Pod, pods as podResource } from "../../kube/kinds/pod.ts";
import { keyOf } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import type { Controller, ControllerContext } from "./controller-context.ts";
import { disruptPod } from "./disrupt-pod.ts";
import { addPodNodeIndex, podsOnNode } from "./ownership/pods-on-node.ts";
import { toleratedMs } from "./taint-eviction/eviction-time.ts";

const NAME = "taint-eviction-controller";
const WORKERS = 8;

export function createTaintEvictionController(context: ControllerContext): Controller {
  const { informers, clock, logger, signal } = context;
  const client = withFieldManager(context.client, NAME);
  const events = createEventRecorder({ client, component: NAME, clock, logger, signal });
  const nodes = informers.of(nodeResource);
  const pods = informers.of(podResource);
  const queue = new WorkQueue({ clock });
  /** Since when pods are on a node with such taints, by uid. */
  const since = new Map<string, number>();
  addPodNodeIndex(pods);

  nodes.onChange(({ object, previous }) => {
    if (deepEqual(noExecute(object), noExecute(previous))) return;
    for (const pod of podsOnNode(pods, object.metadata.name)) queue.add(keyOf(pod));
  });
  pods.onChange(({ type, object }) => {
    const { uid = "" } = object.metadata;
    if (type === "DELETED") since.delete(uid);
    else if (since.has(uid) || noExecute(nodes.get(object.spec?.nodeName ?? "")).length > 0)
      queue.add(keyOf(object));
  });

  async function reconcile(key: string): Promise<Result> {
    const pod = pods.get(key);
    if (pod === undefined) return done;
    const { uid = "", deletionTimestamp } = pod.metadata;
    const node = nodes.get(pod.spec?.nodeName ?? "");
    const taints = noExecute(node);
    if (taints.length === 0 || isOver(pod) || deletionTimestamp !== undefined) {
      if (since.delete(uid) && deletionTimestamp === undefined && taints.length === 0)
        events.record(pod, "Normal", "TaintManagerEviction", `Cancelling deletion of Pod ${key}`);
      return done;
    }
    const nowMs = clock.now();
    const sinceMs = since.get(uid) ?? nowMs;
    since.set(uid, sinceMs);
    const mayStayMs = toleratedMs(taints, pod.spec?.tolerations ?? []);
    if (mayStayMs === undefined) return done;
    const leftMs = sinceMs + mayStayMs - nowMs;
    if (leftMs > 0) return requeueAfter(leftMs);
    await evict(pod, key);
    return done;
  }

  async function evict(pod: Pod, key: string): Promise<void> {
    events.record(pod, "Normal", "TaintManagerEviction", `Marking for deletion Pod ${key}`);
    try {
      await disruptPod(client, pod, clock.now(), {
        reason: "DeletionByTaintManager",
        message: "Taint manager: deleting due to NoExecute taint",
      });
    } catch (error) {
      if (!isStatus(error, "NotFound", "Conflict")) throw error;
    }
    since.delete(pod.metadata.uid ?? "");
  }

  return { name: NAME, queue, workers: WORKERS, reconcile };
}

const noExecute = (node: Node | undefined) =>
  (node?.spec?.taints ?? []).filter(({ effect }) => effect === "NoExecute");

const isOver = ({ status }: Pod): boolean =>
  status?.phase === "Succeeded" || status?.phase === "Failed";
