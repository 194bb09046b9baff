/** Where container logs are: `<logs>/<namespace>_<pod>_<uid>/<container>/<attempt>.log`. */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Pod } from "../../../kube/kinds/pod.ts";
import { namespaceOf, uidOf } from "../pod-model.ts";

export const podLogsDirectory = (logsDirectory: string, pod: Pod): string =>
  join(logsDirectory, `${namespaceOf(pod)}_${pod.metadata.name}_${uidOf(pod)}`);

export const containerLog = (
  logsDirectory: string,
  pod: Pod,
  container: string,
  attempt: number,
): string => join(podLogsDirectory(logsDirectory, pod), container, `${attempt}.log`);

/** Attempts of a container that have a log, newest first. */
export async function loggedAttempts(
  logsDirectory: string,
  pod: Pod,
  container: string,
): Promise<number[]> {
  const directory = join(podLogsDirectory(logsDirectory, pod), container);
  const names = await readdir(directory).catch(() => [] as string[]);
  return names
    .flatMap((name) => (/^\d+\.log$/.test(name) ? [Number.parseInt(name, 10)] : []))
    .sort((a, b) => b - a);
}

/** Removes the logs of pods that are gone: all directories but those of `uids`. */
export async function removeLogsExcept(
  logsDirectory: string,
  uids: ReadonlySet<string>,
): Promise<void> {
  for (const name of await readdir(logsDirectory).catch(() => [] as string[])) {
    const uid = name.slice(name.lastIndexOf("_") + 1);
    if (!uids.has(uid)) await rm(join(logsDirectory, name), { recursive: true, force: true });
  }
}
