/** Everything the runtime must know to start a container, from the pod's spec. */
import { join } from "node:path";
import type { Pod } from "../../../kube/kinds/pod.ts";
import { parseQuantity, quantityToInteger, quantityToMilli } from "../../../kube/quantity.ts";
import { commandLine, containerEnv } from "../env/container-env.ts";
import { type Container, specOf } from "../pod-model.ts";
import type { ContainerConfig, Sandbox } from "../runtime/runtime.ts";
import { containerMounts } from "../volumes/container-mounts.ts";
import { isWritten } from "../volumes/volume-payload.ts";
import type { PodEnvironment } from "./pod-environment.ts";
import { mountTerminationMessage } from "./termination-message.ts";

export interface ContainerConfigInputs {
  readonly pod: Pod;
  readonly container: Container;
  readonly attempt: number;
  readonly logPath: string;
  readonly sandbox: Sandbox;
  /** Host path of each volume. */
  readonly volumes: ReadonlyMap<string, string>;
  readonly env: PodEnvironment;
}

/** `skipped`: see `ContainerEnv`. Throws `MissingReferenceError` or `RuntimeError`. */
export async function containerConfig(
  inputs: ContainerConfigInputs,
): Promise<{ readonly config: ContainerConfig; readonly skipped: readonly string[] }> {
  const { pod, container, attempt, logPath, sandbox, volumes } = inputs;
  const { env, skipped } = containerEnv({
    pod,
    container,
    data: inputs.env.dataFor(pod),
    node: { ...inputs.env, podIP: sandbox.podIP },
    serviceLinks: inputs.env.serviceLinksFor(pod),
    portMap: sandbox.portMap,
  });
  const mounts = await containerMounts({
    container,
    volumes,
    env,
    subPathDirectory: join(sandbox.directory, "subpaths"),
    isProjected: (name) => isProjected(pod, name),
  });
  const user = userOf(pod, container);
  const resources = resourceLimits(container);
  const config = {
    podUid: sandbox.podUid,
    name: container.name,
    attempt,
    image: container.image ?? "",
    command: commandLine(container, env),
    ...(container.workingDir === undefined ? {} : { workingDir: container.workingDir }),
    env,
    mounts: [...mounts, await mountTerminationMessage(sandbox.directory, container)],
    logPath,
    tty: container.tty ?? false,
    stdin: container.stdin ?? false,
    ...(resources === undefined ? {} : { resources }),
    ...(user === undefined ? {} : { user }),
  };
  return { config, skipped };
}

function isProjected(pod: Pod, name: string): boolean {
  const volume = specOf(pod).volumes?.find((other) => other.name === name);
  return volume !== undefined && isWritten(volume);
}

/** The container's own settings win over the pod's. */
function userOf(pod: Pod, container: Container): ContainerConfig["user"] {
  const ofPod = specOf(pod).securityContext;
  const uid = container.securityContext?.runAsUser ?? ofPod?.runAsUser;
  // A process gets one group here: without one of its own that of the pod's volumes.
  const gid = container.securityContext?.runAsGroup ?? ofPod?.runAsGroup ?? ofPod?.fsGroup;
  if (uid === undefined && gid === undefined) return undefined;
  return { ...(uid === undefined ? {} : { uid }), ...(gid === undefined ? {} : { gid }) };
}

function resourceLimits(container: Container): ContainerConfig["resources"] {
  const { memory, cpu } = container.resources?.limits ?? {};
  if (memory === undefined && cpu === undefined) return undefined;
  return {
    ...(memory === undefined
      ? {}
      : { memoryBytes: Number(quantityToInteger(parseQuantity(memory))) }),
    ...(cpu === undefined ? {} : { cpuMillis: Number(quantityToMilli(parseQuantity(cpu))) }),
  };
}
