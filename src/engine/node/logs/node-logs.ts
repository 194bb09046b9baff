/** Answers the API server's requests for container logs: the `NodeConnection` of this node. */
import type { Clock } from "../../../client/clock.ts";
import type { LogOptions } from "../../../client/client.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import type { KubeObject } from "../../../kube/object.ts";
import { StatusError } from "../../../kube/status-error.ts";
import type { NodeConnection } from "../../apiserver/node-connection.ts";
import { allContainersOf, ephemeralContainersOf, uidOf } from "../pod-model.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { containerLog, loggedAttempts } from "./log-paths.ts";
import { readLog } from "./log-reader.ts";

export interface NodeLogsOptions {
  readonly runtime: Pick<Runtime, "listContainers" | "onChange">;
  readonly logsDirectory: string;
  readonly clock: Clock;
}

export function nodeLogs(options: NodeLogsOptions): Pick<NodeConnection, "logs"> {
  return { logs: (pod, container, logOptions) => logs(options, pod, container, logOptions) };
}

async function* logs(
  { runtime, logsDirectory, clock }: NodeLogsOptions,
  object: KubeObject,
  container: string,
  options: LogOptions,
): AsyncGenerator<Uint8Array> {
  const pod: Pod = object;
  const { name } = pod.metadata;
  const containers = [...allContainersOf(pod), ...ephemeralContainersOf(pod)];
  if (!containers.some((other) => other.name === container))
    throw bad(`container ${container} is not valid for pod ${name}`);
  const [newest, previous] = await loggedAttempts(logsDirectory, pod, container);
  const attempt = options.previous === true ? previous : newest;
  if (attempt === undefined)
    throw bad(
      options.previous === true
        ? `previous terminated container "${container}" in pod "${name}" not found`
        : `container "${container}" in pod "${name}" is waiting to start: ${waitingReason(pod, container)}`,
    );
  // While this is true the log may grow; asked of the runtime, whose answer comes before its events.
  const isThisRun = (status: { podUid: string; name: string; attempt: number }): boolean =>
    status.podUid === uidOf(pod) && status.name === container && status.attempt === attempt;
  const known = (await runtime.listContainers(uidOf(pod))).find(isThisRun);
  let hasEnded = known === undefined || known.state === "exited";
  // Says that there is a log, also while it is empty.
  yield new Uint8Array();
  yield* readLog(
    {
      path: containerLog(logsDirectory, pod, container, attempt),
      hasEnded: () => hasEnded,
      onEnd: (listener) =>
        runtime.onChange((status) => {
          if (!isThisRun(status) || status.state !== "exited") return;
          hasEnded = true;
          listener();
        }),
    },
    { ...options, ...sinceOf(options, clock) },
  );
}

function sinceOf({ sinceSeconds, sinceTime }: LogOptions, clock: Clock): { sinceTime?: string } {
  if (sinceSeconds !== undefined)
    return { sinceTime: new Date(clock.now() - sinceSeconds * 1000).toISOString() };
  return sinceTime === undefined ? {} : { sinceTime };
}

function waitingReason(pod: Pod, container: string): string {
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
  const status = [...initContainerStatuses, ...containerStatuses].find(
    ({ name }) => name === container,
  );
  return status?.state?.waiting?.reason ?? "ContainerCreating";
}

const bad = (message: string): StatusError => StatusError.of("BadRequest", message);
