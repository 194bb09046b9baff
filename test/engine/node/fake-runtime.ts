/**
 * A runtime without processes: containers run until a test says otherwise, time is the test's.
 * Passes the conformance suite, so that pod workers are tested against something true.
 */
import { appendFile, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Clock } from "../../../src/client/clock.ts";
import {
  type ContainerConfig,
  type ContainerStats,
  type ContainerStatus,
  type ExecResult,
  type Runtime,
  RuntimeError,
  type Sandbox,
  type SandboxConfig,
} from "../../../src/engine/node/runtime/runtime.ts";

interface FakeContainer {
  readonly config: ContainerConfig;
  status: ContainerStatus;
}
export interface ExecCall {
  readonly container: string;
  readonly command: readonly string[];
}

export class FakeRuntime implements Runtime {
  readonly name = "fake";
  readonly version = "1";
  /** What happened, in order: `start web 0`, `SIGTERM web`, `exit web 143`. */
  readonly journal: string[] = [];
  /** Answers commands that are no {@link PROGRAMS}. */
  onExec: (call: ExecCall) => ExecResult | Promise<ExecResult> = () => OK;
  /** Makes starts fail. */
  startProblem: RuntimeError | undefined;
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #sandboxes = new Map<string, Sandbox>();
  readonly #containers = new Map<string, FakeContainer>();
  readonly #listeners = new Set<(status: ContainerStatus) => void>();
  #nextPort = 40_000;

  constructor(directory: string, clock: Clock) {
    this.#directory = directory;
    this.#clock = clock;
  }

  /** The configuration of a container's newest run. */
  configOf(name: string): ContainerConfig {
    return this.#newest(name).config;
  }
  isRunning(name: string): boolean {
    return [...this.#containers.values()].some(
      ({ config, status }) => config.name === name && status.state === "running",
    );
  }
  /** The container ends by itself. */
  async exit(name: string, exitCode: number): Promise<void> {
    await this.#exit(this.#newest(name), { exitCode });
  }

  /** The container and all that was known of it is lost, as by a crash of the machine. */
  async forget(name: string): Promise<void> {
    this.#containers.delete(this.#newest(name).status.id);
  }

  async ensureSandbox(config: SandboxConfig): Promise<Sandbox> {
    const existing = this.#sandboxes.get(config.podUid);
    if (existing !== undefined) return existing;
    const directory = join(this.#directory, config.podUid);
    const portMap = new Map(
      config.ports.map(({ containerPort }) => [containerPort, this.#nextPort++]),
    );
    const sandbox = { podUid: config.podUid, podIP: "127.0.0.1", portMap, directory };
    this.#sandboxes.set(config.podUid, sandbox);
    await mkdir(directory, { recursive: true });
    return sandbox;
  }

  async removeSandbox(podUid: string): Promise<void> {
    for (const [id, container] of this.#containers)
      if (container.config.podUid === podUid) {
        await this.#exit(container, KILLED);
        this.#containers.delete(id);
      }
    this.#sandboxes.delete(podUid);
    await rm(join(this.#directory, podUid), { recursive: true, force: true });
  }

  async listSandboxes(): Promise<readonly Sandbox[]> {
    return [...this.#sandboxes.values()];
  }

  async listContainers(podUid?: string): Promise<readonly ContainerStatus[]> {
    return [...this.#containers.values()]
      .map(({ status }) => status)
      .filter((status) => podUid === undefined || status.podUid === podUid);
  }

  async startContainer(config: ContainerConfig): Promise<ContainerStatus> {
    if (!this.#sandboxes.has(config.podUid))
      throw new RuntimeError("CreateContainerError", `pod ${config.podUid} has no sandbox`);
    if (this.startProblem !== undefined) throw this.startProblem;
    const { podUid, name, attempt } = config;
    const id = `fake://${podUid}/${name}/${attempt}`;
    const existing = this.#containers.get(id);
    if (existing !== undefined) return existing.status;
    this.journal.push(`start ${name} ${attempt}`);
    const status: ContainerStatus = {
      id,
      podUid,
      name,
      attempt,
      state: "running",
      pid: 1,
      startedAtMs: this.#clock.now(),
    };
    const container = { config, status };
    this.#containers.set(id, container);
    await mkdir(dirname(config.logPath), { recursive: true });
    await appendFile(config.logPath, "2026-01-01T00:00:00.000000000Z stdout F started\n");
    this.#emit(status);
    const [program, ...args] = config.command;
    if (program === "exit") await this.#exit(container, { exitCode: Number(args[0]) });
    if (program === "print") {
      const time = new Date(this.#clock.now()).toISOString();
      await writeFile(config.logPath, `${time} stdout F ${args[0]}\n${time} stderr F ${args[1]}\n`);
      await this.#exit(container, { exitCode: 0 });
    }
    return container.status;
  }

  async stopContainer(
    id: string,
    options: { readonly graceMs: number; readonly signal?: string },
  ): Promise<void> {
    const container = this.#containers.get(id);
    if (container === undefined || container.status.state === "exited") return;
    const { name, command } = container.config;
    if (options.graceMs > 0) {
      this.journal.push(`${options.signal ?? "SIGTERM"} ${name}`);
      if (command[0] !== "stubborn") {
        await this.#exit(container, { exitCode: 143, signal: 15 });
        return;
      }
      await new Promise<void>((resolve) => {
        this.#clock.after(options.graceMs, resolve);
        this.onChange((status) => status.id === id && status.state === "exited" && resolve());
      });
    }
    await this.#exit(container, KILLED);
  }

  async removeContainer(id: string): Promise<void> {
    const container = this.#containers.get(id);
    if (container === undefined) return;
    await this.#exit(container, KILLED);
    this.#containers.delete(id);
  }

  async exec(
    id: string,
    command: readonly string[],
    options: { readonly timeoutMs: number; readonly maxOutputBytes: number },
  ): Promise<ExecResult> {
    const container = this.#containers.get(id);
    if (container === undefined) throw new Error(`no container ${id}`);
    const [program, argument = ""] = command;
    const { env, name } = container.config;
    if (program === "serve") throw new Error("command timed out");
    if (program === "exit") return { exitCode: Number(argument), output: Buffer.alloc(0) };
    if (program === "print-variable") {
      const output = Buffer.from(env.get(argument) ?? "").subarray(0, options.maxOutputBytes);
      return { exitCode: 0, output };
    }
    this.journal.push(`exec ${name} ${command.join(" ")}`);
    return this.onExec({ container: name, command });
  }

  async streamExec(): Promise<never> {
    throw new RuntimeError("CreateContainerError", "a fake container has no processes");
  }
  async attach(): Promise<never> {
    throw new RuntimeError("CreateContainerError", "a fake container has no processes");
  }

  async stats(): Promise<ContainerStats | undefined> {
    return { cpuNanoseconds: 0n, memoryBytes: 0 };
  }

  onChange(listener: (status: ContainerStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#listeners.clear();
  }

  #newest(name: string): FakeContainer {
    const runs = [...this.#containers.values()].filter(({ config }) => config.name === name);
    const [newest] = runs.sort((a, b) => b.config.attempt - a.config.attempt);
    if (newest === undefined) throw new Error(`no container ${name}`);
    return newest;
  }

  async #exit(
    container: FakeContainer,
    end: { readonly exitCode: number; readonly signal?: number },
  ): Promise<void> {
    if (container.status.state === "exited") return;
    const { pid: _, ...status } = container.status;
    container.status = { ...status, state: "exited", finishedAtMs: this.#clock.now(), ...end };
    this.journal.push(`exit ${status.name} ${end.exitCode}`);
    this.#emit(container.status);
  }

  #emit(status: ContainerStatus): void {
    for (const listener of this.#listeners) listener(status);
  }
}

const KILLED = { exitCode: 137, signal: 9 };
export const OK: ExecResult = { exitCode: 0, output: Buffer.alloc(0) };
export const NOT_OK: ExecResult = { exitCode: 1, output: Buffer.from("not well") };
