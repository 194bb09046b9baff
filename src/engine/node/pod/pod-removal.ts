/** Clears a pod off the machine: sandbox, volumes, ports and, with the object, its logs. */
import { rm } from "node:fs/promises";
import type { Pod } from "../../../kube/kinds/pod.ts";
import { podLogsDirectory } from "../logs/log-paths.ts";
import { uidOf } from "../pod-model.ts";
import type { PodEnvironment } from "./pod-environment.ts";

/** Logs of a pod that has finished stay until its object is deleted. */
export async function removePodData(
  env: PodEnvironment,
  pod: Pod,
  options: { readonly keepLogs: boolean },
): Promise<void> {
  await env.runtime.removeSandbox(uidOf(pod));
  if (options.keepLogs) return;
  await rm(podLogsDirectory(env.logsDirectory, pod), { recursive: true, force: true });
}
