/** What the API server learns of a simulated node beyond the API: output and use of containers. */
import type { Clock } from "../../client/clock.ts";
import type { LogOptions } from "../../client/client.ts";
import { parseTime } from "../../client/timestamps.ts";
import type { Pod } from "../../kube/kinds/pod.ts";
import type { KubeObject } from "../../kube/object.ts";
import { parseQuantity, QuantityError, quantityToNumber } from "../../kube/quantity.ts";
import { StatusError } from "../../kube/status-error.ts";
import type { NodeConnection } from "../apiserver/node-connection.ts";
import { type Setting, SIMULATION_PREFIX } from "./annotations.ts";

interface Counter {
  readonly sinceMs: number;
  readonly atMs: number;
  readonly cpuNanoseconds: bigint;
}

/** Containers print what their annotation says, once, and use what it says they use. */
export function simulatedConnection(clock: Clock): NodeConnection {
  /** By pod and container: what was used so far, whatever it was from moment to moment. */
  let counters = new Map<string, Counter>();
  return {
    exec: () => nothingRuns("a command cannot be executed"),
    attach: () => nothingRuns("there is no process to attach to"),
    portForward: () => nothingRuns("no port listens"),
    async *logs(pod: KubeObject, container: string, { limitBytes }: LogOptions) {
      const text = setting(pod, "log", container) ?? "";
      const bytes = Buffer.from(text === "" || text.endsWith("\n") ? text : `${text}\n`);
      yield limitBytes === undefined ? bytes : bytes.subarray(0, limitBytes);
    },
    measure: async (pods) => {
      const atMs = clock.now();
      const next = new Map<string, Counter>();
      const containers = pods.flatMap((object) => {
        const pod: Pod = object;
        const podUid = pod.metadata.uid ?? "";
        return (pod.status?.containerStatuses ?? []).flatMap(({ name, containerID, state }) => {
          if (state?.running === undefined) return [];
          const startedMs = parseTime(state.running.startedAt) ?? atMs;
          const id = `${podUid}/${containerID ?? name}`;
          const cores = amount(setting(pod, "cpu", name));
          const known = counters.get(id) ?? startOf(startedMs);
          const passedMs = Math.max(0, atMs - known.atMs);
          const cpuNanoseconds = known.cpuNanoseconds + BigInt(Math.round(cores * passedMs * 1e6));
          next.set(id, { sinceMs: known.sinceMs, atMs, cpuNanoseconds });
          const memoryBytes = Math.round(amount(setting(pod, "memory", name)));
          return [{ podUid, name, sinceMs: known.sinceMs, cpuNanoseconds, memoryBytes }];
        });
      });
      counters = next;
      return { atMs, containers };
    },
  };
}

function nothingRuns(consequence: string): Promise<never> {
  return Promise.reject(
    StatusError.of(
      "BadRequest",
      `the pod is on a simulated node, where nothing really runs: ${consequence}`,
    ),
  );
}

const startOf = (startedMs: number): Counter => ({
  sinceMs: startedMs,
  atMs: startedMs,
  cpuNanoseconds: 0n,
});

function setting(
  { metadata: { annotations = {} } }: KubeObject,
  name: Setting,
  container: string,
): string | undefined {
  return (
    annotations[`${SIMULATION_PREFIX}${name}.${container}`] ??
    annotations[`${SIMULATION_PREFIX}${name}`]
  );
}

/** What is no quantity is nothing: the pod's Event says so. */
function amount(text: string | undefined): number {
  if (text === undefined) return 0;
  try {
    return Math.max(0, quantityToNumber(parseQuantity(text)));
  } catch (error) {
    if (error instanceof QuantityError) return 0;
    throw error;
  }
}
