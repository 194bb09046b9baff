/**
 * Carries out entries of a plan: kinds in order, the objects of one kind side by side. One object
 * that is refused does not hold up the others; every outcome is told. Never waits for a deletion.
 */
import { StatusError } from "../../kube/status-error.ts";
import { kindRank } from "../plan/kind-order.ts";
import type { Plan, PlanEntry } from "../plan/plan.ts";
import { applyObject } from "./apply-object.ts";
import type { ApplyOptions, ObjectResult } from "./object-result.ts";
import { pruneObject, removeObject } from "./prune-object.ts";

export type { ApplyOptions, ObjectResult, WriteObserver } from "./object-result.ts";

/** Requests under way at once; more only queue up behind each other in the API server. */
const CONCURRENCY = 8;

/** Results of everything that was not left unchanged. @throws the signal's reason when aborted */
export async function applyPlan(plan: Plan, options: ApplyOptions): Promise<ObjectResult[]> {
  const results: ObjectResult[] = [];
  for (const group of groups(plan.entries)) {
    // What replaces a pruned object may be what failed.
    const keepsAll = results.some((result) => result.status === "SyncFailed");
    const queue = [...group];
    const worker = async (): Promise<void> => {
      for (let entry = queue.shift(); entry !== undefined; entry = queue.shift()) {
        options.signal?.throwIfAborted();
        const result =
          keepsAll && entry.action === "prune" ? kept(entry) : await carryOut(entry, options);
        if (result !== undefined) results.push(result);
      }
    };
    await Promise.all(Array.from({ length: Math.min(CONCURRENCY, queue.length) }, worker));
  }
  return results;
}

/** Runs of entries of the same rank and direction, in the plan's order. */
function groups(entries: readonly PlanEntry[]): PlanEntry[][] {
  const found: PlanEntry[][] = [];
  let last: string | undefined;
  for (const entry of entries) {
    if (entry.action === "unchanged") continue;
    const id = `${entry.desired === undefined ? "prune" : "apply"}/${kindRank(entry.ref.kind)}`;
    if (id !== last) found.push([]);
    last = id;
    found.at(-1)?.push(entry);
  }
  return found;
}

function kept({ ref }: PlanEntry): ObjectResult {
  const message = "not pruned while other objects of this sync fail";
  return { ref, status: "PruneSkipped", message };
}

async function carryOut(
  entry: PlanEntry,
  options: ApplyOptions,
): Promise<ObjectResult | undefined> {
  const { ref, reason = "" } = entry;
  try {
    switch (entry.action) {
      case "unchanged":
        return undefined;
      case "skip":
        return entry.desired === undefined
          ? { ref, status: "PruneSkipped", message: reason }
          : undefined;
      case "wait":
        return { ref, status: "Waiting", message: reason };
      case "refuse":
        return { ref, status: "SyncFailed", message: reason };
      case "prune":
        return await pruneObject(entry, options);
      case "replace":
        if (options.dryRun === true || (await removeObject(entry, options)) === "gone")
          return await applyObject(entry, options);
        return { ref, status: "Waiting", message: "waits until the old object is gone" };
      case "create":
      case "update":
        return await applyObject(entry, options);
    }
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return { ref, status: "SyncFailed", message: error.message };
  }
}
