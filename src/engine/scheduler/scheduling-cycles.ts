/** What is done with one pod from the queue: choose, then bind or preempt, and report. */
import type { Client } from "../../client/client.ts";
import type { Clock } from "../../client/clock.ts";
import { createEventRecorder, type EventRecorder } from "../../client/event-recorder.ts";
import type { Logger } from "../../client/logger.ts";
import type { Pod } from "../../kube/kinds/pod.ts";
import type { PodDisruptionBudget } from "../../kube/kinds/poddisruptionbudget.ts";
import { keyOf } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import { bindPod } from "./binding/bind-pod.ts";
import { bindVolumes } from "./binding/bind-volumes.ts";
import type { ClusterState } from "./cluster-state.ts";
import { FailureEvents } from "./failure-events.ts";
import { fitMessage } from "./fit-message.ts";
import type { Cycle } from "./framework.ts";
import type { NodeState } from "./node-state.ts";
import { type Diagnosis, pickNode, type Plugins } from "./pick-node.ts";
import { budgetOf } from "./preemption/disruption-budgets.ts";
import { evictVictims } from "./preemption/evict-victims.ts";
import { findVictims, type Preemption } from "./preemption/find-victims.ts";
import { pluginsOf } from "./profile-plugins.ts";
import { DEFAULT_SCHEDULER, type SchedulerProfile } from "./scheduler-profile.ts";
import type { ClusterEvent } from "./queue/cluster-event.ts";
import type { QueuedPod, SchedulingQueue } from "./queue/scheduling-queue.ts";
import { type Failure, reportFailure } from "./report-failure.ts";
import { claimState } from "./volumes/claim-state.ts";
import { isRejection, planVolumes, type VolumePlan } from "./volumes/plan-volumes.ts";
import type { InformedVolumeCatalog } from "./volumes/volume-catalog.ts";
import type { WorkloadSelectors } from "./workload-selectors.ts";

export interface CyclesOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly profiles: readonly SchedulerProfile[];
  readonly signal: AbortSignal;
  readonly cluster: ClusterState;
  readonly queue: SchedulingQueue;
  readonly catalog: InformedVolumeCatalog;
  readonly selectors: WorkloadSelectors;
  readonly budgets: () => readonly PodDisruptionBudget[];
}
interface Profile extends SchedulerProfile {
  readonly plugins: Plugins;
  readonly events: EventRecorder;
  readonly failures: FailureEvents;
}
interface NoFit {
  readonly rejectedBy: readonly string[];
  readonly message: string;
}
/** Why pods of a kind did not fit, as long as nothing has changed. */
interface KnownFailures {
  version: number;
  readonly bySignature: Map<string, NoFit>;
}

/** Writes under way: enough to keep the store's group commit busy, few enough to fail early. */
const MAX_WRITES = 256;
/** Kinds of pods that fit nowhere, remembered until something changes. */
const MAX_KNOWN_FAILURES = 1_000;
const NO_VOLUMES: VolumePlan = { toBind: [], toProvision: [] };

export class SchedulingCycles {
  readonly #options: CyclesOptions;
  readonly #profiles: ReadonlyMap<string, Profile>;
  readonly #writes = new Set<Promise<void>>();
  /** Pods whose volumes are waited for: they hold up nobody else. */
  readonly #waiting = new Set<Promise<void>>();
  readonly #binding = new Map<string, AbortController>();
  readonly #known: KnownFailures = { version: -1, bySignature: new Map() };
  #nextStart = 0;

  constructor(options: CyclesOptions) {
    this.#options = options;
    const { catalog, selectors, client, clock, logger, signal } = options;
    this.#profiles = new Map(
      options.profiles.map((profile) => {
        const component = profile.schedulerName;
        const events = createEventRecorder({ client, component, clock, logger, signal });
        const plugins = pluginsOf(profile, catalog, selectors);
        return [component, { ...profile, plugins, events, failures: new FailureEvents(events) }];
      }),
    );
  }

  /** Pods of schedulers with other names are others' business. */
  isOwn(pod: Pod): boolean {
    return this.#profiles.has(pod.spec?.schedulerName ?? DEFAULT_SCHEDULER);
  }

  /** Resolves when another write may be begun. */
  async hasRoom(): Promise<void> {
    while (this.#writes.size >= MAX_WRITES) await Promise.race(this.#writes);
  }

  /** The pod has a node or is gone: nobody waits for its volumes any more, or for why it had none. */
  abandon(uid: string): void {
    this.#binding.get(uid)?.abort(new Error("the pod is gone"));
    for (const { failures } of this.#profiles.values()) failures.forget(uid);
  }

  /** Resolves once all that was begun is done; what waits for volumes is given up. */
  async settle(): Promise<void> {
    for (const each of this.#binding.values()) each.abort(new Error("the scheduler stops"));
    while (this.#writes.size + this.#waiting.size > 0)
      await Promise.all([...this.#writes, ...this.#waiting]);
    const profiles = [...this.#profiles.values()];
    await Promise.all(profiles.map(({ failures }) => failures.stop()));
    await Promise.all(profiles.map(({ events }) => events.flush()));
  }

  mayHelp(queued: QueuedPod, event: ClusterEvent, names: readonly string[]): boolean {
    const cycle = this.#cycleOf(queued);
    const { filters } = this.#profileOf(queued.pod).plugins;
    return filters.some((plugin) => names.includes(plugin.name) && plugin.mayHelp(event, cycle));
  }

  schedule(queued: QueuedPod): void {
    const { cluster, random } = this.#options;
    const profile = this.#profileOf(queued.pod);
    const cycle = this.#cycleOf(queued);
    const known = this.#knownFailure(queued);
    if (known !== undefined) {
      this.#fail(queued, profile, known);
      return;
    }
    const { percentageOfNodesToScore = 0 } = profile;
    const search = { start: this.#nextStart, random, percentageOfNodesToScore };
    const choice = pickNode(profile.plugins, cycle, search);
    if ("diagnosis" in choice) {
      this.#preempt(queued, profile, cycle, choice.diagnosis);
      return;
    }
    this.#nextStart = choice.next;
    cluster.nominations.delete(queued.uid);
    const placed = cluster.place(queued.pod, choice.node.name, queued.info);
    this.#options.queue.tell({ type: "pod placed", pod: placed });
    this.#bind(queued, profile, choice.node);
  }

  /** Something is wrong with the scheduler itself: said where it is looked for, and tried again. */
  giveUp(queued: QueuedPod, error: Error): void {
    const { queue, client, clock, logger } = this.#options;
    const { pod } = queued;
    const { schedulerName, failures } = this.#profileOf(pod);
    logger.error({ err: error, pod: keyOf(pod) }, "a pod could not be scheduled");
    queue.retry(queued);
    const message = `the scheduler failed: ${error.message}`;
    failures.tell(pod, message);
    const failure = { reason: "SchedulerError", message };
    this.#write(reportFailure(client, schedulerName, pod, failure, clock.now()));
  }

  #cycleOf({ uid, info }: QueuedPod): Cycle {
    return { uid, info, cluster: this.#options.cluster };
  }

  #profileOf(pod: Pod): Profile {
    const name = pod.spec?.schedulerName ?? DEFAULT_SCHEDULER;
    const profile = this.#profiles.get(name);
    if (profile === undefined) throw new Error(`a pod of scheduler ${name} is in the queue`);
    return profile;
  }

  #knownFailure({ info, uid }: QueuedPod): NoFit | undefined {
    const { cluster } = this.#options;
    if (this.#known.version !== cluster.version) {
      this.#known.version = cluster.version;
      this.#known.bySignature.clear();
    }
    // Who has a nomination is looked at with care.
    if (cluster.nominations.get(uid) !== undefined || this.#known.bySignature.size === 0)
      return undefined;
    return this.#known.bySignature.get(info.signature);
  }

  #preempt(queued: QueuedPod, profile: Profile, cycle: Cycle, diagnosis: Diagnosis): void {
    const { cluster, random, budgets } = this.#options;
    const { filters } = profile.plugins;
    const preemption = findVictims(cycle, diagnosis, {
      filters,
      budgets: budgets().map(budgetOf),
      random,
    });
    const explanation = preemption.kind === "victims" ? "" : preemption.message;
    const noFit: NoFit = {
      message: fitMessage(diagnosis, explanation),
      rejectedBy: rejectedBy(diagnosis) ?? filters.map(({ name }) => name),
    };
    const wasNominated = cluster.nominations.get(queued.uid) !== undefined;
    switch (preemption.kind) {
      case "victims":
        this.#nominate(queued, preemption, profile);
        this.#fail(queued, profile, noFit, preemption.node.name);
        return;
      case "waiting":
        this.#fail(queued, profile, noFit);
        return;
      case "none": {
        const { bySignature } = this.#known;
        if (!wasNominated && bySignature.size < MAX_KNOWN_FAILURES)
          bySignature.set(queued.info.signature, noFit);
        // Nobody makes room for it any more, so no place is kept.
        if (cluster.nominations.delete(queued.uid)) this.#fail(queued, profile, noFit, "");
        else this.#fail(queued, profile, noFit);
      }
    }
  }

  #nominate(
    { pod, info }: QueuedPod,
    { node, victims }: Extract<Preemption, { kind: "victims" }>,
    profile: Profile,
  ): void {
    const { cluster, client, clock } = this.#options;
    const { schedulerName, events } = profile;
    // Less important ones that wait for room there find another place sooner.
    for (const other of cluster.nominations.below(node.name, info.priority)) {
      cluster.nominations.delete(other.pod.metadata.uid ?? "");
      this.#write(this.#clearNomination(other.pod));
    }
    cluster.nominations.set(pod, info, node.name);
    for (const { uid } of victims) cluster.setTerminating(uid, true);
    const context = { client, clock, events, schedulerName, preemptor: pod };
    this.#write(
      evictVictims(victims, context).catch((error: unknown) => {
        for (const { uid } of victims) cluster.setTerminating(uid, false);
        throw error;
      }),
    );
  }

  async #clearNomination(pod: Pod): Promise<void> {
    const { client, clock } = this.#options;
    const condition = pod.status?.conditions?.find(({ type }) => type === "PodScheduled");
    const { reason = "Unschedulable", message = "" } = condition ?? {};
    const failure: Failure = { reason, message, nominatedNodeName: "" };
    await reportFailure(client, this.#profileOf(pod).schedulerName, pod, failure, clock.now());
  }

  #fail(
    queued: QueuedPod,
    { schedulerName, failures }: Profile,
    { rejectedBy: plugins, message }: NoFit,
    nominatedNodeName?: string,
  ): void {
    const { queue, client, clock } = this.#options;
    queue.rest(queued, plugins);
    const { pod } = queued;
    failures.tell(pod, message);
    const failure: Failure = {
      reason: "Unschedulable",
      message,
      ...(nominatedNodeName === undefined ? {} : { nominatedNodeName }),
    };
    this.#write(reportFailure(client, schedulerName, pod, failure, clock.now()));
  }

  #bind(queued: QueuedPod, profile: Profile, node: NodeState): void {
    const { catalog } = this.#options;
    const plan = this.#planVolumes(queued, node);
    for (const { volume, key } of plan.toBind) catalog.promise(volume.metadata.name, key);
    const needsVolumes = plan.toBind.length + plan.toProvision.length > 0;
    const work = this.#bindWith(plan, queued, profile, node).finally(() => {
      for (const { volume } of plan.toBind) catalog.forgetPromise(volume.metadata.name);
    });
    if (needsVolumes) this.#track(this.#waiting, work);
    else this.#write(work);
  }

  /** As it was when the filter found that the node would do: nothing has happened in between. */
  #planVolumes({ info }: QueuedPod, node: NodeState): VolumePlan {
    if (info.claims.length === 0) return NO_VOLUMES;
    const { catalog, cluster } = this.#options;
    const claims = info.claims.map((key) => claimState(key, catalog));
    const plan = planVolumes(claims, node, catalog, (name) => cluster.has(name));
    return isRejection(plan) ? NO_VOLUMES : plan;
  }

  async #bindWith(
    plan: VolumePlan,
    queued: QueuedPod,
    { events }: Profile,
    { name: nodeName }: NodeState,
  ): Promise<void> {
    const { client, clock, catalog, cluster, queue } = this.#options;
    const { pod, uid } = queued;
    const giveBack = (): void => {
      const gone = cluster.free(uid, nodeName);
      if (gone !== undefined) queue.tell({ type: "pod gone", pod: gone });
    };
    const giveUp = (error: unknown): void => {
      giveBack();
      if (!queue.has(uid)) return;
      queue.retry(queued);
      const message = `binding rejected: ${(error as Error).message}`;
      events.record(pod, "Warning", "FailedScheduling", message);
    };
    const abort = new AbortController();
    this.#binding.set(uid, abort);
    try {
      await bindVolumes(plan, nodeName, { client, clock, catalog, signal: abort.signal });
    } catch (error) {
      giveUp(error);
      return;
    } finally {
      this.#binding.delete(uid);
    }
    try {
      await bindPod(client, pod, nodeName);
    } catch (error) {
      // Gone or bound by somebody else: the watch says which.
      if (isStatus(error, "NotFound", "Conflict")) giveBack();
      else giveUp(error);
      return;
    }
    queue.remove(uid);
    const message = `Successfully assigned ${keyOf(pod)} to ${nodeName}`;
    events.record(pod, "Normal", "Scheduled", message);
  }

  #write(work: Promise<void>): void {
    this.#track(this.#writes, work);
  }

  /** Keeps the promise until it settles; what it does must not fail the scheduler. */
  #track(set: Set<Promise<void>>, work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) =>
        this.#options.logger.warn({ err: error }, "the scheduler could not write to the API"),
      )
      .finally(() => set.delete(tracked));
    set.add(tracked);
  }
}

/** The plug-ins that kept the pod off some node; undefined when there is no node. */
function rejectedBy({ byNode, everywhere }: Diagnosis): readonly string[] | undefined {
  if (everywhere !== undefined) return [everywhere.plugin];
  return byNode.size === 0
    ? undefined
    : [...new Set([...byNode.values()].map(({ plugin }) => plugin))];
}
