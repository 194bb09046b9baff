/** Names one object of a cluster, whatever version it was written in. */
import { type KubeObject, type ObjectKey, parseApiVersion } from "../../kube/object.ts";

export interface ObjectRef {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Empty for cluster-scoped objects. */
  readonly namespace: string;
  readonly name: string;
}

export function refOf(object: KubeObject): ObjectRef {
  const { group, version } = parseApiVersion(object.apiVersion);
  // Hooks may leave their name to be made up.
  const { namespace = "", name = "" } = object.metadata as { namespace?: string; name?: string };
  return { group, version, kind: object.kind, namespace, name };
}

/** The same for every version of the same object. */
export function refKey(ref: Omit<ObjectRef, "version">): string {
  return `${ref.group}/${ref.kind}/${ref.namespace}/${ref.name}`;
}

/** As people write it: `Deployment.apps default/web`, `Namespace prod`. */
export function formatRef(ref: ObjectRef): string {
  const kind = ref.group === "" ? ref.kind : `${ref.kind}.${ref.group}`;
  return `${kind} ${ref.namespace === "" ? "" : `${ref.namespace}/`}${ref.name}`;
}

/** The key that a client takes. */
export function keyOfRef({ namespace, name }: ObjectRef): ObjectKey {
  return namespace === "" ? { name } : { namespace, name };
}
