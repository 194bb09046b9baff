/** On which nodes a DaemonSet's pods are to be made, and which pods go. Pure. */
import { parseTime } from "../../../client/timestamps.ts";
import type { DaemonSet } from "../../../kube/kinds/daemonset.ts";
import type { Node } from "../../../kube/kinds/node.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import { REVISION_HASH } from "../controller-revision/revision-data.ts";
import { countOf } from "../deployment/bounds.ts";
import { availableAtMs, isReady, isTerminal } from "../replicaset/pod-state.ts";
import { fitOf, nodeOf } from "./pod-of-node.ts";

export interface DaemonSetView {
  readonly set: DaemonSet;
  readonly nodes: readonly Node[];
  /** The pods that the set controls. */
  readonly pods: readonly Pod[];
  /** Of the revision that pods are to have. */
  readonly hash: string;
  readonly nowMs: number;
}
export interface DaemonSetPlan {
  /** Names of nodes. */
  readonly create: readonly string[];
  readonly remove: readonly Pod[];
  readonly status: NonNullable<DaemonSet["status"]>;
  readonly lookAgainMs?: number;
}

/** Of one look, as ReplicaSets: more follow with the next one. */
const BURST = 500;
/** A pod that ends at once, on a node where it cannot be, is not made again faster than this. */
const ENDED_POD_PACE_MS = 10_000;

/** A node with what is on it, oldest pod first. */
interface Place {
  readonly node: string;
  readonly shouldRun: boolean;
  readonly mayStay: boolean;
  readonly pods: readonly Pod[];
  /** Those that neither go nor have ended. */
  readonly live: readonly Pod[];
  readonly old: readonly Pod[];
  readonly updated: readonly Pod[];
}

export function planDaemonSet(view: DaemonSetView): DaemonSetPlan {
  const { set, pods, nodes, nowMs } = view;
  const places = placesOf(view);
  const known = new Set(nodes.map(({ metadata }) => metadata.name));
  const astray = pods.filter((pod) => !isLeaving(pod) && !known.has(nodeOf(pod) ?? ""));
  const ended = pods.filter((pod) => isTerminal(pod) && !isLeaving(pod) && !astray.includes(pod));
  const dueMs = (pod: Pod): number =>
    (parseTime(pod.metadata.creationTimestamp) ?? 0) + ENDED_POD_PACE_MS;
  const misplaced = places.filter(({ mayStay }) => !mayStay).flatMap(({ live }) => live);
  const empty = places.filter((place) => place.shouldRun && place.pods.length === 0);
  const surging = surgeOf(view, places) > 0;
  const extra = places
    .filter(({ mayStay }) => mayStay)
    .flatMap(({ old, updated, live }) =>
      surging ? [...old.slice(1), ...updated.slice(1)] : live.slice(1),
    );
  const step = surging ? planSurge(view, places) : planReplacement(view, places);
  const remove = new Set([
    ...astray,
    ...ended.filter((pod) => dueMs(pod) <= nowMs),
    ...misplaced,
    ...extra,
    ...step.remove,
  ]);
  const waits = [
    ...ended.map(dueMs),
    ...pods.map((pod) => availableAtMs(pod, set.spec?.minReadySeconds ?? 0) ?? nowMs),
  ]
    .map((atMs) => atMs - nowMs)
    .filter((waitMs) => waitMs > 0);
  return {
    create: [...empty.map(({ node }) => node), ...step.create].slice(0, BURST),
    remove: [...remove].slice(0, BURST),
    status: statusOf(view, places),
    ...(waits.length === 0 ? {} : { lookAgainMs: Math.min(...waits) }),
  };
}

function placesOf({ set, nodes, pods, hash }: DaemonSetView): Place[] {
  const byNode = groupByNode(pods);
  return nodes.map((node) => {
    const here = [...(byNode.get(node.metadata.name) ?? [])].sort(byAge);
    const live = here.filter((pod) => !isLeaving(pod) && !isTerminal(pod));
    return {
      node: node.metadata.name,
      ...fitOf(set, node),
      pods: here,
      live,
      old: live.filter((pod) => !hasHash(pod, hash)),
      updated: live.filter((pod) => hasHash(pod, hash)),
    };
  });
}

interface Step {
  readonly create: readonly string[];
  readonly remove: readonly Pod[];
}

/** Old pods go, as many as may be away; what does not work is no loss. The empty nodes get new ones. */
function planReplacement(view: DaemonSetView, places: readonly Place[]): Step {
  if (!isRolling(view)) return { create: [], remove: [] };
  const wanted = places.filter(({ shouldRun }) => shouldRun);
  const { maxUnavailable = 1 } = view.set.spec?.updateStrategy?.rollingUpdate ?? {};
  const max = Math.max(1, countOf(maxUnavailable, wanted.length, "up"));
  const single = wanted.filter(({ live }) => live.length === 1);
  const works = ({ live }: Place): boolean => live.some((pod) => isAvailable(view, pod));
  const away = wanted.filter((place) => !works(place) && place.old.length === 0).length;
  const outdated = single.filter(({ old }) => old.length === 1);
  const broken = outdated.filter((place) => !works(place));
  const free = Math.max(0, max - away - broken.length);
  const replaced = [...broken, ...outdated.filter(works).slice(0, free)];
  return { create: [], remove: replaced.flatMap(({ old }) => old) };
}

/** New pods come beside old ones, which go when the new ones work, or when they do not themselves. */
function planSurge(view: DaemonSetView, places: readonly Place[]): Step {
  const staying = places.filter(({ mayStay }) => mayStay);
  const isOver = ({ old, updated }: Place): boolean =>
    [old[0], updated[0]].every((pod) => pod !== undefined) &&
    (!isAvailable(view, old[0]) || isAvailable(view, updated[0]));
  const remove = staying.filter(isOver).flatMap(({ old }) => old.slice(0, 1));
  const surged = staying.filter(
    (place) => place.old.length > 0 && place.updated.length > 0 && !isOver(place),
  ).length;
  const candidates = places.filter(
    ({ shouldRun, old, updated, pods }) =>
      shouldRun && old.length === 1 && updated.length === 0 && pods.length === 1,
  );
  const broken = candidates.filter(({ old }) => !isAvailable(view, old[0]));
  const working = candidates.filter(({ old }) => isAvailable(view, old[0]));
  const free = Math.max(0, surgeOf(view, places) - surged);
  return { create: [...broken, ...working.slice(0, free)].map(({ node }) => node), remove };
}

function surgeOf(view: DaemonSetView, places: readonly Place[]): number {
  if (!isRolling(view)) return 0;
  const { maxSurge = 0 } = view.set.spec?.updateStrategy?.rollingUpdate ?? {};
  return countOf(maxSurge, places.filter(({ shouldRun }) => shouldRun).length, "up");
}

const isRolling = ({ set }: DaemonSetView): boolean =>
  (set.spec?.updateStrategy?.type ?? "RollingUpdate") === "RollingUpdate";

function statusOf(view: DaemonSetView, places: readonly Place[]): DaemonSetPlan["status"] {
  const wanted = places.filter(({ shouldRun }) => shouldRun);
  const firsts = wanted.flatMap(({ pods, updated }) => updated[0] ?? pods[0] ?? []);
  // Beside an old pod that works, a new one that does not is no loss.
  const some = (check: (pod: Pod) => boolean): number =>
    wanted.filter(({ live }) => live.some(check)).length;
  const available = some((pod) => isAvailable(view, pod));
  return {
    currentNumberScheduled: wanted.filter(({ pods }) => pods.length > 0).length,
    numberMisscheduled: places.filter(({ shouldRun, pods }) => !shouldRun && pods.length > 0)
      .length,
    desiredNumberScheduled: wanted.length,
    numberReady: some(isReady),
    observedGeneration: view.set.metadata.generation ?? 0,
    updatedNumberScheduled: firsts.filter((pod) => hasHash(pod, view.hash)).length,
    numberAvailable: available,
    numberUnavailable: wanted.length - available,
    ...(view.set.status?.collisionCount === undefined
      ? {}
      : { collisionCount: view.set.status.collisionCount }),
  };
}

function isAvailable({ set, nowMs }: DaemonSetView, pod: Pod | undefined): boolean {
  if (pod === undefined) return false;
  const { minReadySeconds = 0 } = set.spec ?? {};
  return (availableAtMs(pod, minReadySeconds) ?? Number.POSITIVE_INFINITY) <= nowMs;
}

function groupByNode(pods: readonly Pod[]): Map<string, Pod[]> {
  const byNode = new Map<string, Pod[]>();
  for (const pod of pods) {
    const node = nodeOf(pod) ?? "";
    const list = byNode.get(node);
    if (list === undefined) byNode.set(node, [pod]);
    else list.push(pod);
  }
  return byNode;
}

/** Pods that are placed come before those that are not, then the oldest. */
function byAge(a: Pod, b: Pod): number {
  const placed = Number((b.spec?.nodeName ?? "") !== "") - Number((a.spec?.nodeName ?? "") !== "");
  if (placed !== 0) return placed;
  const [left = "", right = ""] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
  if (left !== right) return left < right ? -1 : 1;
  return a.metadata.name < b.metadata.name ? -1 : 1;
}

const hasHash = ({ metadata }: Pod, hash: string): boolean =>
  metadata.labels?.[REVISION_HASH] === hash;
const isLeaving = ({ metadata }: Pod): boolean => metadata.deletionTimestamp !== undefined;
