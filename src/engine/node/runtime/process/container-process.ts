/**
 * One run of one container: from its launch, or its being found again after a restart of the
 * agent, to its end. Holds what must be released with it: the watch on its files and the log pump.
 */
import type { ChildProcess } from "node:child_process";
import { type FSWatcher, watch } from "node:fs";
import { chown, mkdir, open, rm, stat, writeFile } from "node:fs/promises";
import { Readable } from "node:stream";
import type { Clock } from "../../../../client/clock.ts";
import type { ContainerStreams } from "../../../apiserver/node-connection.ts";
import type { LogStream } from "../../logs/cri-line.ts";
import type { LogLimits } from "../../logs/rotated-log.ts";
import { type ContainerStatus, RuntimeError } from "../runtime.ts";
import { followRaw } from "./attached-output.ts";
import type { Cgroup } from "./cgroups.ts";
import type { ContainerDirectory } from "./container-directory.ts";
import { type ContainerRecord, writeRecord } from "./container-record.ts";
import { openInput } from "./container-input.ts";
import { readExit } from "./exit-code.ts";
import { type LaunchPlan, launch } from "./launch.ts";
import { LogPump } from "./log-pump.ts";
import { bootId, isAlive, type ProcessIdentity, readIdentity, signal } from "./process-identity.ts";
import { processUser } from "./spawn-in-container.ts";
import type { Terminals } from "./terminal.ts";
import { TerminalSizes } from "./terminal-sizes.ts";

/** How often a process that is not our child is looked at; its exit file usually tells sooner. */
const LIVENESS_PERIOD_MS = 1_000;
/** How often output is looked for where the platform has no file events left to give. */
const OUTPUT_POLL_MS = 250;
/** The shell writes the main process's identity within milliseconds; beyond this the machine is stuck. */
const START_TIMEOUT_MS = 10_000;
/** After SIGKILL only the kernel is in the way. */
const KILL_TIMEOUT_MS = 10_000;
/** What a container is started with, besides what its record and directory say. */
type Command = Pick<LaunchPlan, "argv" | "cwd" | "env" | "user" | "files" | "terminals">;

const KILLED = { exitCode: 137, signal: 9 };

export interface ContainerProcessOptions {
  readonly record: ContainerRecord;
  readonly directory: ContainerDirectory;
  /** Enforces limits, where it can be had. */
  readonly cgroup?: Cgroup;
  readonly clock: Clock;
  readonly logLimits: LogLimits;
  readonly onChange: (status: ContainerStatus) => void;
  /** Trouble that does not end the container: its log cannot be written, its files not watched. */
  readonly onError: (error: unknown) => void;
}

export class ContainerProcess {
  readonly record: ContainerRecord;
  /** Resolves when the process has ended and its log is complete. */
  readonly exited: Promise<void>;
  readonly #options: ContainerProcessOptions;
  #resolveExited: () => void = () => undefined;
  #status: ContainerStatus;
  #wrapper: ProcessIdentity | undefined;
  #main: ProcessIdentity | undefined;
  #pump: LogPump | undefined;
  #watcher: FSWatcher | undefined;
  #cancelTimer: () => void = () => undefined;
  #onMain: () => void = () => undefined;
  #launched = false;
  #killed = false;
  #finalizing: Promise<void> | undefined;
  #closed = false;
  /** Who follows the raw output. */
  readonly #followers = new Set<() => void>();
  /** Nobody has seen the output of an interactive container yet. */
  #isUnseen = false;

  private constructor(options: ContainerProcessOptions) {
    const { record } = options;
    this.#options = options;
    this.record = record;
    this.exited = new Promise((resolve) => {
      this.#resolveExited = resolve;
    });
    this.#status = {
      id: record.id,
      podUid: record.podUid,
      name: record.name,
      attempt: record.attempt,
      state: "created",
      startedAtMs: record.startedAtMs,
    };
  }

  get status(): ContainerStatus {
    return this.#status;
  }
  /** Of the process group, for statistics. */
  get group(): number | undefined {
    return this.record.tty === true ? this.#main?.pid : this.#wrapper?.pid;
  }

  /** Throws `RuntimeError` when the process could not be started. */
  static async start(
    options: ContainerProcessOptions,
    command: Command,
  ): Promise<ContainerProcess> {
    const container = new ContainerProcess(options);
    await container.#start(command);
    return container;
  }

  /** A container of an earlier agent, running or ended. */
  static async adopt(options: ContainerProcessOptions): Promise<ContainerProcess> {
    const container = new ContainerProcess(options);
    await container.#adopt();
    return container;
  }

  /** See `Runtime.stopContainer`. */
  async stop(options: { readonly graceMs: number; readonly signal?: string }): Promise<void> {
    if (this.#status.state === "exited") return;
    if (options.graceMs > 0) {
      await this.#signalMain((options.signal ?? "SIGTERM") as NodeJS.Signals);
      if (await this.#exitsWithin(options.graceMs)) return;
    }
    this.#killed = true;
    await this.#killGroup();
    if (!(await this.#exitsWithin(KILL_TIMEOUT_MS)))
      throw new Error(
        `process ${this.#main?.pid} of container ${this.record.name} does not end after SIGKILL`,
      );
  }

  /**
   * Output from now on; for the first who attaches to a container with input from its start, so
   * that neither a prompt nor the output of a short command is missed.
   */
  async attach(options: {
    readonly stdin: boolean;
    readonly endsWithClient: boolean;
    readonly terminals: Terminals | undefined;
  }): Promise<ContainerStreams> {
    const { directory } = this.#options;
    const abort = new AbortController();
    const fromStart = this.#isUnseen;
    this.#isUnseen = false;
    const stdout = await this.#follow("stdout", fromStart, abort.signal);
    // A terminal has one output.
    const stderr =
      this.record.tty === true ? undefined : await this.#follow("stderr", fromStart, abort.signal);
    const stdin = options.stdin ? await openInput(directory, options) : undefined;
    const { terminals } = options;
    const main = Promise.resolve(this.#main?.pid);
    const sizes = terminals === undefined ? undefined : new TerminalSizes(terminals, main);
    void this.exited.then(() => stdin?.destroy());
    return {
      ...(stdin === undefined ? {} : { stdin }),
      stdout,
      ...(stderr === undefined ? {} : { stderr }),
      ended: this.exited.then(() => undefined),
      resize: (size) => sizes?.set(size),
      close() {
        abort.abort();
        stdin?.destroy();
        stdout.destroy();
        stderr?.destroy();
      },
    };
  }

  /** Lets go of the process, which goes on; or, after its end, of nothing more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#tellFollowers();
    this.#cancelTimer();
    this.#watcher?.close();
    await this.#finalizing;
    await this.#pump?.close();
    // Where the last process was still ending when the container's end was noticed.
    if (this.#status.state === "exited") await this.#options.cgroup?.remove();
  }

  async #start(command: Command): Promise<void> {
    const { directory, record, cgroup } = this.#options;
    await rm(directory.path, { recursive: true, force: true });
    await mkdir(directory.path, { recursive: true });
    const { uid, gid } = processUser(command.user);
    if (uid !== undefined) await chown(directory.path, uid, gid ?? uid);
    await writeRecord(directory.record, record);
    if (cgroup !== undefined) await this.#offerCgroup(cgroup);
    const stdout = await open(directory.stdout, "a", 0o600);
    const stderr = await open(directory.stderr, "a", 0o600);
    try {
      await this.#observe();
      const child = launch({
        ...command,
        ...(record.stdin === undefined ? {} : { stdin: record.stdin }),
        directory,
        stdoutFd: stdout.fd,
        stderrFd: stderr.fd,
      });
      this.#launched = true;
      this.#isUnseen = record.stdin === true;
      child.unref();
      child.once("exit", () => void this.#finalize());
      await this.#untilStarted(child);
    } catch (cause) {
      await this.close();
      throw new RuntimeError(
        "RunContainerError",
        `container "${record.name}" did not start: ${(cause as Error).message}`,
        { cause },
      );
    } finally {
      await stdout.close();
      await stderr.close();
    }
    if (this.#status.state !== "exited") this.#setRunning();
  }

  async #offerCgroup({ entrances }: Cgroup): Promise<void> {
    const { directory } = this.#options;
    await writeFile(directory.cgroups, entrances.map((path) => `${path}\n`).join(""));
    const { uid, gid } = processUser(this.record.user);
    // Version 2 asks for more than this; there, only root's containers are limited.
    if (uid !== undefined) for (const path of entrances) await chown(path, uid, gid ?? uid);
  }

  /** The wrapper has become the container's process, or ended already. */
  async #untilStarted(child: ChildProcess): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const cancel = this.#options.clock.after(START_TIMEOUT_MS, () => {
        if (child.pid !== undefined) signal(-child.pid, "SIGKILL");
        reject(new Error(`not running after ${START_TIMEOUT_MS / 1000}s`));
      });
      const settle = (): void => {
        cancel();
        resolve();
      };
      this.#onMain = () => void this.#readIdentities().then((known) => known && settle());
      this.#onMain();
      void this.exited.then(settle);
      child.once("error", (error) => {
        cancel();
        reject(error);
      });
    });
    this.#onMain = () => undefined;
  }

  async #adopt(): Promise<void> {
    const { directory, record } = this.#options;
    const sameBoot = record.bootId === (await bootId());
    await this.#readIdentities();
    const alive =
      sameBoot &&
      ((this.#wrapper !== undefined && (await isAlive(this.#wrapper))) ||
        (this.#main !== undefined && (await isAlive(this.#main))));
    // Raw output of the time without an agent is still to be moved into the log, also of a dead process.
    await open(directory.stdout, "a", 0o600).then((handle) => handle.close());
    await open(directory.stderr, "a", 0o600).then((handle) => handle.close());
    await this.#observe();
    if (!alive || (await readExit(directory.exit)) !== undefined) {
      await this.#finalize();
      return;
    }
    this.#setRunning();
    this.#pump?.wake();
    this.#checkLiveness();
  }

  #setRunning(): void {
    const pid = this.#main?.pid;
    this.#status = { ...this.#status, state: "running", ...(pid === undefined ? {} : { pid }) };
    this.#options.onChange(this.#status);
  }

  async #observe(): Promise<void> {
    const { record, directory, clock, logLimits: limits, onError } = this.#options;
    this.#pump = await LogPump.open({ directory, logPath: record.logPath, limits, clock, onError });
    const onFile = (name: string | null): void => {
      if (name === "exit") void this.#onExitFile();
      else if (name === "main") this.#onMain();
      else this.#onOutput();
    };
    const fallBack = (error: unknown): void => {
      onError(error);
      this.#watcher?.close();
      this.#pollFiles();
    };
    try {
      this.#watcher = watch(directory.path, { persistent: false }, (_event, name) => onFile(name));
      this.#watcher.once("error", fallBack);
    } catch (error) {
      fallBack(error);
    }
  }

  async #follow(stream: LogStream, fromStart: boolean, signal: AbortSignal): Promise<Readable> {
    const path = this.#options.directory[stream];
    const fromBytes = fromStart ? 0 : (await stat(path)).size;
    const source = {
      path,
      freedBytes: () => this.#pump?.freedBytes(stream) ?? 0,
      hasEnded: () => this.#closed || this.#status.state === "exited",
      changed: () =>
        new Promise<void>((resolve) => {
          const settle = (): void => {
            this.#followers.delete(settle);
            signal.removeEventListener("abort", settle);
            resolve();
          };
          this.#followers.add(settle);
          signal.addEventListener("abort", settle, { once: true });
        }),
    };
    return Readable.from(followRaw(source, fromBytes, signal), { objectMode: false });
  }

  #onOutput(): void {
    this.#pump?.wake();
    this.#tellFollowers();
  }

  #tellFollowers(): void {
    for (const settle of this.#followers) settle();
  }

  #pollFiles(): void {
    const cancel = this.#options.clock.after(OUTPUT_POLL_MS, () => {
      if (this.#closed || this.#status.state === "exited") return;
      this.#onOutput();
      this.#onMain();
      void this.#onExitFile();
      this.#pollFiles();
    });
    const before = this.#cancelTimer;
    this.#cancelTimer = () => {
      before();
      cancel();
    };
  }

  #checkLiveness(): void {
    const cancel = this.#options.clock.after(LIVENESS_PERIOD_MS, () => {
      void (async () => {
        const identity = this.#wrapper ?? this.#main;
        if (this.#closed || this.#status.state === "exited") return;
        if (identity === undefined || !(await isAlive(identity))) await this.#finalize();
        else this.#checkLiveness();
      })();
    });
    this.#cancelTimer = cancel;
  }

  /** True once the main process has told who it is. */
  async #readIdentities(): Promise<boolean> {
    const { directory } = this.#options;
    this.#wrapper ??= await readIdentity(directory.wrapper, this.#launched);
    this.#main ??= await readIdentity(directory.main, this.#launched);
    return this.#main !== undefined;
  }

  async #onExitFile(): Promise<void> {
    const exit = await readExit(this.#options.directory.exit).catch(() => undefined);
    if (exit !== undefined) await this.#finalize();
  }

  /** Once: completes the log, then makes the end known. */
  #finalize(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#finalizing ??= this.#end();
    return this.#finalizing;
  }

  async #end(): Promise<void> {
    const { directory, clock, cgroup, onChange, onError } = this.#options;
    await this.#readIdentities();
    const exit = await readExit(directory.exit);
    const oomKilled = (await cgroup?.wasOomKilled()) === true;
    await cgroup?.remove();
    this.#cancelTimer();
    this.#watcher?.close();
    await this.#pump?.finish().catch(onError);
    const { pid: _pid, ...status } = this.#status;
    this.#status = {
      ...status,
      state: "exited",
      finishedAtMs: clock.now(),
      ...(exit ?? (this.#killed ? KILLED : {})),
      ...(oomKilled ? { oomKilled } : {}),
    };
    this.#tellFollowers();
    this.#resolveExited();
    onChange(this.#status);
  }

  async #signalMain(name: NodeJS.Signals): Promise<void> {
    await this.#readIdentities();
    if (this.#main !== undefined && (await isAlive(this.#main))) signal(this.#main.pid, name);
  }

  /** A group's number is not given away while it has members, so one known member is proof enough. */
  async #killGroup(): Promise<void> {
    await this.#readIdentities();
    // In a terminal the main process leads a session and group of its own.
    if (this.record.tty === true && this.#main !== undefined && (await isAlive(this.#main)))
      signal(-this.#main.pid, "SIGKILL");
    const group = this.#wrapper?.pid;
    if (group === undefined) return;
    for (const member of [this.#wrapper, this.#main])
      if (member !== undefined && (await isAlive(member))) {
        signal(-group, "SIGKILL");
        return;
      }
  }

  #exitsWithin(timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(timeoutMs, () => resolve(false));
      void this.exited.then(() => {
        cancel();
        resolve(true);
      });
    });
  }
}
