/** Deletes one object. Whether it is gone at once is told; nobody waits for it here. */
import type { KubeObject } from "../../kube/object.ts";
import { apiVersionOf } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import { keyOfRef, type ObjectRef } from "../plan/object-ref.ts";
import type { PlanEntry } from "../plan/plan.ts";
import { objectOptions, type SyncOptions } from "../plan/sync-options.ts";
import type { ApplyOptions, ObjectResult } from "./object-result.ts";

/** @throws StatusError */
export async function pruneObject(entry: PlanEntry, options: ApplyOptions): Promise<ObjectResult> {
  const { ref, live } = entry;
  if (options.dryRun === true) return { ref, status: "Pruned", message: "would be pruned" };
  const { prunePropagation } =
    live === undefined ? options.options : objectOptions(live, options.options);
  await remove(ref, live, prunePropagation, options);
  return { ref, status: "Pruned", message: "pruned" };
}

/** Asks an object to go that another one is to take the place of. @throws StatusError */
export function removeObject(
  { ref, live }: Pick<PlanEntry, "ref" | "live">,
  options: ApplyOptions,
): Promise<"gone" | "going"> {
  if (live?.metadata.deletionTimestamp !== undefined) return Promise.resolve("going");
  return remove(ref, live, "Background", options);
}

async function remove(
  ref: ObjectRef,
  live: KubeObject | undefined,
  propagationPolicy: SyncOptions["prunePropagation"],
  { client, signal, observer }: ApplyOptions,
): Promise<"gone" | "going"> {
  const resource = await client.resourceFor(apiVersionOf(ref), ref.kind);
  if (resource === undefined) return "gone";
  const uid = live?.metadata.uid;
  let left: KubeObject | undefined;
  try {
    left = await client.delete(resource, keyOfRef(ref), {
      propagationPolicy,
      ...(uid === undefined ? {} : { preconditions: { uid } }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    if (!isStatus(error, "NotFound")) throw error;
  }
  if (live !== undefined) observer?.removed(ref, live);
  return left?.metadata?.deletionTimestamp === undefined ? "gone" : "going";
}
