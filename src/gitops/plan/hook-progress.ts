/** How far a run of a hook is, from its live object and from what was seen of it before. Pure. */
import type { KubeObject } from "../../kube/object.ts";
import type { Health } from "../health/health.ts";
import { deletePolicies, hookRunOf, isHook } from "./hooks.ts";
import { formatRef } from "./object-ref.ts";
import type { HookRun } from "./steps.ts";
import { trackedBy } from "./tracking.ts";

export type HookProgress =
  /** To be made now. */
  | { readonly is: "due" }
  /** What an earlier run left has to go first. */
  | { readonly is: "blocked"; readonly by: KubeObject }
  | { readonly is: "running"; readonly message: string }
  | { readonly is: "ended"; readonly as: "Succeeded" | "Failed"; readonly message: string };

export interface HookFacts {
  /** Names this run of this hook. */
  readonly runId: string;
  /** The tracking label of the Application. */
  readonly owner: string;
  readonly live: KubeObject | undefined;
  /** What the status says of this run. */
  readonly recorded:
    | { readonly as: "Running" | "Succeeded" | "Failed"; readonly message: string }
    | undefined;
  readonly health: (object: KubeObject) => Health | undefined;
}

export function hookProgress({ desired }: HookRun, facts: HookFacts): HookProgress {
  const { live, recorded, runId } = facts;
  if (recorded !== undefined && recorded.as !== "Running")
    return { is: "ended", as: recorded.as, message: recorded.message };
  if (live !== undefined && hookRunOf(live) === runId) return ownProgress(live, facts.health);
  if (recorded !== undefined)
    return { is: "ended", as: "Failed", message: "it was deleted while it ran" };
  if (live === undefined) return { is: "due" };
  if (!isOurs(live, facts.owner)) {
    const message = `${formatRef(desired.ref)} exists already and is no hook of this Application: rename one of the two`;
    return { is: "ended", as: "Failed", message };
  }
  const isReplaced = deletePolicies(desired.object).includes("BeforeHookCreation");
  const isGoing = live.metadata.deletionTimestamp !== undefined;
  return isReplaced || isGoing ? { is: "blocked", by: live } : { is: "due" };
}

/** What was made by this Application, or left by what ran the hooks before Gantry did. */
function isOurs(live: KubeObject, owner: string): boolean {
  const tracked = trackedBy(live);
  return tracked === undefined ? isHook(live) : tracked === owner;
}

/** As Argo CD: what has no health is done when it exists; what is degraded has failed. */
function ownProgress(live: KubeObject, health: HookFacts["health"]): HookProgress {
  const { deletionTimestamp, ...metadata } = live.metadata;
  // Something that removes itself when it is done is judged by how it ended.
  const { status, message } = health({ ...live, metadata }) ?? { status: "Healthy" };
  if (status === "Healthy")
    return { is: "ended", as: "Succeeded", message: message ?? "succeeded" };
  if (status === "Degraded" || status === "Unknown")
    return { is: "ended", as: "Failed", message: message ?? "failed" };
  if (deletionTimestamp !== undefined)
    return { is: "ended", as: "Failed", message: "it was deleted while it ran" };
  return { is: "running", message: message ?? "running" };
}
