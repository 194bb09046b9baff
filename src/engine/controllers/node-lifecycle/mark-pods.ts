/** Pods of a node that is not ready are not ready either, whatever they said last. */
import type { Client } from "../../../client/client.ts";
import type { EventRecorder } from "../../../client/event-recorder.ts";
import { formatTime } from "../../../client/timestamps.ts";
import { isConditionTrue } from "../../../kube/conditions.ts";
import { type Pod, pods } from "../../../kube/kinds/pod.ts";
import { isStatus } from "../../../kube/status-error.ts";

export async function markNotReady(
  client: Client,
  events: EventRecorder,
  onNode: readonly Pod[],
  nowMs: number,
): Promise<void> {
  const ready = onNode.filter(({ status }) => isConditionTrue(status?.conditions, "Ready"));
  await Promise.all(
    ready.map(async (pod) => {
      const { namespace = "", name, uid = "" } = pod.metadata;
      const lastTransitionTime = formatTime(nowMs);
      const condition = { type: "Ready", status: "False", lastTransitionTime };
      const body = { metadata: { uid }, status: { conditions: [condition] } };
      try {
        await client.patch(
          pods,
          { namespace, name },
          { type: "strategic", body },
          { subresource: "status" },
        );
        events.record(pod, "Warning", "NodeNotReady", "Node is not ready");
      } catch (error) {
        if (!isStatus(error, "NotFound", "Conflict")) throw error;
      }
    }),
  );
}
