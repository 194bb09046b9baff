/**
 * Takes back the condition DisruptionTarget of pods that somebody meant to disrupt, e.g. to preempt,
 * and then did not.
 */
import { withFieldManager } from "../../client/field-manager.ts";
import { done, type Result, requeueAfter } from "../../client/reconciler.ts";
import { formatTime, parseTime } from "../../client/timestamps.ts";
import { WorkQueue } from "../../client/work-queue.ts";
import { findCondition, setCondition } from "../../kube/conditions.ts";
import { type Pod, pods as podResource } from "../../kube/kinds/pod.ts";
import { keyOf } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import type { Controller, ControllerContext } from "./controller-context.ts";
import { DISRUPTION_TIMEOUT_MS } from "./disruption/budget-status.ts";
import { isActive } from "./replicaset/pod-state.ts";

const NAME = "stale-disruption-target-controller";
/** There is hardly ever one. */
const WORKERS = 1;
/** The node agent's own: it may take as long as it likes to end a pod. */
const OF_NODE_AGENT = "TerminationByKubelet";

export function createStaleDisruptionTargetController(context: ControllerContext): Controller {
  const { informers, clock } = context;
  const client = withFieldManager(context.client, NAME);
  const pods = informers.of(podResource);
  const queue = new WorkQueue({ clock });
  pods.onChange(({ object }) => {
    if (targetedSinceMs(object) !== undefined) queue.add(keyOf(object));
  });

  async function reconcile(key: string): Promise<Result> {
    const pod = pods.get(key);
    const sinceMs = pod === undefined ? undefined : targetedSinceMs(pod);
    if (pod === undefined || sinceMs === undefined) return done;
    const nowMs = clock.now();
    const leftMs = sinceMs + DISRUPTION_TIMEOUT_MS - nowMs;
    if (leftMs > 0) return requeueAfter(leftMs);
    const condition = { type: "DisruptionTarget", status: "False" };
    const conditions = setCondition(pod.status?.conditions, condition, formatTime(nowMs));
    try {
      await client.update(
        podResource,
        { ...pod, status: { ...pod.status, conditions } },
        { subresource: "status" },
      );
    } catch (error) {
      if (!isStatus(error, "NotFound")) throw error;
    }
    return done;
  }

  return { name: NAME, queue, workers: WORKERS, reconcile };
}

/** Undefined for a pod that nobody disrupts, and for one that is going or gone. */
function targetedSinceMs(pod: Pod): number | undefined {
  const condition = findCondition(pod.status?.conditions, "DisruptionTarget");
  const isWaiting =
    condition?.status === "True" && condition.reason !== OF_NODE_AGENT && isActive(pod);
  return isWaiting ? parseTime(condition.lastTransitionTime) : undefined;
}
