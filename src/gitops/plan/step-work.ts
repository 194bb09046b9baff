/**
 * What a sync has to do now: the work of its first step that is not complete. A step is complete
 * when its objects are as Git says and its hooks have ended well; where another step follows, its
 * objects must be healthy, too. Computed anew at every look, from live state. Pure.
 */
import type { KubeObject } from "../../kube/object.ts";
import type { Health } from "../health/health.ts";
import type { HookProgress } from "./hook-progress.ts";
import { formatRef, type ObjectRef } from "./object-ref.ts";
import type { PlanEntry } from "./plan.ts";
import type { HookRun, Step } from "./steps.ts";

export interface SyncView {
  readonly health: (object: KubeObject) => Health | undefined;
  readonly progressOf: (hook: HookRun) => HookProgress;
  /** Whether this sync has applied the object: it does so once, whatever others do to it then. */
  readonly isApplied: (ref: ObjectRef) => boolean;
}
/** Something that went wrong without the API server refusing anything. */
export interface Failure {
  readonly ref: ObjectRef;
  readonly message: string;
}
export interface StepWork {
  readonly step: Step;
  readonly isLast: boolean;
  /** To be carried out. */
  readonly entries: readonly PlanEntry[];
  readonly dueHooks: readonly HookRun[];
  /** Objects of earlier runs that are in the way of hooks. */
  readonly leftovers: readonly KubeObject[];
  readonly waits: readonly Failure[];
  readonly failures: readonly Failure[];
}

/** Undefined when every step is complete. */
export function nextWork(steps: readonly Step[], view: SyncView): StepWork | undefined {
  for (const [index, step] of steps.entries()) {
    const work = workOf(step, index === steps.length - 1, view);
    if (!isComplete(work)) return work;
  }
  return undefined;
}

function isComplete({ entries, dueHooks, leftovers, waits, failures }: StepWork): boolean {
  return [entries, dueHooks, leftovers, waits, failures].every((list) => list.length === 0);
}

function workOf(step: Step, isLast: boolean, view: SyncView): StepWork {
  const entries: PlanEntry[] = [];
  const dueHooks: HookRun[] = [];
  const leftovers: KubeObject[] = [];
  const waits: Failure[] = [];
  const failures: Failure[] = [];
  for (const entry of step.entries) {
    const state = stateOf(entry, isLast, view);
    if (state === "open") entries.push(entry);
    else if (state !== "complete") {
      const list = state.is === "waiting" ? waits : failures;
      list.push({ ref: entry.ref, message: state.message });
    }
  }
  for (const hook of step.hooks) {
    const progress = view.progressOf(hook);
    const { ref } = hook.desired;
    if (progress.is === "due") dueHooks.push(hook);
    else if (progress.is === "running") waits.push({ ref, message: progress.message });
    else if (progress.is === "blocked") {
      if (progress.by.metadata.deletionTimestamp === undefined) leftovers.push(progress.by);
      else waits.push({ ref, message: "what an earlier run left is being deleted" });
    }
  }
  return { step, isLast, entries, dueHooks, leftovers, waits, failures };
}

type EntryState =
  | "open"
  | "complete"
  | { readonly is: "waiting" | "failed"; readonly message: string };

function stateOf(entry: PlanEntry, isLast: boolean, view: SyncView): EntryState {
  const { action, live, desired, reason = "" } = entry;
  switch (action) {
    case "wait":
      return { is: "waiting", message: reason };
    case "refuse":
    case "prune":
      return "open";
    case "create":
      return view.isApplied(entry.ref)
        ? { is: "failed", message: "it was deleted while the sync was under way" }
        : "open";
    case "replace":
      return live?.metadata.deletionTimestamp === undefined
        ? "open"
        : { is: "waiting", message: "waits until the old object is gone" };
    case "update":
      return view.isApplied(entry.ref) ? gateOf(live, isLast, view) : "open";
    case "unchanged":
      return gateOf(live, isLast, view);
    case "skip": {
      const isGoing = desired === undefined && live?.metadata.deletionTimestamp !== undefined;
      return isGoing && !isLast ? { is: "waiting", message: "is being deleted" } : "complete";
    }
  }
}

/** What follows a step may need what is in it: so that has to be healthy. */
function gateOf(live: KubeObject | undefined, isLast: boolean, view: SyncView): EntryState {
  if (isLast || live === undefined) return "complete";
  if (live.metadata.deletionTimestamp !== undefined)
    return { is: "failed", message: "somebody else is deleting it" };
  const { status, message = "" } = view.health(live) ?? { status: "Healthy" };
  if (status === "Healthy" || isClaimInWaiting(live, status)) return "complete";
  if (status === "Degraded" || status === "Unknown")
    return { is: "failed", message: `is ${status}: ${message}` };
  return { is: "waiting", message };
}

/** A claim may be bound only when a pod uses it, and that pod may be in a later step. */
const isClaimInWaiting = (live: KubeObject, status: Health["status"]): boolean =>
  live.kind === "PersistentVolumeClaim" && status === "Progressing";

/** The objects of some work in words, for people who ask what a sync waits for. */
export function inWords(found: readonly Failure[], limit = 3): string {
  const named = found
    .slice(0, limit)
    .map(({ ref, message }) => `${formatRef(ref)}${message === "" ? "" : ` (${message})`}`);
  const more = found.length > limit ? ` and ${found.length - limit} more` : "";
  return `${named.join(", ")}${more}`;
}
