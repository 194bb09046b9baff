/** Whether the object in a request is the one that the request is about. */
import { isObject } from "../../../kube/json-object.ts";
import {
  apiVersionOf,
  deepFreeze,
  type KubeObject,
  type ObjectMeta,
} from "../../../kube/object.ts";
import { StatusError } from "../../../kube/status-error.ts";

export interface Addressed {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/**
 * The body with `apiVersion`, `kind` and `metadata.namespace` filled in from the request where it
 * leaves them out. Frozen, so that a caller in process who changes it later learns of the mistake.
 * Throws 400 where body and request contradict each other.
 */
export function readBody(
  resource: Addressed,
  namespace: string | undefined,
  body: Partial<KubeObject>,
): KubeObject {
  const expected = apiVersionOf(resource);
  const metadata: unknown = isObject(body) ? (body.metadata ?? {}) : undefined;
  if (!isObject(metadata)) throw bad("the body must be an object with metadata");
  const { apiVersion = expected, kind = resource.kind } = body;
  if (apiVersion !== expected) {
    throw bad(
      `the API version in the data (${apiVersion}) does not match the expected API version (${expected})`,
    );
  }
  if (kind !== resource.kind) {
    throw bad(`the kind in the data (${kind}) does not match the expected kind (${resource.kind})`);
  }
  const own = metadata.namespace ?? "";
  if (resource.namespaced && own !== "" && own !== namespace) {
    throw bad(
      `the namespace of the provided object (${JSON.stringify(own)}) does not match the namespace sent on the request (${namespace ?? ""})`,
    );
  }
  return deepFreeze({
    ...body,
    apiVersion,
    kind,
    metadata: located(metadata, resource, namespace),
  });
}

/** Throws 400 unless the body names the object in the URL, or none. */
export function checkName(body: KubeObject, name: string): void {
  const own = body.metadata.name ?? "";
  if (own !== "" && own !== name) {
    throw bad(`the name of the object (${own}) does not match the name on the URL (${name})`);
  }
}

function located(
  metadata: Readonly<Record<string, unknown>>,
  resource: Addressed,
  namespace: string | undefined,
): ObjectMeta {
  const { namespace: _, name, ...rest } = metadata;
  // Names of the wrong type are left for the schema to complain about.
  const named = { ...rest, name: (name ?? "") as string };
  return resource.namespaced && namespace !== undefined ? { ...named, namespace } : named;
}

const bad = (message: string): StatusError => StatusError.of("BadRequest", message);
