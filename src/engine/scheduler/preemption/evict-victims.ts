/** Asks the victims of a preemption to leave, with their grace, and says on whose behalf. */
import type { Client } from "../../../client/client.ts";
import type { Clock } from "../../../client/clock.ts";
import type { EventRecorder } from "../../../client/event-recorder.ts";
import { formatTime } from "../../../client/timestamps.ts";
import { type Pod, pods } from "../../../kube/kinds/pod.ts";
import { isStatus } from "../../../kube/status-error.ts";
import type { PlacedPod } from "../node-state.ts";

export interface EvictionContext {
  readonly client: Client;
  readonly clock: Clock;
  readonly events: EventRecorder;
  readonly schedulerName: string;
  /** The pod that room is made for. */
  readonly preemptor: Pod;
}

/** Resolves once each was told; rejects with the first error that matters, when all were tried. */
export async function evictVictims(
  victims: readonly PlacedPod[],
  context: EvictionContext,
): Promise<void> {
  const results = await Promise.allSettled(victims.map((victim) => evict(victim, context)));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

async function evict(victim: PlacedPod, context: EvictionContext): Promise<void> {
  const { client, clock, events, schedulerName, preemptor } = context;
  const { name, uid } = victim;
  const { namespace } = victim.info;
  const condition = {
    type: "DisruptionTarget",
    status: "True",
    reason: "PreemptionByScheduler",
    message: `${schedulerName}: preempting to accommodate a higher priority pod`,
    lastTransitionTime: formatTime(clock.now()),
  };
  const body = { metadata: { uid }, status: { conditions: [condition] } };
  const key = { namespace, name };
  try {
    await client.patch(
      pods,
      key,
      { type: "strategic", body },
      { subresource: "status", fieldManager: schedulerName },
    );
    await client.delete(pods, key, { preconditions: { uid } });
  } catch (error) {
    // Gone, or another pod by now: there is room.
    if (isStatus(error, "NotFound", "Conflict")) return;
    throw error;
  }
  events.record(
    { apiVersion: "v1", kind: "Pod", metadata: { namespace, name, uid } },
    "Normal",
    "Preempted",
    `Preempted by pod ${preemptor.metadata.uid ?? ""} on node ${victim.node.name}`,
  );
}
