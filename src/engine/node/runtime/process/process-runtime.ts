/**
 * The `process` runtime: containers are processes of this machine, without privileges. Sandboxes
 * and containers are found again in their directories after a restart, whether the agent stopped
 * in order or not.
 *
 * What differs from a runtime with images:
 * - the image is recorded, not pulled: `command` must name a program of this machine or of a mount;
 * - files lie below the container's own root, which the working directory is relative to; absolute
 *   paths mean the host, except those that name the container's own mounts (path-translation.ts);
 * - all pods share the host's network: listen on `$PORT` and `$PORT_<NAME>`;
 * - read-only mounts are not enforced; `runAsUser` only when Gantry itself runs as root; memory and
 *   CPU limits only as root on Linux (cgroups.ts); a process that starts a session of its own
 *   escapes the end of its container.
 */
import { createHash } from "node:crypto";
import { chmod, chown, mkdir, readdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Clock, sleep, systemClock } from "../../../../client/clock.ts";
import type { ContainerStreams, ExecOptions } from "../../../apiserver/node-connection.ts";
import { DEFAULT_LOG_LIMITS, type LogLimits } from "../../logs/rotated-log.ts";
import {
  type ContainerConfig,
  type ContainerStats,
  type ContainerStatus,
  type ExecResult,
  type Runtime,
  RuntimeError,
  type Sandbox,
  type SandboxConfig,
} from "../runtime.ts";
import { type Cgroup, type Cgroups, openCgroups } from "./cgroups.ts";
import { containerEnvironment } from "./container-environment.ts";
import {
  containerDirectory,
  containersDirectory,
  rootDirectory,
  sandboxFile,
} from "./container-directory.ts";
import { ContainerProcess, type ContainerProcessOptions } from "./container-process.ts";
import {
  type ContainerRecord,
  readRecord,
  type SandboxRecord,
  sandboxOf,
  writeRecord,
} from "./container-record.ts";
import { layOutRoot } from "./container-root.ts";
import { credentialFiles } from "./credential-files.ts";
import { execInContainer } from "./exec.ts";
import { HostPorts } from "./host-ports.ts";
import { translateArgument } from "./path-translation.ts";
import { makePodFiles, podFiles } from "./pod-files.ts";
import { PrivateFiles } from "./private-files.ts";
import { bootId } from "./process-identity.ts";
import { processGroupStats } from "./process-stats.ts";
import { findProgram } from "./program-lookup.ts";
import { processUser, type Surroundings } from "./spawn-in-container.ts";
import { streamExec, type StreamingExecPlan } from "./streaming-exec.ts";
import { Terminals } from "./terminal.ts";

export interface ProcessRuntimeOptions {
  /** Absolute; made when it does not exist. */
  readonly podsDirectory: string;
  /** @default systemClock */
  readonly clock?: Clock;
  /** @default 10 MiB × 5 */
  readonly logLimits?: LogLimits;
  /** Trouble that no call reports. @default ignored */
  readonly onError?: (error: unknown, container: string) => void;
}

/** Opens the runtime with all it finds from an earlier run. */
export async function openProcessRuntime(options: ProcessRuntimeOptions): Promise<Runtime> {
  const runtime = new ProcessRuntime(options);
  await runtime.recover();
  return runtime;
}

const SHELL = "/bin/sh";
/** Longer than commands whose client is gone are given; only the kernel can be in the way. */
const EXEC_END_TIMEOUT_MS = 6_000;
/** Pods hold secrets, so nobody else may enter; with other users' containers they must pass through. */
const PRIVATE_MODE = 0o700;
const PASSAGE_MODE = 0o711;

class ProcessRuntime implements Runtime {
  readonly name = "process";
  readonly version = process.version;
  readonly #options: ProcessRuntimeOptions;
  readonly #clock: Clock;
  readonly #ports = new HostPorts();
  #cgroups: Cgroups | undefined;
  /** Looked at when the first pod wants files of its own. */
  #privateFiles: Promise<PrivateFiles | undefined> | undefined;
  readonly #sandboxes = new Map<string, Promise<Sandbox>>();
  /** By id. */
  readonly #containers = new Map<string, ContainerProcess>();
  readonly #starting = new Map<string, Promise<ContainerStatus>>();
  /** Commands that run in containers, by container. */
  readonly #execs = new Map<string, Set<ContainerStreams>>();
  /** Looked for when the first is wanted. */
  #terminals: Promise<Terminals | undefined> | undefined;
  readonly #listeners = new Set<(status: ContainerStatus) => void>();

  constructor(options: ProcessRuntimeOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  async recover(): Promise<void> {
    this.#cgroups = await openCgroups();
    await mkdir(this.#options.podsDirectory, { recursive: true, mode: PRIVATE_MODE });
    for (const podUid of await readdir(this.#options.podsDirectory)) {
      const directory = this.#podDirectory(podUid);
      const record = await readRecord<SandboxRecord>(sandboxFile(directory));
      if (record === undefined) continue;
      this.#ports.restore(
        podUid,
        record.portMap.map(([, port]) => port),
      );
      this.#sandboxes.set(podUid, Promise.resolve(sandboxOf(record, directory)));
      for (const name of await readdir(containersDirectory(directory)).catch(() => []))
        await this.#recoverContainer(directory, name);
    }
  }

  ensureSandbox(config: SandboxConfig): Promise<Sandbox> {
    let sandbox = this.#sandboxes.get(config.podUid);
    if (sandbox === undefined) {
      sandbox = this.#makeSandbox(config);
      this.#sandboxes.set(config.podUid, sandbox);
      sandbox.catch(() => {
        this.#sandboxes.delete(config.podUid);
        this.#ports.release(config.podUid);
      });
    }
    return sandbox;
  }

  async removeSandbox(podUid: string): Promise<void> {
    const containers = this.#ofPod(podUid);
    await Promise.all(containers.map((container) => container.stop({ graceMs: 0 })));
    for (const { record } of containers) await this.removeContainer(record.id);
    await removeDirectory(this.#podDirectory(podUid));
    this.#sandboxes.delete(podUid);
    this.#ports.release(podUid);
  }

  listSandboxes(): Promise<readonly Sandbox[]> {
    return Promise.all(this.#sandboxes.values());
  }

  listContainers(podUid?: string): Promise<readonly ContainerStatus[]> {
    const containers = podUid === undefined ? [...this.#containers.values()] : this.#ofPod(podUid);
    return Promise.resolve(containers.map((container) => container.status));
  }

  startContainer(config: ContainerConfig): Promise<ContainerStatus> {
    const id = containerId(config);
    const existing = this.#containers.get(id);
    if (existing !== undefined) return Promise.resolve(existing.status);
    let starting = this.#starting.get(id);
    if (starting === undefined) {
      starting = this.#start(id, config).finally(() => this.#starting.delete(id));
      this.#starting.set(id, starting);
    }
    return starting;
  }

  async stopContainer(
    id: string,
    options: { readonly graceMs: number; readonly signal?: string },
  ): Promise<void> {
    await this.#containers.get(id)?.stop(options);
  }

  async removeContainer(id: string): Promise<void> {
    const container = this.#containers.get(id);
    if (container === undefined) return;
    await container.stop({ graceMs: 0 });
    await container.close();
    const { podUid, name, attempt } = container.record;
    const { path } = containerDirectory(this.#podDirectory(podUid), name, attempt);
    await removeDirectory(path);
    this.#containers.delete(id);
  }

  async exec(
    id: string,
    command: readonly string[],
    options: { readonly timeoutMs: number; readonly maxOutputBytes: number },
  ): Promise<ExecResult> {
    const { record } = this.#running(id);
    return execInContainer({ ...(await this.#execPlan(record, command)), ...options });
  }

  async streamExec(id: string, options: ExecOptions): Promise<ContainerStreams> {
    const { record } = this.#running(id);
    const { tty, stdin } = options;
    const streams = await streamExec({
      ...(await this.#execPlan(record, options.command)),
      stdin,
      clock: this.#clock,
      ...(tty ? { terminals: await this.#terminalsFor(record.name) } : {}),
    });
    // What was started in a container does not outlive it, nor this agent.
    const open = this.#execs.get(id) ?? new Set();
    this.#execs.set(id, open.add(streams));
    void streams.ended.then(() => open.delete(streams));
    return streams;
  }

  async attach(
    id: string,
    options: { readonly stdin: boolean; readonly endsWithClient: boolean },
  ): Promise<ContainerStreams> {
    const container = this.#running(id);
    const terminals = container.record.tty === true ? await this.#openTerminals() : undefined;
    return container.attach({ ...options, terminals });
  }

  async stats(id: string): Promise<ContainerStats | undefined> {
    const container = this.#containers.get(id);
    if (container?.group === undefined || container.status.state !== "running") return undefined;
    return processGroupStats(container.group);
  }

  onChange(listener: (status: ContainerStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    const execs = [...this.#execs.values()].flatMap((open) => [...open]);
    for (const streams of execs) streams.close();
    // SIGKILL comes in the end, but nobody sends it once this process is gone.
    if (execs.length > 0) {
      const over = new AbortController();
      const ends = Promise.all(execs.map(({ ended }) => ended)).then(() => over.abort());
      const patience = sleep(this.#clock, EXEC_END_TIMEOUT_MS, over.signal).catch(() => undefined);
      await Promise.race([ends, patience]);
    }
    await Promise.allSettled(this.#starting.values());
    await Promise.all([...this.#containers.values()].map((container) => container.close()));
    this.#listeners.clear();
  }

  #running(id: string): ContainerProcess {
    const container = this.#containers.get(id);
    if (container === undefined || container.status.state !== "running")
      throw new Error(`container ${container?.record.name ?? id} is not running`);
    return container;
  }

  async #execPlan(
    { cwd, root, user, files, env: variables }: ContainerRecord,
    [name = "", ...args]: readonly string[],
  ): Promise<Surroundings & Pick<StreamingExecPlan, "argv" | "env">> {
    const env = new Map(variables);
    const program = await findProgram(name, { root, cwd, searchPath: env.get("PATH") ?? "" });
    return {
      argv: [program, ...args.map((word) => translateArgument(root, word))],
      cwd,
      env,
      ...(user === undefined ? {} : { user }),
      ...(await this.#filesFor(files)),
    };
  }

  #openTerminals(): Promise<Terminals | undefined> {
    this.#terminals ??= Terminals.open();
    return this.#terminals;
  }

  async #terminalsFor(container: string): Promise<Terminals> {
    const terminals = await this.#openTerminals();
    if (terminals !== undefined) return terminals;
    throw new RuntimeError(
      "CreateContainerError",
      `container "${container}" cannot have a terminal: this machine lacks the program "script" of util-linux 2.36 or later; install it, or do without -t`,
    );
  }

  async #makeSandbox(config: SandboxConfig): Promise<Sandbox> {
    const portMap = new Map<number, number>();
    for (const { containerPort, hostPort, protocol } of config.ports) {
      if (hostPort !== undefined) {
        this.#ports.claim(config.podUid, hostPort);
        portMap.set(containerPort, hostPort);
      } else if (!portMap.has(containerPort))
        portMap.set(containerPort, await this.#ports.pick(config.podUid, protocol));
    }
    const directory = this.#podDirectory(config.podUid);
    await mkdir(join(directory, "volumes"), { recursive: true, mode: PASSAGE_MODE });
    await makePodFiles(directory, config);
    const { podUid, namespace, name } = config;
    const record = { podUid, namespace, name, portMap: [...portMap] };
    await writeRecord(sandboxFile(directory), record);
    return sandboxOf(record, directory);
  }

  async #start(id: string, config: ContainerConfig): Promise<ContainerStatus> {
    const sandbox = await this.#sandboxes.get(config.podUid);
    if (sandbox === undefined)
      throw new RuntimeError("CreateContainerError", `pod ${config.podUid} has no sandbox`);
    // What is to be talked to at a terminal and names no program is, in most images, a shell.
    const words =
      config.command.length === 0 && config.tty && config.stdin ? [SHELL] : config.command;
    const [command, ...args] = words;
    const terminals = config.tty ? await this.#terminalsFor(config.name) : undefined;
    if (command === undefined)
      throw new RuntimeError(
        "CreateContainerError",
        `container "${config.name}" names no command: the process runtime does not pull images, so it cannot know the entry point of "${config.image}"; set command in the container`,
      );
    const { cwd, ...root } = await layOutRoot(
      rootDirectory(sandbox.directory, config.name),
      config.mounts,
      config.workingDir,
    ).catch((cause: unknown) => {
      if (cause instanceof RuntimeError) throw cause;
      throw new RuntimeError("CreateContainerError", (cause as Error).message, { cause });
    });
    await this.#admitUser(root.path, config.user);
    const env = containerEnvironment(config.env, root);
    const program = await findProgram(command, { root, cwd, searchPath: env.get("PATH") ?? "" });
    const { podUid, name, attempt, logPath, user } = config;
    const files = [
      ...(await podFiles(sandbox.directory)),
      ...(await credentialFiles(config.mounts)),
    ];
    const record: ContainerRecord = {
      id,
      podUid,
      name,
      attempt,
      startedAtMs: this.#clock.now(),
      bootId: await bootId(),
      logPath,
      cwd,
      root,
      env: [...env],
      ...(user === undefined ? {} : { user }),
      ...(files.length === 0 ? {} : { files }),
      ...(config.tty ? { tty: true } : {}),
      // A terminal whose input ends would hang up.
      ...(config.stdin || config.tty ? { stdin: true } : {}),
    };
    const group = cgroupName(id);
    const cgroup =
      config.resources === undefined
        ? undefined
        : await this.#cgroups?.create(group, config.resources);
    const argv = [program, ...args.map((word) => translateArgument(root, word))];
    const container = await ContainerProcess.start(this.#processOptions(record, sandbox, cgroup), {
      argv,
      cwd,
      env,
      ...(user === undefined ? {} : { user }),
      ...(await this.#filesFor(files)),
      terminals,
    });
    this.#containers.set(id, container);
    return container.status;
  }

  /** Nothing where the machine does not let us: its own files are seen then. */
  async #filesFor(own: ContainerRecord["files"] = []): Promise<Pick<Surroundings, "files">> {
    if (own.length === 0) return {};
    this.#privateFiles ??= PrivateFiles.open();
    const privateFiles = await this.#privateFiles;
    return privateFiles === undefined ? {} : { files: { own, with: privateFiles } };
  }

  /** A container with a user of its own must reach its directories and write into its root. */
  async #admitUser(root: string, user: ContainerConfig["user"]): Promise<void> {
    const { uid, gid } = processUser(user);
    if (uid === undefined || uid === 0) return;
    const { podsDirectory } = this.#options;
    // The data directory around it: what it holds besides is private by its own modes.
    for (const directory of [podsDirectory, dirname(podsDirectory)]) {
      const { mode } = await stat(directory);
      await chmod(directory, (mode & 0o7777) | PASSAGE_MODE);
    }
    await chown(root, uid, gid ?? uid);
    await chown(join(root, "tmp"), uid, gid ?? uid);
  }

  async #recoverContainer(podDirectory: string, name: string): Promise<void> {
    const attempts = await readdir(join(containersDirectory(podDirectory), name)).catch(() => []);
    for (const attempt of attempts.filter((entry) => /^\d+$/.test(entry))) {
      const directory = containerDirectory(podDirectory, name, Number(attempt));
      const record = await readRecord<ContainerRecord>(directory.record);
      if (record === undefined) {
        await removeDirectory(directory.path);
        continue;
      }
      const sandbox = { directory: podDirectory };
      const cgroup = this.#cgroups?.find(cgroupName(record.id));
      const options = this.#processOptions(record, sandbox, cgroup);
      const container = await ContainerProcess.adopt(options);
      this.#containers.set(record.id, container);
    }
  }

  #processOptions(
    record: ContainerRecord,
    sandbox: { readonly directory: string },
    cgroup: Cgroup | undefined,
  ): ContainerProcessOptions {
    return {
      ...(cgroup === undefined ? {} : { cgroup }),
      record,
      directory: containerDirectory(sandbox.directory, record.name, record.attempt),
      clock: this.#clock,
      logLimits: this.#options.logLimits ?? DEFAULT_LOG_LIMITS,
      onChange: (status) => {
        if (status.state === "exited") {
          for (const streams of this.#execs.get(status.id) ?? []) streams.close();
          this.#execs.delete(status.id);
        }
        for (const listener of this.#listeners) listener(status);
      },
      onError: (error) => this.#options.onError?.(error, `${record.podUid}/${record.name}`),
    };
  }

  #ofPod(podUid: string): ContainerProcess[] {
    return [...this.#containers.values()].filter(({ record }) => record.podUid === podUid);
  }

  #podDirectory(podUid: string): string {
    return join(this.#options.podsDirectory, podUid);
  }
}

/** A process that is just ending may still write its exit code into what is being removed. */
const removeDirectory = (path: string): Promise<void> =>
  rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });

const cgroupName = (id: string): string => id.slice("process://".length);

/** Follows from what the container is, so that starting twice is starting once. */
function containerId(config: ContainerConfig): string {
  const identity = `${config.podUid}/${config.name}/${config.attempt}`;
  return `process://${createHash("sha256").update(identity).digest("hex")}`;
}
