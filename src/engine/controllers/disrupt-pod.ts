/** Deletes a pod that the cluster, not its owner, wants gone: first it says why, then it goes. */
import type { Client } from "../../client/client.ts";
import { formatTime } from "../../client/timestamps.ts";
import { type Pod, pods } from "../../kube/kinds/pod.ts";

export interface Disruption {
  /** Of the condition `DisruptionTarget`. */
  readonly reason: string;
  readonly message: string;
  /** Its node is gone, so nobody else will say how it ended. */
  readonly isLost?: boolean;
}

/** Throws 404 and 409 when it is gone, or another of its name is there. */
export async function disruptPod(
  client: Client,
  pod: Pod,
  nowMs: number,
  { reason, message, isLost = false }: Disruption,
): Promise<void> {
  const { namespace = "", name, uid = "" } = pod.metadata;
  const key = { namespace, name };
  const lastTransitionTime = formatTime(nowMs);
  const condition = {
    type: "DisruptionTarget",
    status: "True",
    reason,
    message,
    lastTransitionTime,
  };
  const { phase } = pod.status ?? {};
  const fails = isLost && phase !== "Succeeded" && phase !== "Failed";
  const status = { conditions: [condition], ...(fails ? { phase: "Failed" } : {}) };
  await client.patch(
    pods,
    key,
    { type: "strategic", body: { metadata: { uid }, status } },
    { subresource: "status" },
  );
  const grace = isLost ? { gracePeriodSeconds: 0 } : {};
  await client.delete(pods, key, { ...grace, preconditions: { uid } });
}
