/** A Service leads to pods, and to ports that they listen on. */
import type { Manifest } from "../../render/manifest.ts";
import { at } from "../field-finding.ts";
import type { Finding } from "../finding.ts";
import { nearestName } from "../nearest-name.ts";
import type { ObjectIndex, Workload } from "./object-index.ts";
import { fieldAt, itemsAt, labelsAt, textAt } from "./read-field.ts";

export function checkService(manifest: Manifest, index: ObjectIndex): Finding[] {
  const { object } = manifest;
  const selector = labelsAt(object, "spec.selector");
  const leadsElsewhere =
    Object.keys(selector).length === 0 || textAt(object, "spec.type") === "ExternalName";
  // An input of Services alone says nothing about pods.
  if (leadsElsewhere || index.workloads.length === 0) return [];
  const namespace = index.namespaceOf(object);
  const workloads = index.withLabels(namespace, selector);
  if (workloads.length === 0) return [selectsNothing(manifest, selector, namespace, index)];
  return itemsAt(object, "spec.ports").flatMap(([position, port]) => {
    const finding = checkTargetPort(manifest, `spec.ports[${position}]`, port, workloads);
    return finding === undefined ? [] : [finding];
  });
}

function selectsNothing(
  manifest: Manifest,
  selector: Readonly<Record<string, string>>,
  namespace: string,
  index: ObjectIndex,
): Finding {
  const shown = Object.entries(selector).map(([key, value]) => `${key}=${value}`);
  const { name } = manifest.object.metadata;
  const namesake = index.workloads.find(
    (workload) =>
      workload.namespace === namespace && workload.manifest.object.metadata.name === name,
  );
  const its =
    namesake === undefined ? [] : Object.entries(namesake.labels).map((pair) => pair.join("="));
  return at(manifest, "spec.selector", "value", {
    severity: "warning",
    rule: "references/no-pods",
    message: `spec.selector: no pods in the input have ${shown.join(", ")}`,
    suggestion:
      namesake === undefined
        ? "Correct the selector, or the labels of the pod template that it is meant for"
        : `The pods of ${namesake.manifest.object.kind} ${name} have ${its.length === 0 ? "no labels" : its.join(", ")}`,
  });
}

function checkTargetPort(
  manifest: Manifest,
  path: string,
  port: unknown,
  workloads: readonly Workload[],
): Finding | undefined {
  const target = fieldAt(port, "targetPort") ?? fieldAt(port, "port");
  const ports = workloads.flatMap(({ podSpec }) => containerPorts(podSpec));
  const field = fieldAt(port, "targetPort") === undefined ? `${path}.port` : `${path}.targetPort`;
  if (typeof target === "string") {
    const names = ports.flatMap(({ name }) => (name === undefined ? [] : [name]));
    if (names.includes(target)) return undefined;
    const near = nearestName(target, names);
    const known = near === undefined ? listOf(names) : `Did you mean ${JSON.stringify(near)}?`;
    return at(manifest, field, "value", {
      severity: "warning",
      rule: "references/target-port",
      message: `${field}: no container of the selected pods has a port named ${JSON.stringify(target)}`,
      suggestion: known,
    });
  }
  // Containers need not declare their ports; where they do, the list is meant to be whole.
  const numbers = ports.flatMap(({ number }) => (number === undefined ? [] : [number]));
  if (typeof target !== "number" || numbers.length === 0 || numbers.includes(target))
    return undefined;
  return at(manifest, field, "value", {
    severity: "warning",
    rule: "references/target-port",
    message: `${field}: no container of the selected pods declares the port ${target}`,
    suggestion: listOf(numbers.map(String)),
  });
}

function listOf(known: readonly string[]): string {
  const distinct = [...new Set(known)];
  return distinct.length === 0
    ? "Name the container's port, or use its number"
    : `They have ${distinct.join(", ")}`;
}

interface ContainerPort {
  readonly name: string | undefined;
  readonly number: number | undefined;
}

/** Sidecars are init containers that keep running, and may serve as well. */
function containerPorts(podSpec: unknown): ContainerPort[] {
  return ["containers", "initContainers"].flatMap((list) =>
    itemsAt(podSpec, list).flatMap(([, container]) =>
      itemsAt(container, "ports").map(([, port]) => {
        const number = fieldAt(port, "containerPort");
        return {
          name: textAt(port, "name"),
          number: typeof number === "number" ? number : undefined,
        };
      }),
    ),
  );
}
