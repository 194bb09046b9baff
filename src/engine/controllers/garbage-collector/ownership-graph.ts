/**
 * Who owns whom, over all resources, by uid. Fed by informers; knows only what they have seen, so an
 * owner that is not here may still exist.
 */
import type { OwnerReference } from "kubernetes-types/meta/v1";
import type { Resource } from "../../../kube/kind.ts";
import type { KubeObject } from "../../../kube/object.ts";

export const ORPHAN_FINALIZER = "orphan";
export const FOREGROUND_FINALIZER = "foregroundDeletion";

export interface GraphNode {
  readonly resource: Resource;
  readonly object: KubeObject;
}

export class OwnershipGraph {
  readonly #nodes = new Map<string, GraphNode>();
  /** Owner uid → uids of the objects that name it. The owner need not be a node. */
  readonly #dependents = new Map<string, Set<string>>();

  get(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid);
  }

  put(resource: Resource, object: KubeObject): void {
    const { uid = "" } = object.metadata;
    const before = this.#nodes.get(uid);
    if (before?.object.metadata.ownerReferences !== object.metadata.ownerReferences) {
      this.#unlink(before);
      for (const owner of ownersOf(object)) {
        const dependents = this.#dependents.get(owner.uid);
        if (dependents === undefined) this.#dependents.set(owner.uid, new Set([uid]));
        else dependents.add(uid);
      }
    }
    this.#nodes.set(uid, { resource, object });
  }

  remove(uid: string): void {
    this.#unlink(this.#nodes.get(uid));
    this.#nodes.delete(uid);
  }

  dependentsOf(uid: string): readonly GraphNode[] {
    const found = this.#dependents.get(uid);
    if (found === undefined) return [];
    return [...found].flatMap((dependent) => this.#nodes.get(dependent) ?? []);
  }

  #unlink(node: GraphNode | undefined): void {
    if (node === undefined) return;
    const { uid = "" } = node.object.metadata;
    for (const owner of ownersOf(node.object)) {
      const dependents = this.#dependents.get(owner.uid);
      dependents?.delete(uid);
      if (dependents?.size === 0) this.#dependents.delete(owner.uid);
    }
  }
}

export function ownersOf(object: KubeObject): readonly OwnerReference[] {
  return object.metadata.ownerReferences ?? [];
}

export function isDeleting(object: KubeObject): boolean {
  return object.metadata.deletionTimestamp !== undefined;
}

/** Being deleted, and waiting until its blocking dependents are gone. */
export function awaitsDependents(object: KubeObject): boolean {
  return isDeleting(object) && hasFinalizer(object, FOREGROUND_FINALIZER);
}

/** Being deleted, and waiting until its dependents no longer name it. */
export function releasesDependents(object: KubeObject): boolean {
  return isDeleting(object) && hasFinalizer(object, ORPHAN_FINALIZER);
}

export function hasFinalizer(object: KubeObject, finalizer: string): boolean {
  return (object.metadata.finalizers ?? []).includes(finalizer);
}

/** Whether `dependent` holds up the foreground deletion of this owner. */
export function blocks(dependent: KubeObject, ownerUid: string): boolean {
  return ownersOf(dependent).some(
    (owner) => owner.uid === ownerUid && owner.blockOwnerDeletion === true,
  );
}
