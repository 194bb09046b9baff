/** `status.resources` of an Application: each object with its sync state and health. Pure. */
import type { ApplicationHealth, ApplicationResource } from "../../kube/kinds/application.ts";
import type { Deployment } from "../../kube/kinds/deployment.ts";
import type { KubeObject } from "../../kube/object.ts";
import type { ObjectResult } from "../apply/apply-plan.ts";
import { type Health, worstOf } from "../health/health.ts";
import type { Judge } from "../health/live-health.ts";
import type { Unusable } from "../plan/desired.ts";
import { refKey } from "../plan/object-ref.ts";
import type { Plan, PlanEntry } from "../plan/plan.ts";
import { clip } from "./clip.ts";
import { resourceRef } from "./resource-ref.ts";

/** The objects of a plan with what became of each. */
export interface Reported {
  readonly resources: ApplicationResource[];
  /** Of everything that has a pod template, sorted. */
  readonly images: string[];
}

/** `results`: of the sync that carried the plan out; absent when none did. */
export function reportResources(
  plan: Plan,
  unusable: readonly Unusable[],
  results: readonly ObjectResult[] | undefined,
  judge: Judge,
): Reported {
  const byRef = new Map(results?.map((result) => [refKey(result.ref), result]));
  const resources: ApplicationResource[] = [];
  const images = new Set<string>();
  for (const entry of plan.entries) {
    const result = byRef.get(refKey(entry.ref));
    if (result?.status === "Pruned") continue;
    const live = result?.live ?? entry.live;
    resources.push(
      entry.desired === undefined ? extraneous(entry, result) : wanted(entry, result, live, judge),
    );
    for (const image of imagesOf(live)) images.add(image);
  }
  for (const { ref, reason } of unusable)
    resources.push({ ...resourceRef(ref), status: "OutOfSync", message: clip(reason) });
  return { resources, images: [...images].sort() };
}

function wanted(
  entry: PlanEntry,
  result: ObjectResult | undefined,
  live: KubeObject | undefined,
  judge: Judge,
): ApplicationResource {
  const health: Health | undefined =
    live === undefined ? { status: "Missing", message: "it does not exist" } : judge(live);
  const isSynced =
    entry.action === "unchanged" || entry.action === "skip" || result?.status === "Synced";
  const message = isSynced ? undefined : (result?.message ?? entry.reason);
  return {
    ...resourceRef(entry.ref),
    status: isSynced ? "Synced" : "OutOfSync",
    ...(message === undefined ? {} : { message: clip(message) }),
    ...(health === undefined ? {} : { health: { ...health } }),
  };
}

/** An object that the repository no longer has. */
function extraneous(entry: PlanEntry, result: ObjectResult | undefined): ApplicationResource {
  const isGoing = entry.live?.metadata.deletionTimestamp !== undefined;
  const message = result?.message ?? entry.reason ?? "the next sync prunes it";
  return {
    ...resourceRef(entry.ref),
    requiresPruning: true,
    status: isGoing || entry.tolerated === true ? "Synced" : "OutOfSync",
    message: clip(message),
  };
}

/** Health of the whole: that of the worst, and which one it is. */
export function healthOfAll(resources: readonly ApplicationResource[]): ApplicationHealth {
  const judged = resources.filter((resource) => resource.health !== undefined);
  const worst = worstOf(judged.map((resource) => resource.health as Health));
  if (worst.message === undefined) return { status: worst.status };
  const culprit = judged.find((resource) => resource.health === worst);
  const name = `${culprit?.kind ?? ""}/${culprit?.name ?? ""}`;
  return { status: worst.status, message: clip(`${name}: ${worst.message}`) };
}

function imagesOf(live: KubeObject | undefined): string[] {
  // Everything that has a pod template keeps it in the same place.
  const template = (live as Deployment | undefined)?.spec?.template?.spec;
  return (template?.containers ?? []).flatMap(({ image }) => (image === undefined ? [] : [image]));
}
