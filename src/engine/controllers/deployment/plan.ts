/**
 * Everything that one look at a Deployment and its ReplicaSets leads to. Pure: the controller
 * carries it out. Repeating it on the outcome leads step by step to the wanted state.
 */
import { deepEqual } from "../../../kube/equality.ts";
import type { Deployment } from "../../../kube/kinds/deployment.ts";
import type { ReplicaSet } from "../../../kube/kinds/replicaset.ts";
import { isRollingUpdate, replicasOf } from "./bounds.ts";
import { deadlineInMs, deploymentConditions } from "./conditions.ts";
import { countReplicas, type DeploymentStatus, isComplete } from "./deployment-status.ts";
import { findNewestSet, keptSet, newSet } from "./newest-set.ts";
import { isScalingEvent, planProportionalScale } from "./proportional-scale.ts";
import { planRecreate } from "./recreate.ts";
import { revisionOf, scaleAnnotations } from "./replica-annotations.ts";
import { type Scale, sizeOf, totalSize } from "./replica-set-state.ts";
import { nextRevision, surplusHistory } from "./revision-history.ts";
import { newestSetSize, planScaleDown } from "./rolling-update.ts";

export interface DeploymentView {
  readonly deployment: Deployment;
  /** The sets that the Deployment controls. */
  readonly sets: readonly ReplicaSet[];
  /** Whether pods of a set are neither gone nor finished. */
  readonly hasRunningPods: (set: ReplicaSet) => boolean;
  readonly nowMs: number;
}

export interface DeploymentPlan {
  /** A set for a template that has none. */
  readonly create?: ReplicaSet;
  /** Sets as they shall be, in the order in which to write them. */
  readonly update: readonly SetUpdate[];
  readonly remove: readonly ReplicaSet[];
  /** For the Deployment's own annotation; absent while no set has its template. */
  readonly revision?: number;
  readonly status: DeploymentStatus;
  /** When to look again though nothing happens. */
  readonly lookAgainInMs?: number;
}
export interface SetUpdate {
  readonly from: ReplicaSet;
  readonly to: ReplicaSet;
}

/** What is done with the sets, before it is turned into updates. */
interface Step {
  readonly create?: ReplicaSet;
  readonly scales: readonly Scale[];
  readonly isRollingOut: boolean;
}

export function planDeployment(view: DeploymentView): DeploymentPlan {
  const { deployment, sets, nowMs } = view;
  const found = findNewestSet(deployment, sets);
  const old = sets.filter((set) => set !== found);
  const revision = nextRevision(old);
  const step = planStep(view, found, old, revision);
  const updates = toUpdates(deployment, found, revision, step.scales);
  const planned = new Map(updates.map(({ from, to }) => [from, to]));
  const after = (set: ReplicaSet): ReplicaSet => planned.get(set) ?? set;
  const newest = found === undefined ? step.create : after(found);
  const oldAfter = old.map(after);
  const all = newest === undefined ? oldAfter : [...oldAfter, newest];
  const counts = countReplicas(deployment, all, newest);
  const conditions = deploymentConditions({
    deployment,
    counts,
    newest,
    sets: all,
    isNew: step.create !== undefined,
    isRollingOut: step.isRollingOut,
    nowMs,
  });
  const mayClean =
    deployment.spec?.paused === true || (step.isRollingOut && isComplete(deployment, counts));
  const lookAgainInMs = deadlineInMs(deployment, conditions, counts, nowMs);
  return {
    ...(step.create === undefined ? {} : { create: step.create }),
    update: updates,
    remove: mayClean ? surplusHistory(deployment, oldAfter) : [],
    ...(newest === undefined ? {} : { revision: revisionOf(newest) }),
    status: { ...counts, ...(conditions.length === 0 ? {} : { conditions: [...conditions] }) },
    ...(lookAgainInMs === undefined ? {} : { lookAgainInMs }),
  };
}

function planStep(
  view: DeploymentView,
  found: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
  revision: number,
): Step {
  const { deployment, sets } = view;
  const isRolling = isRollingUpdate(deployment);
  // Recreate never has two sets with pods for long: its own steps lead to the new size.
  if (deployment.spec?.paused === true || (isRolling && isScalingEvent(deployment, sets)))
    return { scales: planProportionalScale(deployment, found, old), isRollingOut: false };
  return isRolling
    ? rollingStep(deployment, found, old, revision)
    : recreateStep(view, found, old, revision);
}

/** One of: more new pods, else fewer old ones. A set that is created brings its first pods along. */
function rollingStep(
  deployment: Deployment,
  found: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
  revision: number,
): Step {
  if (found === undefined) {
    const size = newestSetSize(deployment, 0, totalSize(old));
    const create = newSet(deployment, revision, size);
    return { create, scales: planScaleDown(deployment, create, old), isRollingOut: true };
  }
  const size = newestSetSize(deployment, sizeOf(found), totalSize([found, ...old]));
  const scales =
    size === sizeOf(found)
      ? planScaleDown(deployment, found, old)
      : [{ set: found, replicas: size }];
  return { scales, isRollingOut: true };
}

function recreateStep(
  { deployment, hasRunningPods }: DeploymentView,
  found: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
  revision: number,
): Step {
  const step = planRecreate(old, hasRunningPods);
  if (step.do === "scale-down") return { scales: step.scales, isRollingOut: true };
  if (step.do === "wait") return { scales: [], isRollingOut: true };
  const replicas = replicasOf(deployment);
  if (found === undefined)
    return { create: newSet(deployment, revision, replicas), scales: [], isRollingOut: true };
  const scales = sizeOf(found) === replicas ? [] : [{ set: found, replicas }];
  return { scales, isRollingOut: true };
}

/** One update per set, whatever changes in it; none for sets that stay as they are. */
function toUpdates(
  deployment: Deployment,
  found: ReplicaSet | undefined,
  revision: number,
  scales: readonly Scale[],
): readonly SetUpdate[] {
  const updates = new Map<ReplicaSet, ReplicaSet>();
  if (found !== undefined) updates.set(found, keptSet(deployment, found, revision));
  for (const { set, replicas } of scales)
    updates.set(set, scaled(deployment, updates.get(set) ?? set, replicas));
  return [...updates].filter(([from, to]) => from !== to).map(([from, to]) => ({ from, to }));
}

function scaled(deployment: Deployment, set: ReplicaSet, replicas: number): ReplicaSet {
  const current = set.metadata.annotations ?? {};
  const annotations = { ...current, ...scaleAnnotations(deployment) };
  if (sizeOf(set) === replicas && deepEqual(annotations, current)) return set;
  const { selector = {}, ...spec } = set.spec ?? {};
  return {
    ...set,
    metadata: { ...set.metadata, annotations },
    spec: { ...spec, selector, replicas },
  };
}
