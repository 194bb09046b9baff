/** Informer indexes that find an owner's objects without scanning a namespace. */
import type { Informer } from "../../../client/informer.ts";
import type { KubeObject } from "../../../kube/object.ts";
import { controllerOf } from "./owner-reference.ts";

const BY_CONTROLLER = "controller-uid";
const ORPHANS = "orphans-by-namespace";

export function addOwnerIndexes<T extends KubeObject>(informer: Informer<T>): void {
  informer.addIndex(BY_CONTROLLER, (object) => {
    const uid = controllerOf(object)?.uid;
    return uid === undefined ? [] : [uid];
  });
  informer.addIndex(ORPHANS, (object) =>
    controllerOf(object) === undefined ? [object.metadata.namespace ?? ""] : [],
  );
}

/** The objects whose controller is `owner`. */
export function controlledBy<T extends KubeObject>(
  informer: Informer<T>,
  owner: KubeObject,
): readonly T[] {
  return controlledByUid(informer, owner.metadata.uid ?? "");
}

export function controlledByUid<T extends KubeObject>(
  informer: Informer<T>,
  uid: string,
): readonly T[] {
  return informer.byIndex(BY_CONTROLLER, uid);
}

/** The objects of a namespace that have no controller. */
export function orphansIn<T extends KubeObject>(
  informer: Informer<T>,
  namespace: string | undefined,
): readonly T[] {
  return informer.byIndex(ORPHANS, namespace ?? "");
}
