/**
 * What a container runtime does for the node agent, shaped like the CRI
 * (k8s.io/cri-api runtime/v1): sandbox, container, image, logs, exec, stats. Implementations:
 * `process` (host processes). All pass test/engine/node/runtime-conformance.
 */

import type { ContainerStreams, ExecOptions } from "../../apiserver/node-connection.ts";

/** Everything the runtime must know of a pod before its containers. */
export interface SandboxConfig {
  readonly podUid: string;
  readonly namespace: string;
  readonly name: string;
  /** Container ports for which the runtime must provide a reachable address. */
  readonly ports: readonly SandboxPort[];
  /** How names are resolved inside, as far as the runtime can arrange it. @default as on the host */
  readonly dns?: SandboxDns;
  /** Lines for `/etc/hosts`. @default none */
  readonly hostAliases?: readonly { readonly ip: string; readonly hostnames: readonly string[] }[];
}
/** What `resolv.conf` says. */
export interface SandboxDns {
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}
export interface SandboxPort {
  readonly container: string;
  readonly containerPort: number;
  readonly name?: string;
  readonly protocol: "TCP" | "UDP" | "SCTP";
  /** A fixed host port, when the pod asks for one. */
  readonly hostPort?: number;
}
export interface Sandbox {
  readonly podUid: string;
  /** Where the pod is reached. */
  readonly podIP: string;
  /** `containerPort` → the port that listens on `podIP` (the same number in runtimes with pod networks). */
  readonly portMap: ReadonlyMap<number, number>;
  /** Directory of the pod on the host: volumes are prepared below it. */
  readonly directory: string;
}

export interface ContainerConfig {
  readonly podUid: string;
  readonly name: string;
  /** Counts restarts: part of the container's identity and of its log file's name. */
  readonly attempt: number;
  readonly image: string;
  /** `command` and `args` joined, `$(VAR)` expanded. Empty: the image's own entry point. */
  readonly command: readonly string[];
  /** Absolute path inside the container. */
  readonly workingDir?: string;
  readonly env: ReadonlyMap<string, string>;
  readonly mounts: readonly Mount[];
  readonly logPath: string;
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly resources?: { readonly memoryBytes?: number; readonly cpuMillis?: number };
  readonly user?: { readonly uid?: number; readonly gid?: number };
}
export interface Mount {
  readonly hostPath: string;
  readonly containerPath: string;
  readonly readOnly: boolean;
}

export interface ContainerStatus {
  /** `<runtime>://<id>`. */
  readonly id: string;
  readonly podUid: string;
  readonly name: string;
  readonly attempt: number;
  readonly state: "created" | "running" | "exited";
  readonly pid?: number;
  readonly startedAtMs?: number;
  readonly finishedAtMs?: number;
  readonly exitCode?: number;
  /** Number of the signal that ended it; `exitCode` is then 128 + signal. */
  readonly signal?: number;
  readonly oomKilled?: boolean;
}

export interface ExecResult {
  readonly exitCode: number;
  readonly output: Buffer;
}
export interface ContainerStats {
  readonly cpuNanoseconds: bigint;
  readonly memoryBytes: number;
}

/** A failure with the reason that belongs in `containerStatuses[].state.waiting.reason`. */
export class RuntimeError extends Error {
  override readonly name = "RuntimeError";
  readonly reason:
    | "CreateContainerConfigError"
    | "CreateContainerError"
    | "RunContainerError"
    | "ErrImagePull";
  constructor(reason: RuntimeError["reason"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

export interface Runtime {
  /** `process`, `cri`: the prefix of container ids. */
  readonly name: string;
  readonly version: string;

  /** Idempotent: the sandbox of this pod uid, made when it does not exist. */
  ensureSandbox(config: SandboxConfig): Promise<Sandbox>;
  /** Kills what still runs and removes the pod's directory and ports. Idempotent. */
  removeSandbox(podUid: string): Promise<void>;
  /** Pods found from an earlier run of the agent, with containers that may still be running. */
  listSandboxes(): Promise<readonly Sandbox[]>;
  listContainers(podUid?: string): Promise<readonly ContainerStatus[]>;

  /** Creates and starts. Throws `RuntimeError`. */
  startContainer(config: ContainerConfig): Promise<ContainerStatus>;
  /** Sends the signal (default SIGTERM) to the container's main process and waits for its end; SIGKILL to the whole group after `graceMs`. */
  stopContainer(
    id: string,
    options: { readonly graceMs: number; readonly signal?: string },
  ): Promise<void>;
  removeContainer(id: string): Promise<void>;
  exec(
    id: string,
    command: readonly string[],
    options: { readonly timeoutMs: number; readonly maxOutputBytes: number },
  ): Promise<ExecResult>;
  /** Starts a command and connects it to its caller. Throws `RuntimeError`. */
  streamExec(id: string, options: ExecOptions): Promise<ContainerStreams>;
  /** Connects to the main process of a running container. `endsWithClient`: so does its input. */
  attach(
    id: string,
    options: { readonly stdin: boolean; readonly endsWithClient: boolean },
  ): Promise<ContainerStreams>;
  stats(id: string): Promise<ContainerStats | undefined>;

  /** Called whenever a container's state changed. The returned function unsubscribes. */
  onChange(listener: (status: ContainerStatus) => void): () => void;
  /** Forgets running containers without stopping them (`--keep-pods`), or after they were stopped. */
  close(): Promise<void>;
}
