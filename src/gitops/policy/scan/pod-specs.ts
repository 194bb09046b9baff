/** Where objects of any kind keep pods: read from manifests that nobody has checked. */
import { isObject } from "../../../kube/json-object.ts";
import { type KubeObject, parseApiVersion } from "../../../kube/object.ts";

export type Fields = Readonly<Record<string, unknown>>;

export interface ContainerPlace {
  readonly container: Fields;
  /** Field path in the object: `spec.template.spec.containers[0]`. */
  readonly path: string;
  readonly name: string;
  readonly kind: "containers" | "initContainers" | "ephemeralContainers";
}
export interface PodSpecPlace {
  readonly spec: Fields;
  readonly path: string;
  readonly containers: readonly ContainerPlace[];
}

const TEMPLATE = "spec.template.spec";
const PATHS: ReadonlyMap<string, string> = new Map([
  ["/Pod", "spec"],
  ["/PodTemplate", "template.spec"],
  ["/ReplicationController", TEMPLATE],
  ["apps/Deployment", TEMPLATE],
  ["apps/ReplicaSet", TEMPLATE],
  ["apps/StatefulSet", TEMPLATE],
  ["apps/DaemonSet", TEMPLATE],
  ["batch/Job", TEMPLATE],
  ["batch/CronJob", "spec.jobTemplate.spec.template.spec"],
  ["argoproj.io/Rollout", TEMPLATE],
]);

/** One, or none. */
export function podSpecsOf(object: KubeObject): PodSpecPlace[] {
  const { group } = parseApiVersion(object.apiVersion);
  const path = PATHS.get(`${group}/${object.kind}`);
  if (path === undefined) return [];
  let spec: unknown = object;
  for (const key of path.split(".")) spec = fieldOf(spec, key);
  return isObject(spec) ? [{ spec, path, containers: containersOf(spec, path) }] : [];
}

function containersOf(spec: Fields, path: string): ContainerPlace[] {
  return (["initContainers", "containers", "ephemeralContainers"] as const).flatMap((kind) => {
    const list = fieldOf(spec, kind);
    if (!Array.isArray(list)) return [];
    return list.flatMap((container: unknown, index) => {
      if (!isObject(container)) return [];
      const name = fieldOf(container, "name");
      const shown = typeof name === "string" ? name.slice(0, 63) : `#${index + 1}`;
      return [{ container, path: `${path}.${kind}[${index}]`, name: shown, kind }];
    });
  });
}

/** Own fields only: manifests may name `__proto__` and `constructor`. */
export function fieldOf(value: unknown, ...keys: readonly string[]): unknown {
  let found = value;
  for (const key of keys) {
    if (!isObject(found) || !Object.hasOwn(found, key)) return undefined;
    found = found[key];
  }
  return found;
}
