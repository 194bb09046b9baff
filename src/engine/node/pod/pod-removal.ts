/** Clears a pod off the machine: sandbox, volumes, ports and, with the object, its logs. */
import { rm } from "node:fs/promises";
import type { Pod } from "../../../kube/kinds/pod.ts";
import { podLogsDirectory } from "../logs/log-paths.ts";
import { uidOf } from "../pod-model.ts";
import type { Sandbox } from "../runtime/runtime.ts";
import type { PodEnvironment } from "./pod-environment.ts";

/** Logs of a pod that has finished stay until its object is deleted. */
export async function removePodData(
  env: PodEnvironment,
  pod: Pod,
  sandbox: Sandbox | undefined,
  options: { readonly keepLogs: boolean },
): Promise<void> {
  // Before the directory goes: what is mounted in it is not the pod's to delete.
  await env.volumes.release(uidOf(pod), sandbox?.directory, ({ message }) =>
    env.events.record(pod, "Warning", "FailedUnMount", message),
  );
  await env.runtime.removeSandbox(uidOf(pod));
  if (options.keepLogs) return;
  await rm(podLogsDirectory(env.logsDirectory, pod), { recursive: true, force: true });
}
