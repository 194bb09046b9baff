/**
 * Adoption and release: an owner takes orphans that match its selector and lets go of objects
 * whose labels no longer do (k8s.io/kubernetes pkg/controller/controller_ref_manager.go).
 */
import type { OwnerReference } from "kubernetes-types/meta/v1";
import type { Client } from "../../../client/client.ts";
import type { Resource } from "../../../kube/kind.ts";
import { matchesLabels, type Selector } from "../../../kube/label-selector.ts";
import type { Json, JsonObject, KubeObject, ObjectKey } from "../../../kube/object.ts";
import { isStatus, StatusError } from "../../../kube/status-error.ts";
import { controllerReference, isControlledBy } from "./owner-reference.ts";

export interface Claim<T extends KubeObject> {
  readonly owned: readonly T[];
  readonly adopt: readonly T[];
  readonly release: readonly T[];
}

/** `candidates`: the objects that the owner controls and the orphans of its namespace. */
export function planClaim<T extends KubeObject>(
  owner: KubeObject,
  selector: Selector,
  candidates: readonly T[],
  mayAdopt: (object: T) => boolean = () => true,
): Claim<T> {
  const isDeleting = (object: KubeObject): boolean =>
    object.metadata.deletionTimestamp !== undefined;
  const owned: T[] = [];
  const adopt: T[] = [];
  const release: T[] = [];
  for (const object of candidates) {
    const matches = matchesLabels(selector, object.metadata.labels);
    if (isControlledBy(object, owner)) {
      if (matches || isDeleting(owner)) owned.push(object);
      else release.push(object);
    } else if (matches && !isDeleting(owner) && !isDeleting(object) && mayAdopt(object)) {
      adopt.push(object);
    }
  }
  return { owned, adopt, release };
}

export interface ClaimAction<T extends KubeObject> {
  readonly client: Client;
  readonly resource: Resource<T>;
  readonly ownerResource: Resource;
  readonly owner: KubeObject;
}

/** Carries a claim out; returns the owned objects, adopted ones included. */
export async function claim<T extends KubeObject>(
  action: ClaimAction<T>,
  plan: Claim<T>,
): Promise<readonly T[]> {
  const { owner } = action;
  for (const object of plan.release) {
    const others = references(object).filter(({ uid }) => uid !== owner.metadata.uid);
    await setReferences(action, object, others);
  }
  if (plan.adopt.length === 0) return plan.owned;
  await checkStillThere(action);
  const adopted: T[] = [];
  for (const object of plan.adopt) {
    const reference = controllerReference(action.ownerResource, owner);
    const taken = await setReferences(action, object, [...references(object), reference]);
    if (taken !== undefined) adopted.push(taken);
  }
  return [...plan.owned, ...adopted];
}

/** The cache may not know yet that the owner is going: an adopted object would go with it. */
async function checkStillThere({
  client,
  ownerResource,
  owner,
}: ClaimAction<KubeObject>): Promise<void> {
  const { namespace, name, uid } = owner.metadata;
  const live = await client.get(ownerResource, keyIn(namespace, name));
  if (live.metadata.uid !== uid || live.metadata.deletionTimestamp !== undefined)
    throw StatusError.conflict(ownerResource, name, "it is being deleted: it adopts nothing");
}

/** Undefined when the object is gone. The resourceVersion guards against another owner's claim. */
async function setReferences<T extends KubeObject>(
  { client, resource }: ClaimAction<T>,
  object: T,
  ownerReferences: readonly OwnerReference[],
): Promise<T | undefined> {
  const { namespace, name, uid = "", resourceVersion = "" } = object.metadata;
  const list = ownerReferences as unknown as readonly Json[];
  const metadata: JsonObject = { uid, resourceVersion, ownerReferences: list };
  try {
    return await client.patch(resource, keyIn(namespace, name), {
      type: "merge",
      body: { metadata },
    });
  } catch (error) {
    if (isStatus(error, "NotFound")) return undefined;
    throw error;
  }
}

function references(object: KubeObject): readonly OwnerReference[] {
  return object.metadata.ownerReferences ?? [];
}

function keyIn(namespace: string | undefined, name: string): ObjectKey {
  return namespace === undefined ? { name } : { namespace, name };
}
