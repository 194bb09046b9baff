/**
 * The operator: watches Applications, their repositories and everything they manage, and
 * reconciles an Application whenever one of these changed.
 */
import type { Client } from "../client/client.ts";
import type { Clock } from "../client/clock.ts";
import { createEventRecorder } from "../client/event-recorder.ts";
import { Informer } from "../client/informer.ts";
import type { Logger } from "../client/logger.ts";
import { type ControllerMetrics, runController } from "../client/reconciler.ts";
import { WorkQueue } from "../client/work-queue.ts";
import { type Application, applications } from "../kube/kinds/application.ts";
import { DEFAULT_PROJECT, projects } from "../kube/kinds/project.ts";
import { keyOf } from "../kube/object.ts";
import type { ManifestSource } from "./application-manifests.ts";
import { ApplicationReconciler } from "./application-reconciler.ts";
import { dependencyKeys, mattersToDependents } from "./gates/dependencies.ts";
import { GateKeeper } from "./gates/gate-keeper.ts";
import { LiveHealth } from "./health/live-health.ts";
import { sha256 } from "./plan/desired.ts";
import { Claims } from "./plan/claims.ts";
import { ManagedObjects } from "./plan/managed-objects.ts";
import { trackingLabel } from "./plan/tracking.ts";
import { PolicyKeeper } from "./policy/policy-keeper.ts";
import { repositoriesOf } from "./plan-application.ts";
import { Announcer } from "./report/announce.ts";
import { type ChangeAuthors, nobodyKnown } from "./report/drift.ts";
import { ApplicationWriter } from "./report/application-writer.ts";
import type { StageObserver } from "./report/stage-metrics.ts";

/**
 * Applications worked on at once. Each mostly waits for the API server, be it far away or waiting
 * for its disk: writes that come together are made durable together.
 */
const WORKERS = 32;

const BY_DEPENDENCY = "application/by-dependency";

const projectOf = ({ spec }: Application): string => spec.project ?? DEFAULT_PROJECT;

export interface OperatorOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly manifests: ManifestSource;
  readonly pollIntervalMs: number;
  readonly metrics?: ControllerMetrics;
  readonly observer?: StageObserver;
  /** Who is behind a change; where an audit log is at hand. */
  readonly authors?: ChangeAuthors;
}
export interface Operator {
  /** Looks at these Applications again, repository included. Unknown keys are ignored. */
  refresh(keys: Iterable<string>, sinceMs?: number): void;
  /** The Applications as last seen, by `namespace/name`. */
  readonly applications: Informer<Application>;
  /** What Projects and Policies say of Applications. */
  readonly policy: PolicyKeeper;
  /** Applications that wait for a worker. */
  readonly waiting: number;
  stop(): Promise<void>;
}

export async function startOperator(options: OperatorOptions): Promise<Operator> {
  const { client, clock, logger, manifests, pollIntervalMs, metrics } = options;
  const abort = new AbortController();
  const queue = new WorkQueue({ clock, backoff: { initialMs: 50, maxMs: 60_000 } });
  const informer = new Informer(client, applications, { clock, logger });
  const projectInformer = new Informer(client, projects, { clock, logger });
  const keyOfLabel = new Map<string, string>();
  const again = (label: string): string | undefined => {
    const key = keyOfLabel.get(label);
    if (key !== undefined) queue.add(key);
    return key;
  };
  const live = new ManagedObjects({
    client,
    clock,
    logger,
    onChange: (label) => void again(label),
  });
  const recorder = createEventRecorder({
    client,
    component: "gantry",
    clock,
    logger,
    signal: abort.signal,
  });
  const claims = new Claims({
    wake: (label) => void again(label),
    released: (label) => {
      const key = again(label);
      if (key !== undefined) reconciler.giveNewChance(key);
    },
    refresh: (label) => {
      const key = again(label);
      if (key !== undefined) reconciler.markStale(key);
    },
    hasLookedSince: (label, sinceMs) =>
      reconciler.hasLookedSince(keyOfLabel.get(label) ?? "", sinceMs),
  });
  const lookAtAll = (): void => {
    for (const application of informer.list()) queue.add(keyOf(application));
  };
  const health = new LiveHealth({
    client,
    clock,
    logger,
    onRules: lookAtAll,
    onTrouble: (key) => queue.add(key),
  });
  const policy = new PolicyKeeper({
    client,
    clock,
    logger,
    projectOf: (name) => projectInformer.get(name),
    onPolicies: lookAtAll,
  });
  const reconciler: ApplicationReconciler = new ApplicationReconciler({
    client,
    clock,
    source: manifests,
    live,
    writer: new ApplicationWriter(client, clock),
    announcer: new Announcer(recorder, logger, options.observer),
    claims,
    authors: options.authors ?? nobodyKnown,
    gates: new GateKeeper({
      clock,
      source: manifests,
      applicationOf: (key) => informer.get(key),
      onBehind: (key) => {
        reconciler.markStale(key);
        queue.add(key);
      },
      projectWindowsOf: (application) =>
        projectInformer.get(projectOf(application))?.spec.syncWindows ?? [],
    }),
    applicationOf: (key) => informer.get(key),
    health,
    policy,
    pollIntervalMs,
    ...(options.observer === undefined ? {} : { observer: options.observer }),
  });
  informer.addIndex(BY_DEPENDENCY, dependencyKeys);
  informer.onChange(({ type, object, previous }) => {
    const key = keyOf(object);
    const label = trackingLabel(key, sha256);
    if (type === "DELETED") {
      keyOfLabel.delete(label);
      claims.disappeared(label);
    } else {
      keyOfLabel.set(label, key);
      claims.appeared(label, repositoriesOf(object));
    }
    queue.add(key);
    const dependents = informer.byIndex(BY_DEPENDENCY, key);
    if (dependents.length === 0) return;
    if (mattersToDependents(previous, type === "DELETED" ? undefined : object))
      for (const dependent of dependents) queue.add(keyOf(dependent));
  });
  projectInformer.onChange(({ object }) => {
    for (const application of informer.list())
      if (projectOf(application) === object.metadata.name) queue.add(keyOf(application));
  });
  const watching = Promise.all([informer.run(abort.signal), projectInformer.run(abort.signal)]);
  const [judging, checking] = await Promise.all([
    health.start(abort.signal),
    policy.start(abort.signal),
    informer.synced,
    projectInformer.synced,
  ]);
  const controller = runController({
    name: "application",
    queue,
    workers: WORKERS,
    clock,
    logger,
    ...(metrics === undefined ? {} : { metrics }),
    reconcile: (key, signal) => reconciler.reconcile(key, signal),
  });
  return {
    applications: informer,
    policy,
    get waiting() {
      return queue.length;
    },
    refresh(keys, sinceMs) {
      for (const key of keys) {
        reconciler.markStale(key, sinceMs);
        queue.add(key);
      }
    },
    async stop() {
      await controller.stop();
      abort.abort(new Error("the operator was stopped"));
      await Promise.all([watching, judging.ended, checking.ended]);
      await live.stop();
      await recorder.flush();
    },
  };
}
