/**
 * Brings one pod to where its object wants it, and tells the API how it stands. Level-triggered
 * and serial: whatever happens only wakes the worker, which then looks at everything anew.
 */
import type { PodStatus } from "kubernetes-types/core/v1";
import { isConditionTrue } from "../../../kube/conditions.ts";
import { deepEqual } from "../../../kube/equality.ts";
import { type Pod, pods } from "../../../kube/kinds/pod.ts";
import { isStatus } from "../../../kube/status-error.ts";
import {
  allContainersOf,
  type Container,
  describePod,
  ephemeralContainersOf,
  namespaceOf,
  specOf,
  uidOf,
} from "../pod-model.ts";
import type { ContainerStatus, Sandbox } from "../runtime/runtime.ts";
import { endedRun } from "../status/ended-run.ts";
import { podStatus } from "../status/pod-status.ts";
import { statusPatch } from "../status/status-patch.ts";
import { PodVolumes } from "../volumes/pod-volumes.ts";
import { VolumeError } from "../volumes/volume-error.ts";
import { ContainerRunner } from "./container-runner.ts";
import { UNSEEN, type ViewOf } from "./container-view.ts";
import { isOverruled } from "./overruled-readiness.ts";
import type { PodEnvironment } from "./pod-environment.ts";
import { containersToStart, ephemeralToStart, finalPhase } from "./pod-plan.ts";
import { removePodData } from "./pod-removal.ts";
import { announcePorts, sandboxConfig } from "./pod-sandbox.ts";
import { addressesOf, effectiveGraceMs, holdBudgetMs, stopPod } from "./pod-termination.ts";
import { RoutedState } from "./routed-state.ts";
import { WakeTimer } from "./wake-timer.ts";

/** After a failure that nothing announces the end of: a volume, the API. */
const RETRY_MS = 1_000;

/** What an earlier agent left of the pod on this machine. */
export interface FoundPod {
  readonly sandbox: Sandbox;
  readonly runs: readonly ContainerStatus[];
}

interface Ending {
  graceMs: number;
  /** Nothing of the pod runs any more. */
  isStopped: boolean;
  /** Ends the wait for the data plane. */
  readonly hold: AbortController;
}

export class PodWorker {
  readonly uid: string;
  /** Resolves when nothing of the pod is left on this machine and the worker has ended. */
  readonly finished: Promise<void>;
  readonly #env: PodEnvironment;
  readonly #runners: Map<string, ContainerRunner>;
  readonly #timer: WakeTimer;
  readonly #startedAtMs: number;
  #resolveFinished: () => void = () => undefined;
  #pod: Pod;
  #isRemoved = false;
  /** As written last; at first as the API has it. */
  #status: PodStatus;
  #isPublished = false;
  /** Finished, and all but the logs taken off the machine. */
  #isCleared = false;
  #sandbox: Sandbox | undefined;
  #volumes: ReadonlyMap<string, string> | undefined;
  readonly #podVolumes: PodVolumes;
  #sandboxProblem = "";
  readonly #routed: RoutedState;
  #failure: { readonly reason: string; readonly message: string } | undefined;
  /** The pod took more than it may: it ends now, whatever its grace period. */
  #isEvicted = false;
  #ending: Ending | undefined;
  #running: Promise<void> | undefined;
  #isDirty = false;
  #isClosed = false;
  /** What runs goes on without this agent. */
  #isLeft = false;

  constructor(env: PodEnvironment, pod: Pod, found?: FoundPod) {
    this.#env = env;
    this.#pod = pod;
    this.uid = uidOf(pod);
    this.#status = pod.status ?? {};
    this.#sandbox = found?.sandbox;
    this.#startedAtMs = env.clock.now();
    this.#timer = new WakeTimer(env.clock, () => this.wake());
    this.finished = new Promise((resolve) => {
      this.#resolveFinished = resolve;
    });
    this.#podVolumes = new PodVolumes({
      node: env.volumes,
      clock: env.clock,
      events: env.events,
      wake: () => this.wake(),
    });
    this.#routed = new RoutedState(env, this.#status, () => this.wake());
    this.#runners = new Map(
      [...allContainersOf(pod), ...ephemeralContainersOf(pod)].map((container) => [
        container.name,
        this.#makeRunner(container, found),
      ]),
    );
  }

  get pod(): Pod {
    return this.#pod;
  }

  /** A new state of the object. */
  update(pod: Pod): void {
    const { labels, annotations } = this.#pod.metadata;
    // The downward API shows both in files.
    if (!deepEqual([labels, annotations], [pod.metadata.labels, pod.metadata.annotations]))
      this.#podVolumes.sourcesChanged();
    // While the agent could not be heard of, its pods were declared not ready.
    if (isOverruled(pod.status, this.#status)) this.#isPublished = false;
    this.#pod = pod;
    for (const container of allContainersOf(pod))
      this.#runners.get(container.name)?.redefine(container);
    for (const container of ephemeralContainersOf(pod))
      if (!this.#runners.has(container.name))
        this.#runners.set(container.name, this.#makeRunner(container, undefined));
    this.wake();
  }

  /** The object is gone from the API, with or without the agent's doing. */
  remove(): void {
    this.#isRemoved = true;
    this.wake();
  }

  /** A ConfigMap, Secret or claim that the pod refers to has changed. */
  referenceChanged(): void {
    this.#podVolumes.sourcesChanged();
    this.wake();
  }

  containerChanged(status: ContainerStatus): void {
    void this.#runners.get(status.name)?.onRuntimeStatus(status);
  }

  wake(): void {
    if (this.#isClosed) return;
    this.#isDirty = true;
    this.#running ??= this.#run();
  }

  /** The agent stops: the containers, too, unless they are to go on. The pod itself stays in the API. */
  async stop(options: {
    readonly keepContainers: boolean;
    readonly maxGraceMs: number;
  }): Promise<void> {
    this.#isClosed = true;
    this.#isLeft = options.keepContainers;
    this.#timer.cancel();
    this.#routed.stop();
    this.#podVolumes.close();
    this.#ending?.hold.abort();
    await this.#running;
    for (const runner of this.#runners.values()) runner.close();
    if (options.keepContainers || this.#sandbox === undefined) return;
    const graceMs = Math.min(effectiveGraceMs(this.#pod, this.#isRemoved), options.maxGraceMs);
    await stopPod(this.#pod, this.#runners, graceMs);
    await this.#publish(false);
  }

  async #run(): Promise<void> {
    // After the current turn: several events of one moment are one look.
    await Promise.resolve();
    while (this.#isDirty && !this.#isClosed) {
      this.#isDirty = false;
      try {
        await this.#sync();
      } catch (error) {
        // A volume that is stuck is told in Events, once for each try.
        if (!(error instanceof VolumeError))
          this.#env.logger.warn(
            { err: error, pod: describePod(this.#pod) },
            "pod sync failed, trying again",
          );
        this.#timer.wakeAfter(RETRY_MS);
      }
    }
    this.#running = undefined;
  }

  async #sync(): Promise<void> {
    if (this.#pod.metadata.deletionTimestamp !== undefined || this.#isRemoved || this.#isOver)
      return this.#end();
    if (this.#isEvicted || this.#deadlinePassed()) return this.#end();
    if (finalPhase(this.#pod, this.#viewOf) !== undefined) return this.#end();
    if (await this.#prepare()) await this.#carryOut();
    if (this.#isEvicted) return this.#end();
    await this.#publish(false);
  }

  /** Sandbox and volumes; false while something is missing, which `mountProblem` then names. */
  async #prepare(): Promise<boolean> {
    const { runtime, client, events } = this.#env;
    try {
      if (this.#sandbox === undefined || this.#volumes === undefined) {
        const dns = await this.#env.resolverFor?.(this.#pod);
        this.#sandbox = await runtime.ensureSandbox(sandboxConfig(this.#pod, dns));
        await announcePorts(client, this.#pod, this.#sandbox);
      }
    } catch (error) {
      if (isStatus(error, "NotFound", "Conflict")) return false;
      const message = (error as Error).message;
      if (message !== this.#sandboxProblem)
        events.record(this.#pod, "Warning", "FailedCreatePodSandBox", message);
      this.#sandboxProblem = message;
      this.#timer.wakeAfter(RETRY_MS);
      return false;
    }
    const { paths, lookAgainAfterMs, eviction } = await this.#podVolumes.look({
      pod: this.#pod,
      podDirectory: this.#sandbox.directory,
      data: this.#env.dataFor(this.#pod),
      facts: { ...this.#env, podIP: this.#sandbox.podIP },
    });
    this.#volumes = paths ?? this.#volumes;
    if (lookAgainAfterMs !== undefined) this.#timer.wakeAfter(lookAgainAfterMs);
    if (eviction !== undefined) {
      events.record(this.#pod, "Warning", "Evicted", eviction);
      this.#failure = { reason: "Evicted", message: eviction };
      this.#isEvicted = true;
      return false;
    }
    // A pod that runs goes on with the volumes it has, whatever became of their sources.
    return this.#volumes !== undefined;
  }

  async #carryOut(): Promise<void> {
    const sandbox = this.#sandbox;
    const volumes = this.#volumes;
    if (sandbox === undefined || volumes === undefined) return;
    for (const { name } of ephemeralToStart(this.#pod, this.#viewOf))
      await this.#runners.get(name)?.start({ pod: this.#pod, sandbox, volumes });
    for (const { name } of containersToStart(this.#pod, this.#viewOf)) {
      const runner = this.#runners.get(name);
      await runner?.start({ pod: this.#pod, sandbox, volumes });
      // The next one waits for this one's postStart hook.
      if (runner?.view.isStarting === true) break;
    }
  }

  /** Terminal phases never go back, and nothing in such a status changes any more. */
  get #isOver(): boolean {
    return this.#status.phase === "Succeeded" || this.#status.phase === "Failed";
  }

  #deadlinePassed(): boolean {
    const { activeDeadlineSeconds } = specOf(this.#pod);
    const since = this.#status.startTime;
    if (activeDeadlineSeconds === undefined || since === undefined) return false;
    const leftMs = Date.parse(since) + activeDeadlineSeconds * 1000 - this.#env.clock.now();
    if (leftMs > 0) {
      this.#timer.wakeAfter(leftMs);
      return false;
    }
    this.#failure = {
      reason: "DeadlineExceeded",
      message: "Pod was active on the node longer than the specified deadline",
    };
    return true;
  }

  /** The pod is to run no more: deleted, removed, or finished by itself or its deadline. */
  async #end(): Promise<void> {
    const graceMs = this.#isEvicted ? 0 : effectiveGraceMs(this.#pod, this.#isRemoved);
    this.#ending ??= this.#beginEnding(graceMs);
    if (graceMs < this.#ending.graceMs) {
      this.#ending.graceMs = graceMs;
      this.#ending.hold.abort();
      // What fails here fails the stop that is under way, which reports it.
      for (const runner of this.#runners.values()) runner.stop(graceMs).catch(() => undefined);
    }
    const { isStopped } = this.#ending;
    if (!this.#isRemoved) await this.#publish(isStopped);
    if (isStopped) await this.#finish();
  }

  #beginEnding(graceMs: number): Ending {
    const ending: Ending = { graceMs, isStopped: false, hold: new AbortController() };
    this.#routed.stop();
    this.#stopContainers(ending).then(
      () => {
        ending.isStopped = true;
        this.wake();
      },
      (error: unknown) => {
        const pod = describePod(this.#pod);
        this.#env.logger.error({ err: error, pod }, "pod cannot be stopped, trying again");
        this.#ending = undefined;
        this.#timer.wakeAfter(RETRY_MS);
      },
    );
    return ending;
  }

  async #stopContainers({ graceMs, hold }: Ending): Promise<void> {
    const isDeletion = this.#pod.metadata.deletionTimestamp !== undefined || this.#isRemoved;
    const { clock, routes } = this.#env;
    const startMs = clock.now();
    if (isDeletion && this.#sandbox !== undefined)
      await routes.withdrawn(this.#pod, addressesOf(this.#sandbox), {
        timeoutMs: holdBudgetMs(this.#pod, graceMs),
        signal: hold.signal,
        wasReady: isConditionTrue(this.#status.conditions, "Ready"),
      });
    // Requests may still be on their way to it: the next agent waits for them and then ends the pod.
    if (this.#isLeft) return;
    const leftMs = Math.max(0, startMs + graceMs - clock.now());
    await stopPod(this.#pod, this.#runners, leftMs);
  }

  /** Everything is told; what is left on the machine goes, and last the object itself. */
  async #finish(): Promise<void> {
    const isGone = this.#pod.metadata.deletionTimestamp !== undefined || this.#isRemoved;
    if (!isGone && this.#isCleared) return;
    await removePodData(this.#env, this.#pod, this.#sandbox, { keepLogs: !isGone });
    this.#isCleared = true;
    if (!isGone) return;
    if (!this.#isRemoved) await this.#deleteObject();
    this.#isClosed = true;
    this.#timer.cancel();
    for (const runner of this.#runners.values()) runner.close();
    this.#resolveFinished();
  }

  async #deleteObject(): Promise<void> {
    const key = { namespace: namespaceOf(this.#pod), name: this.#pod.metadata.name };
    const preconditions = { uid: this.uid };
    try {
      await this.#env.client.delete(pods, key, { gracePeriodSeconds: 0, preconditions });
    } catch (error) {
      if (!isStatus(error, "NotFound", "Conflict")) throw error;
    }
  }

  /** Writes the status when it differs from the one written last. */
  async #publish(isStopped: boolean): Promise<void> {
    if (this.#isOver) return;
    const unrouted = this.#computeStatus(isStopped);
    this.#routed.follow(this.#pod, isConditionTrue(unrouted.conditions, "Ready"));
    const next = this.#computeStatus(isStopped);
    if (this.#isPublished && deepEqual(next, this.#status)) return;
    const key = { namespace: namespaceOf(this.#pod), name: this.#pod.metadata.name };
    const patch = statusPatch(this.uid, this.#status, next);
    try {
      await this.#env.client.patch(pods, key, patch, {
        subresource: "status",
        fieldManager: "kubelet",
      });
    } catch (error) {
      // Deleted for good, or a namesake: the informer will say so.
      if (!isStatus(error, "NotFound", "Conflict")) throw error;
    }
    this.#status = next;
    this.#isPublished = true;
  }

  #computeStatus(isStopped: boolean): PodStatus {
    const { clock, hostIP } = this.#env;
    return podStatus({
      pod: this.#pod,
      previous: this.#status,
      viewOf: this.#viewOf,
      hostIP,
      ...(this.#podIP() === undefined ? {} : { podIP: this.#podIP() ?? "" }),
      startedAtMs: this.#startedAtMs,
      nowMs: clock.now(),
      isStopped,
      ...(this.#failure === undefined || !isStopped ? {} : { failure: this.#failure }),
      ...(this.#routed.value === undefined ? {} : { isRouted: this.#routed.value }),
    });
  }

  #podIP(): string | undefined {
    return this.#sandbox?.podIP ?? this.#status.podIP;
  }

  readonly #viewOf: ViewOf = (name) => this.#runners.get(name)?.view ?? UNSEEN;

  #makeRunner(container: Container, found: FoundPod | undefined): ContainerRunner {
    const { name } = container;
    const statuses = [
      ...(this.#status.initContainerStatuses ?? []),
      ...(this.#status.containerStatuses ?? []),
    ];
    const last = statuses.find((status) => status.name === name);
    const ephemeral = this.#status.ephemeralContainerStatuses?.find((one) => one.name === name);
    const known = found?.runs.filter((run) => run.name === name) ?? [];
    // Whatever became of it: an ephemeral container runs once.
    const runs = known.length > 0 ? known : endedRun(this.uid, ephemeral);
    const isSame = runs.some(({ id }) => id === last?.containerID);
    const hasRun = last?.containerID !== undefined;
    const wake = (afterMs?: number): void => {
      if (afterMs === undefined) this.wake();
      else this.#timer.wakeAfter(afterMs);
    };
    return new ContainerRunner(this.#env, this.#pod, container, wake, {
      runs,
      ...(found === undefined ? {} : { sandbox: found.sandbox }),
      ...(hasRun ? { lastAttempt: last.restartCount } : {}),
      isStarted: isSame && last?.started === true,
      isReady: isSame && last?.ready === true,
    });
  }
}
