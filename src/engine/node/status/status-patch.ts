/**
 * The write of a pod's status: a strategic merge, so that conditions of others (readiness gates,
 * `DisruptionTarget`) stay. The uid makes it fail for a namesake created since.
 */
import type { PodStatus } from "kubernetes-types/core/v1";
import type { Patch } from "../../../client/client.ts";
import type { Json, JsonObject } from "../../../kube/object.ts";
import { ROUTED_CONDITION } from "../../pod-contract.ts";

export function statusPatch(uid: string, previous: PodStatus, next: PodStatus): Patch {
  const status: Record<string, Json> = {};
  for (const key of Object.keys(previous)) if (!OTHERS.has(key)) status[key] = null;
  Object.assign(status, next);
  const gone = (previous.conditions ?? []).filter(
    ({ type }) => OWNED.has(type) && !next.conditions?.some((condition) => condition.type === type),
  );
  const removed = gone.map(({ type }) => ({ $patch: "delete", type }));
  status["conditions"] = [...((next.conditions ?? []) as unknown as JsonObject[]), ...removed];
  return { type: "strategic", body: { metadata: { uid }, status } };
}

/** Fields of a pod's status that others write. */
const OTHERS: ReadonlySet<string> = new Set([
  "qosClass",
  "nominatedNodeName",
  "resourceClaimStatuses",
  "observedGeneration",
  "resize",
]);
/** Conditions that come and go with the agent's own decisions. */
const OWNED: ReadonlySet<string> = new Set([ROUTED_CONDITION]);
