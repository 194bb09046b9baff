/**
 * The annotations by which a Deployment remembers things on its ReplicaSets. kubectl reads and
 * writes some of them, so names and formats are upstream's.
 */
import type { Deployment } from "../../../kube/kinds/deployment.ts";
import type { ReplicaSet } from "../../../kube/kinds/replicaset.ts";
import { boundsOf, replicasOf } from "./bounds.ts";

export const REVISION = "deployment.kubernetes.io/revision";
export const REVISION_HISTORY = "deployment.kubernetes.io/revision-history";
/** The Deployment's replicas when the set was last scaled: another value means a scaling event. */
export const DESIRED_REPLICAS = "deployment.kubernetes.io/desired-replicas";
/** The same with the surge of that time: the base of proportional scaling. */
export const MAX_REPLICAS = "deployment.kubernetes.io/max-replicas";

/** Annotations of a Deployment that say nothing about its pods. */
const NOT_COPIED: ReadonlySet<string> = new Set([
  "kubectl.kubernetes.io/last-applied-configuration",
  "deprecated.deployment.rollback.to",
  REVISION,
  REVISION_HISTORY,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
]);
/** Of the history annotation, as upstream: old revisions of a set that was used very often are dropped. */
const MAX_HISTORY_CHARACTERS = 2_000;

type Annotations = Readonly<Record<string, string>>;

/** 0 when the set has no revision, or none that is a number. */
export function revisionOf(set: ReplicaSet): number {
  return integer(set.metadata.annotations?.[REVISION]) ?? 0;
}

/** Undefined when the set was never scaled by a Deployment. */
export function desiredReplicasOf(set: ReplicaSet): number | undefined {
  return integer(set.metadata.annotations?.[DESIRED_REPLICAS]);
}

export function maxReplicasOf(set: ReplicaSet): number | undefined {
  return integer(set.metadata.annotations?.[MAX_REPLICAS]);
}

/** What a set that is scaled remembers of its Deployment. */
export function scaleAnnotations(deployment: Deployment): Annotations {
  const replicas = replicasOf(deployment);
  return {
    [DESIRED_REPLICAS]: String(replicas),
    [MAX_REPLICAS]: String(replicas + boundsOf(deployment).maxSurge),
  };
}

/**
 * The annotations of the newest set: those of the Deployment, and the revision. A set that is used
 * again gets a new revision and remembers its former one.
 */
export function newestSetAnnotations(
  deployment: Deployment,
  current: Annotations,
  revision: number,
): Annotations {
  const copied = Object.entries(deployment.metadata.annotations ?? {}).filter(
    ([name]) => !NOT_COPIED.has(name),
  );
  const annotations = { ...current, ...Object.fromEntries(copied) };
  const former = integer(current[REVISION]) ?? 0;
  if (former >= revision) return annotations;
  return {
    ...annotations,
    [REVISION]: String(revision),
    ...(former === 0 ? {} : { [REVISION_HISTORY]: appended(current[REVISION_HISTORY], former) }),
  };
}

function appended(history: string | undefined, revision: number): string {
  const revisions = [
    ...(history ?? "").split(",").filter((entry) => entry !== ""),
    String(revision),
  ];
  while (revisions.join(",").length > MAX_HISTORY_CHARACTERS) revisions.shift();
  return revisions.join(",");
}

function integer(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}
