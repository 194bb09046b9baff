/** The downward API: fields of the pod and resources of its containers as text. */
import type { ObjectFieldSelector, ResourceFieldSelector } from "kubernetes-types/core/v1";
import type { Pod } from "../../../kube/kinds/pod.ts";
import { parseQuantity, type Quantity } from "../../../kube/quantity.ts";
import { allContainersOf, type Container, namespaceOf, specOf, uidOf } from "../pod-model.ts";
import { MissingReferenceError } from "./missing-reference.ts";

/** What the node knows and the pod's object may not say yet. */
export interface NodeFacts {
  readonly nodeName: string;
  readonly hostIP: string;
  readonly podIP: string;
  /** Stand in for limits that are not set: canonical quantities. */
  readonly allocatable: Readonly<Record<string, string>>;
}

/** The text of a `fieldRef`; undefined for a path that is not supported. */
export function fieldValue(
  pod: Pod,
  selector: ObjectFieldSelector,
  node: NodeFacts,
): string | undefined {
  const { labels = {}, annotations = {} } = pod.metadata;
  const subscript = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(selector.fieldPath);
  if (subscript?.[2] !== undefined)
    return (subscript[1] === "labels" ? labels : annotations)[subscript[2]] ?? "";
  const fields: Readonly<Record<string, () => string>> = {
    "metadata.name": () => pod.metadata.name,
    "metadata.namespace": () => namespaceOf(pod),
    "metadata.uid": () => uidOf(pod),
    "metadata.labels": () => formatMap(labels),
    "metadata.annotations": () => formatMap(annotations),
    "spec.nodeName": () => node.nodeName,
    "spec.serviceAccountName": () => specOf(pod).serviceAccountName ?? "default",
    "status.hostIP": () => node.hostIP,
    "status.hostIPs": () => node.hostIP,
    "status.podIP": () => node.podIP,
    "status.podIPs": () => node.podIP,
  };
  return Object.hasOwn(fields, selector.fieldPath) ? fields[selector.fieldPath]?.() : undefined;
}

/** `key="value"` lines in order of the keys, as the volume plugin writes them. */
function formatMap(map: Readonly<Record<string, string>>): string {
  return Object.keys(map)
    .sort()
    .map((key) => `${key}=${JSON.stringify(map[key])}`)
    .join("\n");
}

/** The text of a `resourceFieldRef`: a whole number of divisors, rounded up. */
export function resourceValue(
  pod: Pod,
  container: Container,
  selector: ResourceFieldSelector,
  node: NodeFacts,
): string {
  const name = selector.containerName ?? "";
  const named = name === "" ? container : allContainersOf(pod).find((other) => other.name === name);
  if (named === undefined)
    throw new MissingReferenceError(`container "${name}" not found in the pod`);
  const [, kind = "", resource = ""] = /^(limits|requests)\.(.+)$/.exec(selector.resource) ?? [];
  const { limits, requests } = named.resources ?? {};
  const set = kind === "limits" ? limits?.[resource] : requests?.[resource];
  const fallback = kind === "limits" ? node.allocatable[resource] : "0";
  const value = parseQuantity(set ?? fallback ?? "0");
  return divideUp(value, parseDivisor(selector.divisor)).toString();
}

function parseDivisor(divisor: string | undefined): Quantity {
  const quantity = parseQuantity(divisor ?? "1");
  return quantity.nanos === 0n ? parseQuantity("1") : quantity;
}

const divideUp = (value: Quantity, divisor: Quantity): bigint =>
  (value.nanos + divisor.nanos - 1n) / divisor.nanos;
