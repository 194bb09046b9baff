/**
 * Which pods of a StatefulSet to make and which to delete next (upstream's stateful_set_control.go).
 * Pure; repeating it on the outcome leads step by step to the wanted state.
 */
import type { ControllerRevision } from "../../../kube/kinds/controllerrevision.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import { availableAtMs, isTerminal } from "../replicaset/pod-state.ts";
import { hasIdentityLabels, ordinalOf, ordinalRange, revisionOf } from "./pod-identity.ts";
import { planUpdate } from "./rolling-update.ts";
import type { Replica, StatefulSetView } from "./statefulset-view.ts";

export interface NewPod {
  readonly ordinal: number;
  readonly revision: ControllerRevision;
}
export interface StatefulSetPlan {
  readonly create: readonly NewPod[];
  readonly remove: readonly Pod[];
  /** Pods that lost the labels of their identity. */
  readonly relabel: readonly Pod[];
}

/** Of one look, as ReplicaSets: more follow with the next one. */
const BURST = 500;
const NOTHING: StatefulSetPlan = { create: [], remove: [], relabel: [] };

export function planStatefulSet(view: StatefulSetView): StatefulSetPlan {
  const { set, pods } = view;
  const byOrdinal = new Map(pods.map((pod) => [ordinalOf(set, pod), pod]));
  const { first, end } = ordinalRange(set);
  const replicas: Replica[] = [];
  for (let ordinal = first; ordinal < end; ordinal++)
    replicas.push({ ordinal, pod: byOrdinal.get(ordinal) });
  const condemned = pods
    .filter((pod) => !isWanted(ordinalOf(set, pod), first, end))
    .sort((a, b) => (ordinalOf(set, b) ?? 0) - (ordinalOf(set, a) ?? 0));
  const relabel = replicas.flatMap(({ pod }) =>
    pod !== undefined && !isLeaving(pod) && !hasIdentityLabels(set, pod) ? [pod] : [],
  );
  const work =
    set.spec?.podManagementPolicy === "Parallel"
      ? planParallel(view, replicas, condemned)
      : planInOrder(view, replicas, condemned);
  return { ...work, relabel };
}

/** All at once; only updates go by the rules of their strategy. */
function planParallel(
  view: StatefulSetView,
  replicas: readonly Replica[],
  condemned: readonly Pod[],
): StatefulSetPlan {
  const create = missing(view, replicas).slice(0, BURST);
  const ended = replicas.flatMap(({ pod }) => (pod !== undefined && hasEnded(pod) ? [pod] : []));
  const surplus = condemned.filter((pod) => !isLeaving(pod)).slice(0, BURST);
  const outdated =
    create.length > 0 || ended.length > 0 ? [] : planUpdate(view, replicas, isAvailable(view));
  return { ...NOTHING, create, remove: [...ended, ...surplus, ...outdated] };
}

/** One at a time: upwards when all below are available, downwards when all others are. */
function planInOrder(
  view: StatefulSetView,
  replicas: readonly Replica[],
  condemned: readonly Pod[],
): StatefulSetPlan {
  const available = isAvailable(view);
  for (const { pod, ordinal } of replicas) {
    if (pod === undefined)
      return { ...NOTHING, create: [{ ordinal, revision: revisionFor(view, ordinal) }] };
    if (hasEnded(pod) || isStuckInBetween(view, pod, available(pod)))
      return { ...NOTHING, remove: [pod] };
    if (!available(pod)) return NOTHING;
  }
  const last = condemned[0];
  if (last === undefined) return { ...NOTHING, remove: planUpdate(view, replicas, available) };
  if (isLeaving(last)) return NOTHING;
  // A pod that does not work keeps those above it, except when it is the one to go.
  const isBlocked = condemned.some((pod) => pod !== last && !available(pod)) && !available(last);
  return isBlocked ? NOTHING : { ...NOTHING, remove: [last] };
}

function missing(view: StatefulSetView, replicas: readonly Replica[]): NewPod[] {
  return replicas
    .filter(({ pod }) => pod === undefined)
    .map(({ ordinal }) => ({ ordinal, revision: revisionFor(view, ordinal) }));
}

/** Below the partition pods keep the current revision, however often they are made again. */
export function revisionFor(view: StatefulSetView, ordinal: number): ControllerRevision {
  const { set, current, update } = view;
  const { type = "RollingUpdate", rollingUpdate } = set.spec?.updateStrategy ?? {};
  const { first } = ordinalRange(set);
  const isKept = type === "RollingUpdate" && ordinal < first + (rollingUpdate?.partition ?? 0);
  return isKept ? current : update;
}

/**
 * A pod of an update that was itself replaced, by a rollback or another update, before the pod ever
 * worked. Upstream waits for it for ever (kubernetes#67250); nothing is lost by replacing it.
 */
function isStuckInBetween(
  { current, update }: StatefulSetView,
  pod: Pod,
  available: boolean,
): boolean {
  const revision = revisionOf(pod);
  return (
    !available &&
    !isLeaving(pod) &&
    revision !== current.metadata.name &&
    revision !== update.metadata.name
  );
}

function isAvailable({ set, nowMs }: StatefulSetView): (pod: Pod) => boolean {
  const { minReadySeconds = 0 } = set.spec ?? {};
  return (pod) =>
    !isLeaving(pod) &&
    pod.status?.phase === "Running" &&
    (availableAtMs(pod, minReadySeconds) ?? Number.POSITIVE_INFINITY) <= nowMs;
}

const isWanted = (ordinal: number | undefined, first: number, end: number): boolean =>
  ordinal === undefined || (ordinal >= first && ordinal < end);

const isLeaving = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined;

/** Its containers will not run again: the next pod of its name comes when it is gone. */
const hasEnded = (pod: Pod): boolean => isTerminal(pod) && !isLeaving(pod);
