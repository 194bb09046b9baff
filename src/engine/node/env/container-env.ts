/**
 * The environment of a container, pure: service links, then ports, then `envFrom`, then `env` in
 * its order, later ones winning; and the command line with `$(VAR)` expanded.
 */
import type { EnvVar } from "kubernetes-types/core/v1";
import type { Pod } from "../../../kube/kinds/pod.ts";
import { allContainersOf, type Container, namespaceOf } from "../pod-model.ts";
import { fieldValue, type NodeFacts, resourceValue } from "./downward.ts";
import { expand } from "./expansion.ts";
import {
  MissingReferenceError,
  type ReferencedData,
  readAll,
  readKey,
} from "./missing-reference.ts";

export interface EnvInputs {
  readonly pod: Pod;
  readonly container: Container;
  readonly data: ReferencedData;
  readonly node: NodeFacts;
  readonly serviceLinks: ReadonlyMap<string, string>;
  /** Container port → the port to listen on. */
  readonly portMap: ReadonlyMap<number, number>;
}
export interface ContainerEnv {
  readonly env: ReadonlyMap<string, string>;
  /** Keys of `envFrom` that cannot be names of variables, one text per source. */
  readonly skipped: readonly string[];
}

/** Throws `MissingReferenceError`. */
export function containerEnv(inputs: EnvInputs): ContainerEnv {
  const { container } = inputs;
  const env = new Map<string, string>([...inputs.serviceLinks, ...portVariables(inputs)]);
  const skipped = addEnvFrom(env, inputs);
  for (const variable of container.env ?? []) {
    const value = valueOf(variable, env, inputs);
    if (value !== undefined) env.set(variable.name, value);
  }
  followPorts(env, inputs);
  return { env, skipped };
}

/** `command` and `args` in one, expanded. Empty where the image would decide. */
export function commandLine(container: Container, env: ReadonlyMap<string, string>): string[] {
  const lookup = (name: string): string | undefined => env.get(name);
  return [...(container.command ?? []), ...(container.args ?? [])].map((word) =>
    expand(word, lookup),
  );
}

/** A variable's name may be almost anything (KEP-4369), as long as it can be told from its value. */
const isVariableName = (name: string): boolean => /^[\x20-\x3c\x3e-\x7e]+$/.test(name);

function addEnvFrom(env: Map<string, string>, { container, data }: EnvInputs): string[] {
  const skipped: string[] = [];
  for (const { prefix = "", configMapRef, secretRef } of container.envFrom ?? []) {
    const kind = configMapRef === undefined ? "secret" : "configmap";
    const reference = configMapRef ?? secretRef;
    if (reference === undefined) continue;
    const invalid: string[] = [];
    for (const [key, value] of readAll(data, kind, reference) ?? [])
      if (isVariableName(prefix + key)) env.set(prefix + key, value.toString());
      else invalid.push(prefix + key);
    if (invalid.length > 0)
      skipped.push(
        `Keys [${invalid.sort().join(", ")}] from the EnvFrom ${kind} ${reference.name ?? ""} were skipped since they are considered invalid environment variable names.`,
      );
  }
  return skipped;
}

function valueOf(
  { value, valueFrom }: EnvVar,
  env: ReadonlyMap<string, string>,
  { pod, container, data, node }: EnvInputs,
): string | undefined {
  if (valueFrom === undefined) return expand(value ?? "", (name) => env.get(name));
  const namespace = namespaceOf(pod);
  if (valueFrom.configMapKeyRef !== undefined)
    return readKey(data, "configmap", valueFrom.configMapKeyRef, namespace)?.toString();
  if (valueFrom.secretKeyRef !== undefined)
    return readKey(data, "secret", valueFrom.secretKeyRef, namespace)?.toString();
  if (valueFrom.fieldRef !== undefined) {
    const text = fieldValue(pod, valueFrom.fieldRef, node);
    if (text === undefined)
      throw new MissingReferenceError(`unsupported fieldPath: ${valueFrom.fieldRef.fieldPath}`);
    return text;
  }
  if (valueFrom.resourceFieldRef !== undefined)
    return resourceValue(pod, container, valueFrom.resourceFieldRef, node);
  return "";
}

const portVariable = (name: string): string => `PORT_${name.toUpperCase().replaceAll("-", "_")}`;

/** `PORT` is the container's first port; `PORT_<NAME>` every named port of the pod. */
function portVariables({ pod, container, portMap }: EnvInputs): Map<string, string> {
  const env = new Map<string, string>();
  const mapped = (port: number): string => String(portMap.get(port) ?? port);
  const [first] = container.ports ?? [];
  if (first !== undefined) env.set("PORT", mapped(first.containerPort));
  for (const { ports = [] } of allContainersOf(pod))
    for (const { name, containerPort } of ports)
      if (name !== undefined && name !== "") env.set(portVariable(name), mapped(containerPort));
  return env;
}

/**
 * Manifests often set `PORT` to their own container port. Where the runtime maps ports, the
 * program must listen on the mapped one instead.
 */
function followPorts(env: Map<string, string>, inputs: EnvInputs): void {
  const own = inputs.container.ports ?? [];
  for (const name of portVariables(inputs).keys()) {
    const port = own.find(({ containerPort }) => env.get(name) === String(containerPort));
    if (port !== undefined)
      env.set(name, String(inputs.portMap.get(port.containerPort) ?? port.containerPort));
  }
}
