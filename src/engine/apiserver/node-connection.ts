/** How the API server reaches the agent of a node, for what only the node knows. */
import type { Duplex, Readable, Writable } from "node:stream";
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

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}
/** A process of a container, connected to whoever asked for it. */
export interface ContainerStreams {
  /** Absent when nothing is to be sent. What is written when nobody reads any more is dropped. */
  readonly stdin?: Writable;
  /** Both end with the process, or when nothing more comes of it. */
  readonly stdout: Readable;
  /** Absent with a terminal, which has one output. */
  readonly stderr?: Readable;
  /** The exit code; undefined when the end of an attached container is not its caller's business. */
  readonly ended: Promise<number | undefined>;
  /** Of the terminal, where there is one. */
  resize(size: TerminalSize): void;
  /** Nobody listens any more: ends a process that was started for the caller. Idempotent. */
  close(): void;
}
export interface ExecOptions {
  readonly command: readonly string[];
  readonly stdin: boolean;
  readonly tty: boolean;
}
/** Begins what was found possible. Throws what went wrong in words for the user. */
export type Begin<T> = () => Promise<T>;

export interface NodeConnection {
  /** Throws `StatusError` (400) when the container does not run; the command starts with `Begin`. */
  exec(pod: KubeObject, container: string, options: ExecOptions): Promise<Begin<ContainerStreams>>;

  /** Output of the container's main process from now on, and its input. Throws as `exec`. */
  attach(
    pod: KubeObject,
    container: string,
    options: { readonly stdin: boolean },
  ): Promise<Begin<ContainerStreams>>;

  /** Connects to ports of the pod: what it returns may be called for each connection. Throws `StatusError` (400) when the pod does not run. */
  portForward(pod: KubeObject): Promise<(port: number) => Promise<Duplex>>;

  /** What the machine and the running containers of these pods, which are bound to the node, use. */
  measure(pods: readonly KubeObject[]): Promise<NodeMeasurement>;

  /** Output of one container; a first, empty piece says that there is a log. Throws `StatusError` (400 when the container has not started, 404 when there is no such container). */
  logs(pod: KubeObject, container: string, options: LogOptions): AsyncIterable<Uint8Array>;
}
