/** How the API server reaches the agent of a node, for what only the node knows. */
import type { LogOptions } from "../../client/client.ts";
import type { KubeObject } from "../../kube/object.ts";

/** A counter of processor time, and the memory in use. */
export interface UsageCounter {
  /** When the counter began, in milliseconds since the epoch. */
  readonly sinceMs: number;
  readonly cpuNanoseconds: bigint;
  /** The working set. */
  readonly memoryBytes: number;
}
export interface NodeMeasurement {
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  /** Of the whole machine. Absent: what its containers use is all. */
  readonly node?: UsageCounter;
  readonly containers: readonly (UsageCounter & {
    readonly podUid: string;
    readonly name: string;
  })[];
}

export interface NodeConnection {
  /** What the machine and the running containers of these pods, which are bound to the node, use. */
  measure(pods: readonly KubeObject[]): Promise<NodeMeasurement>;

  /** Output of one container; a first, empty piece says that there is a log. Throws `StatusError` (400 when the container has not started, 404 when there is no such container). */
  logs(pod: KubeObject, container: string, options: LogOptions): AsyncIterable<Uint8Array>;
}
