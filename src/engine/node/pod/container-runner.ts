/**
 * One container of one pod over all its runs: starts it when told to, probes it, stops it, and
 * says how it stands. Decides nothing: that is the plan's.
 */
import type { Probe } from "kubernetes-types/core/v1";
import type { Pod } from "../../../kube/kinds/pod.ts";
import { MissingReferenceError } from "../env/missing-reference.ts";
import { containerLog } from "../logs/log-paths.ts";
import { removeLog } from "../logs/rotated-log.ts";
import { type Container, describePod, specOf } from "../pod-model.ts";
import type { AttemptContext } from "../probes/attempt.ts";
import { type ContainerStatus, RuntimeError, type Sandbox } from "../runtime/runtime.ts";
import { containerConfig } from "./container-config.ts";
import { ContainerProbes } from "./container-probes.ts";
import type { ContainerView, Waiting } from "./container-view.ts";
import { runHook } from "./lifecycle-hook.ts";
import type { PodEnvironment } from "./pod-environment.ts";
import { RestartBackoff } from "./restart-backoff.ts";
import { readTerminationMessage } from "./termination-message.ts";

/** How long after a failed creation the next try comes: the machine may have been mended. */
const RETRY_CREATION_MS = 10_000;
/** A postStart hook has no limit of its own upstream; one that takes longer will not end. */
const MAX_POST_START_MS = 600_000;
/** What remains for SIGTERM when preStop took all of the grace period, as upstream. */
const MIN_STOP_MS = 2_000;

export interface ContainerSetup {
  readonly pod: Pod;
  readonly sandbox: Sandbox;
  /** Host path of each volume. */
  readonly volumes: ReadonlyMap<string, string>;
}
export interface StopOptions {
  /** For the Event. */
  readonly why?: string;
  /** What it outlives: SIGTERM waits for it, as long as the grace period lasts. */
  readonly turn?: Promise<unknown>;
}
export interface KnownRuns {
  /** Runs that the runtime still knows, in any order. */
  readonly runs: readonly ContainerStatus[];
  readonly sandbox?: Sandbox;
  /** The restart count last published, when the container ran before. */
  readonly lastAttempt?: number;
  readonly isStarted: boolean;
  readonly isReady: boolean;
}

export class ContainerRunner {
  #container: Container;
  readonly #env: PodEnvironment;
  readonly #backoff = new RestartBackoff();
  readonly #wake: (afterMs?: number) => void;
  #pod: Pod;
  #sandbox: Sandbox | undefined;
  #current: ContainerStatus | undefined;
  #previous: ContainerStatus | undefined;
  #message: string | undefined;
  #previousMessage: string | undefined;
  #waiting: Waiting | undefined;
  #retryAtMs = 0;
  #nextAttempt: number;
  #isStarting = false;
  #probes: ContainerProbes | undefined;
  #stopping: { readonly ended: Promise<void>; deadlineMs: number } | undefined;

  /** `wake` makes the pod's worker look again, now or later. */
  constructor(
    env: PodEnvironment,
    pod: Pod,
    container: Container,
    wake: (afterMs?: number) => void,
    known: KnownRuns,
  ) {
    this.#env = env;
    this.#pod = pod;
    this.#container = container;
    this.#wake = wake;
    this.#sandbox = known.sandbox;
    const runs = [...known.runs].sort((a, b) => b.attempt - a.attempt);
    [this.#current, this.#previous] = runs;
    this.#nextAttempt = (this.#current?.attempt ?? known.lastAttempt ?? -1) + 1;
    if (this.#current?.state === "running") this.#startProbes(known);
  }

  get view(): ContainerView {
    const isUp = this.#current?.state === "running" && !this.#isStarting;
    return {
      ...(this.#current === undefined ? {} : { current: this.#current }),
      ...(this.#previous === undefined ? {} : { previous: this.#previous }),
      ...(this.#waiting === undefined ? {} : { waiting: this.#waiting }),
      ...(this.#message === undefined ? {} : { message: this.#message }),
      ...(this.#previousMessage === undefined ? {} : { previousMessage: this.#previousMessage }),
      isStarting: this.#isStarting,
      isStarted: isUp && (this.#probes?.isStarted ?? false),
      isReady: isUp && (this.#probes?.isReady ?? false),
    };
  }
  get isRunning(): boolean {
    return this.#current !== undefined && this.#current.state !== "exited";
  }

  /** Starts the next run, unless back-off says to wait. What goes wrong shows in `view.waiting`. */
  async start(setup: ContainerSetup): Promise<void> {
    const { clock, events } = this.#env;
    this.#pod = setup.pod;
    this.#sandbox = setup.sandbox;
    if (this.#mustWait()) return;
    const { name } = this.#container;
    const attempt = this.#nextAttempt;
    try {
      const { config, skipped } = await containerConfig({
        ...setup,
        container: this.#container,
        attempt,
        logPath: this.#logPath(attempt),
        env: this.#env,
      });
      for (const text of skipped)
        events.record(setup.pod, "Warning", "InvalidEnvironmentVariableNames", text);
      const status = await this.#env.runtime.startContainer(config);
      if (this.#current !== undefined) this.#backoff.restarted(name, clock.now());
      await this.#enter(status);
      events.record(setup.pod, "Normal", "Created", `Created container: ${name}`);
      events.record(setup.pod, "Normal", "Started", `Started container ${name}`);
    } catch (error) {
      this.#refuse(error);
      return;
    }
    // It may have ended before this run was ours to hear of it.
    await this.#catchUp();
    if (!this.isRunning) return;
    if (this.#container.lifecycle?.postStart !== undefined) {
      this.#isStarting = true;
      void this.#postStart();
    } else this.#startProbes();
  }

  /** The runtime says that a run changed. */
  async onRuntimeStatus(status: ContainerStatus): Promise<void> {
    if (status.state !== "exited" || status.attempt !== this.#current?.attempt) return;
    if (this.#current.state === "exited") return;
    this.#probes?.stop();
    const message =
      this.#sandbox === undefined
        ? ""
        : await readTerminationMessage(
            this.#sandbox.directory,
            this.#container,
            status,
            this.#logPath(status.attempt),
          ).catch(() => "");
    this.#current = status;
    this.#message = message;
    this.#isStarting = false;
    this.#wake();
  }

  /**
   * preStop, SIGTERM, and SIGKILL at the end of the grace period. Called again with an earlier end
   * it hurries. Resolves when the container has ended.
   */
  async stop(graceMs: number, options: StopOptions = {}): Promise<void> {
    if (this.#current === undefined || !this.isRunning) return;
    const { clock, runtime, events } = this.#env;
    const deadlineMs = clock.now() + graceMs;
    if (this.#stopping !== undefined) {
      if (deadlineMs < this.#stopping.deadlineMs) {
        this.#stopping.deadlineMs = deadlineMs;
        await runtime.stopContainer(this.#current.id, { graceMs });
      }
      return this.#stopping.ended;
    }
    const { why = `Stopping container ${this.#container.name}`, turn } = options;
    events.record(this.#pod, "Normal", "Killing", why);
    this.#probes?.keepReadinessOnly();
    const ended = this.#stop(this.#current.id, graceMs, turn).finally(() => {
      this.#stopping = undefined;
    });
    this.#stopping = { ended, deadlineMs };
    return ended;
  }

  close(): void {
    this.#probes?.stop();
  }

  /** The pod's spec says something else of the container now: another image means another run. */
  redefine(container: Container): void {
    const isOther = container.image !== this.#container.image;
    this.#container = container;
    if (!isOther || !this.isRunning) return;
    const why = `Container ${container.name} definition changed, will be restarted`;
    void this.#kill(this.#podGraceMs(), why);
  }

  /** True when it is too early for the next run; `waiting` then says why. */
  #mustWait(): boolean {
    const { clock, events } = this.#env;
    const { name } = this.#container;
    const nowMs = clock.now();
    if (nowMs < this.#retryAtMs) {
      this.#wake(this.#retryAtMs - nowMs);
      return true;
    }
    if (this.#current === undefined) return false;
    const waitMs = this.#backoff.remainingMs(name, this.#current.finishedAtMs ?? nowMs, nowMs);
    if (waitMs === 0) return false;
    this.#wake(waitMs);
    if (this.#waiting?.reason === "CrashLoopBackOff") return true;
    const seconds = this.#backoff.delayMs(name) / 1000;
    const where = describePod(this.#pod);
    this.#waiting = {
      reason: "CrashLoopBackOff",
      message: `back-off ${formatSeconds(seconds)} restarting failed container=${name} pod=${where}`,
    };
    const message = `Back-off restarting failed container ${name} in pod ${where}`;
    events.record(this.#pod, "Warning", "BackOff", message);
    return true;
  }

  /** A new run takes over; of the older ones the last is kept for `--previous`. */
  async #enter(status: ContainerStatus): Promise<void> {
    const obsolete = this.#previous;
    this.#previous = this.#current;
    this.#previousMessage = this.#message;
    this.#current = status;
    this.#message = undefined;
    this.#waiting = undefined;
    this.#probes?.stop();
    this.#probes = undefined;
    this.#nextAttempt = status.attempt + 1;
    if (obsolete === undefined) return;
    await this.#env.runtime.removeContainer(obsolete.id);
    await removeLog(this.#logPath(obsolete.attempt));
  }

  #refuse(error: unknown): void {
    const { clock, events } = this.#env;
    const message = (error as Error).message;
    // What is missing is watched: no clock needed for the next try.
    if (error instanceof MissingReferenceError)
      this.#waiting = { reason: "CreateContainerConfigError", message };
    else {
      const reason = error instanceof RuntimeError ? error.reason : "CreateContainerError";
      this.#waiting = { reason, message };
      this.#retryAtMs = clock.now() + RETRY_CREATION_MS;
      this.#wake(RETRY_CREATION_MS);
    }
    events.record(this.#pod, "Warning", "Failed", `Error: ${message}`);
  }

  async #postStart(): Promise<void> {
    const run = this.#current;
    const handler = this.#container.lifecycle?.postStart;
    const context = this.#attemptContext();
    if (handler === undefined || context === undefined) return;
    const outcome = await runHook(
      handler,
      { ...context, clock: this.#env.clock },
      MAX_POST_START_MS,
    );
    if (this.#current !== run || !this.isRunning) return;
    this.#isStarting = false;
    if (outcome.success) this.#startProbes();
    else {
      const { name } = this.#container;
      const message = `PostStartHook failed: ${outcome.message}`;
      this.#env.events.record(this.#pod, "Warning", "FailedPostStartHook", message);
      const why = `FailedPostStartHook: container ${name} will be killed`;
      void this.#kill(this.#podGraceMs(), why);
    }
    this.#wake();
  }

  #startProbes(known?: KnownRuns): void {
    const context = this.#attemptContext();
    if (context === undefined) return;
    const { events, clock } = this.#env;
    const { name } = this.#container;
    this.#probes = new ContainerProbes({
      container: this.#container,
      context,
      clock,
      startedAtMs: this.#current?.startedAtMs ?? clock.now(),
      ...(known === undefined ? {} : { known }),
      onChange: () => this.#wake(),
      onUnhealthy: (type, probe) => {
        const why = `Container ${name} failed ${type} probe, will be restarted`;
        void this.#kill(this.#probeGraceMs(probe), why);
      },
      onFailure: (type, message) => {
        const kind = `${type.charAt(0).toUpperCase()}${type.slice(1)}`;
        const text = `${kind} probe failed: ${message}`;
        events.record(this.#pod, "Warning", "Unhealthy", text);
      },
    });
  }

  async #kill(graceMs: number, why: string): Promise<void> {
    try {
      await this.stop(graceMs, { why });
    } catch (error) {
      this.#env.logger.error(
        { err: error, pod: describePod(this.#pod), container: this.#container.name },
        "container cannot be stopped",
      );
    }
  }

  async #stop(id: string, graceMs: number, turn: Promise<unknown> | undefined): Promise<void> {
    const { clock, runtime, events } = this.#env;
    const startMs = clock.now();
    const handler = this.#container.lifecycle?.preStop;
    const context = this.#attemptContext();
    if (handler !== undefined && context !== undefined && graceMs > 0) {
      const { name } = this.#container;
      const outcome = await this.#unlessEnded(
        runHook(handler, { ...context, clock }, graceMs),
        graceMs,
      );
      if (outcome?.success === false) {
        const message = `PreStopHook failed: ${outcome.message}`;
        events.record(this.#pod, "Warning", "FailedPreStopHook", `${name}: ${message}`);
      }
    }
    const deadlineMs = this.#stopping?.deadlineMs ?? startMs + graceMs;
    if (turn !== undefined) await this.#unlessEnded(turn, Math.max(0, deadlineMs - clock.now()));
    const shortest = Math.min(graceMs, MIN_STOP_MS);
    await runtime.stopContainer(id, { graceMs: Math.max(shortest, deadlineMs - clock.now()) });
    await this.#catchUp();
  }

  async #catchUp(): Promise<void> {
    const runs = await this.#env.runtime.listContainers(this.#current?.podUid);
    const status = runs.find(({ id }) => id === this.#current?.id);
    if (status !== undefined) await this.onRuntimeStatus(status);
  }

  /** The outcome; undefined when time is up first. */
  #unlessEnded<T>(hook: Promise<T>, timeoutMs: number): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const cancel = this.#env.clock.after(timeoutMs, () => resolve(undefined));
      hook.then((outcome) => {
        cancel();
        resolve(outcome);
      }, reject);
    });
  }

  #attemptContext(): AttemptContext | undefined {
    if (this.#current === undefined || this.#sandbox === undefined) return undefined;
    const { podIP, portMap } = this.#sandbox;
    const container = this.#container;
    return { runtime: this.#env.runtime, containerId: this.#current.id, container, podIP, portMap };
  }

  #podGraceMs(): number {
    return (specOf(this.#pod).terminationGracePeriodSeconds ?? 30) * 1000;
  }
  #probeGraceMs(probe: Probe): number {
    const seconds = probe.terminationGracePeriodSeconds;
    return seconds === undefined ? this.#podGraceMs() : seconds * 1000;
  }
  #logPath(attempt: number): string {
    return containerLog(this.#env.logsDirectory, this.#pod, this.#container.name, attempt);
  }
}

/** `1m20s`, as Go writes durations. */
function formatSeconds(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  return minutes === 0 ? `${seconds}s` : `${minutes}m${seconds % 60}s`;
}
