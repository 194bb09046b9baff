/** Paths and query strings of the Kubernetes API. */
import type { Resource } from "../../kube/kind.ts";
import type { ObjectKey } from "../../kube/object.ts";

/** `/api/v1/namespaces/a/pods`; all namespaces when none is given. */
export function collectionPath(resource: Resource, namespace: string | undefined): string {
  const { group, version, plural } = resource;
  const root =
    group === "" ? `/api/${segment(version)}` : `/apis/${segment(group)}/${segment(version)}`;
  const scope =
    resource.namespaced && namespace !== undefined && namespace !== ""
      ? `/namespaces/${segment(namespace)}`
      : "";
  return `${root}${scope}/${segment(plural)}`;
}

/** `/apis/apps/v1/namespaces/a/deployments/web/status`. */
export function objectPath(resource: Resource, key: ObjectKey, subresource?: string): string {
  const path = `${collectionPath(resource, key.namespace)}/${segment(key.name)}`;
  return subresource === undefined ? path : `${path}/${segment(subresource)}`;
}

/** `?a=1&b=x`, without what is undefined or false; empty when nothing is left. */
export function queryString(
  parameters: Readonly<Record<string, string | number | boolean | undefined>>,
): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters))
    if (value !== undefined && value !== false) query.set(name, String(value));
  const text = query.toString();
  return text === "" ? "" : `?${text}`;
}

function segment(text: string): string {
  // An empty or dot segment would silently address something else.
  if (text === "" || text === "." || text === "..")
    throw new TypeError(`"${text}" cannot be part of an API path`);
  return encodeURIComponent(text);
}
