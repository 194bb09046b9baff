/**
 * What becomes of one object because of its owners and dependents
 * (k8s.io/kubernetes pkg/controller/garbagecollector `attemptToDeleteItem`).
 */
import type { OwnerReference } from "kubernetes-types/meta/v1";
import type { KubeObject } from "../../../kube/object.ts";
import {
  awaitsDependents,
  blocks,
  FOREGROUND_FINALIZER,
  hasFinalizer,
  isDeleting,
  ORPHAN_FINALIZER,
  ownersOf,
  releasesDependents,
} from "./ownership-graph.ts";

/**
 * `solid`: exists. `waiting`: exists, and is being deleted in the foreground. `absent`: surely gone.
 * `unresolvable`: it cannot be told (its kind is not served, or the reference makes no sense).
 */
export type OwnerState = "solid" | "waiting" | "absent" | "unresolvable";

export type Propagation = "Background" | "Foreground" | "Orphan";
export type CollectionStep =
  | { readonly do: "nothing" }
  /** Take the object's uid out of the references of its dependents, then drop the finalizer. */
  | { readonly do: "orphan-dependents" }
  | { readonly do: "drop-finalizer"; readonly finalizer: string }
  /** The dependents in the way of a foreground deletion: each is looked at on its own. */
  | { readonly do: "await-dependents"; readonly blocking: readonly KubeObject[] }
  | { readonly do: "remove-owners"; readonly uids: readonly string[] }
  | {
      readonly do: "delete";
      readonly propagation: Propagation;
      /** The object must stop blocking its owners first, or a circle would wait for itself. */
      readonly unblockFirst: boolean;
    };

export interface CollectionView {
  readonly object: KubeObject;
  readonly dependents: readonly KubeObject[];
  readonly stateOf: (owner: OwnerReference) => OwnerState;
}

export function planCollection({ object, dependents, stateOf }: CollectionView): CollectionStep {
  if (releasesDependents(object)) return { do: "orphan-dependents" };
  if (awaitsDependents(object)) {
    const { uid = "" } = object.metadata;
    const blocking = dependents.filter((dependent) => blocks(dependent, uid));
    return blocking.length > 0
      ? { do: "await-dependents", blocking }
      : { do: "drop-finalizer", finalizer: FOREGROUND_FINALIZER };
  }
  // Already going, and not held by us: nothing to add.
  if (isDeleting(object)) return { do: "nothing" };
  const owners = ownersOf(object).map((owner) => ({ owner, state: stateOf(owner) }));
  const uidsIn = (...states: OwnerState[]): string[] =>
    owners.filter(({ state }) => states.includes(state)).map(({ owner }) => owner.uid);
  if (owners.length === 0) return { do: "nothing" };
  if (uidsIn("solid").length > 0) {
    const uids = uidsIn("absent", "waiting");
    return uids.length > 0 ? { do: "remove-owners", uids } : { do: "nothing" };
  }
  if (uidsIn("unresolvable").length > 0) return { do: "nothing" };
  if (uidsIn("waiting").length > 0 && dependents.length > 0)
    return {
      do: "delete",
      propagation: "Foreground",
      unblockFirst: dependents.some(awaitsDependents),
    };
  return { do: "delete", propagation: propagationOf(object), unblockFirst: false };
}

/** A finalizer that is already there says what its deletion shall do. */
function propagationOf(object: KubeObject): Propagation {
  if (hasFinalizer(object, ORPHAN_FINALIZER)) return "Orphan";
  return hasFinalizer(object, FOREGROUND_FINALIZER) ? "Foreground" : "Background";
}
