/**
 * Judges live objects with all there is to know: the rules of users, the pods of workloads, storage
 * classes. Keeps these current by watch, and tells when an Application must be looked at again.
 */
import type { Pod } from "kubernetes-types/core/v1";
import type { StorageClass } from "kubernetes-types/storage/v1";
import type { Client } from "../../client/client.ts";
import type { Clock } from "../../client/clock.ts";
import { Informer } from "../../client/informer.ts";
import type { Logger } from "../../client/logger.ts";
import type { Application } from "../../kube/kinds/application.ts";
import { configMaps } from "../../kube/kinds/configmap.ts";
import { healthChecks } from "../../kube/kinds/healthcheck.ts";
import { pods } from "../../kube/kinds/pod.ts";
import { type ReplicaSet, replicaSets } from "../../kube/kinds/replicaset.ts";
import { type KubeObject, keyOf, type Live, parseApiVersion } from "../../kube/object.ts";
import {
  isArgoConfig,
  ofArgoConfig,
  ofHealthCheck,
  type RuleDefinition,
} from "./custom/rule-definition.ts";
import { type RuleProblem, RuleSet } from "./custom/rule-set.ts";
import type { Health } from "./health.ts";
import type { CustomHealthRules } from "./health-context.ts";
import { podTrouble, UNSCHEDULABLE_AFTER_MS, unschedulableSinceMs } from "./pod-trouble.ts";
import { healthOf } from "./rules.ts";

const BY_CONTROLLER = "gitops/by-controller";
const DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class";
/** `spec.healthChecks` of Applications, compiled: the same in all of a fleet, or few. */
const MAX_RULE_SETS = 1000;

export type Judge = (object: KubeObject) => Health | undefined;

export interface LiveHealthOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The rules of users changed: everything may be judged anew. */
  readonly onRules: () => void;
  /** Pods of a workload of this Application got into trouble, or out of it. */
  readonly onTrouble: (applicationKey: string) => void;
}

export class LiveHealth {
  readonly #options: LiveHealthOptions;
  readonly #checks: Informer<import("../../kube/kinds/healthcheck.ts").HealthCheck>;
  readonly #configs: Informer<import("../../kube/kinds/configmap.ts").ConfigMap>;
  readonly #pods: Informer<Live<Pod>>;
  readonly #replicaSets: Informer<ReplicaSet>;
  #classes: Informer<Live<StorageClass>> | undefined;
  #rules: RuleSet | undefined;
  #compiling: Promise<void> = Promise.resolve();
  readonly #ownRules = new Map<
    string,
    { readonly on: RuleSet | undefined; readonly set: RuleSet }
  >();
  /** Workloads that are waited for, by uid: whose Application they belong to. */
  readonly #waiting = new Map<string, string>();
  readonly #waitingOf = new Map<string, Set<string>>();
  /** By Application: how not to be woken. */
  readonly #wakeUps = new Map<string, () => void>();
  #isStopped = false;

  constructor(options: LiveHealthOptions) {
    this.#options = options;
    const { client, clock, logger } = options;
    const shared = { clock, logger };
    this.#checks = new Informer(client, healthChecks, shared);
    const labelSelector = "app.kubernetes.io/part-of=argocd";
    this.#configs = new Informer(client, configMaps, { ...shared, labelSelector });
    this.#pods = new Informer(client, pods, shared);
    this.#replicaSets = new Informer(client, replicaSets, shared);
    this.#pods.addIndex(BY_CONTROLLER, controllersOf);
    this.#replicaSets.addIndex(BY_CONTROLLER, controllersOf);
    this.#checks.onChange(() => this.#recompile());
    this.#configs.onChange(({ object }) => {
      if (isArgoConfig(object)) this.#recompile();
    });
    this.#pods.onChange(({ object, previous }) => this.#podChanged(object, previous));
  }

  /** Definitions that cannot be used, with why. */
  get problems(): readonly RuleProblem[] {
    return this.#rules?.problems ?? [];
  }

  /** Resolves once everything is known, with what ends when `signal` aborts. */
  async start(signal: AbortSignal): Promise<{ readonly ended: Promise<unknown> }> {
    const { client, clock, logger } = this.#options;
    const informers: Informer<never>[] = [
      this.#checks,
      this.#configs,
      this.#pods,
      this.#replicaSets,
    ] as never[];
    // The embedded engine may not have any.
    const resource = await client.resourceFor("storage.k8s.io/v1", "StorageClass");
    if (resource !== undefined) {
      this.#classes = new Informer(client, resource, { clock, logger }) as never;
      informers.push(this.#classes as never);
    }
    signal.addEventListener("abort", () => {
      this.#isStopped = true;
      for (const cancel of this.#wakeUps.values()) cancel();
      this.#wakeUps.clear();
    });
    const ended = Promise.all(informers.map((informer) => informer.run(signal)));
    await Promise.all(informers.map((informer) => informer.synced));
    await this.#compiling;
    return { ended };
  }

  /** How this Application's objects are judged now. */
  async judgeOf(application: Application): Promise<Judge> {
    const custom = await this.#rulesFor(application);
    const key = keyOf(application);
    // What is still waited for is found again by the look that this is for.
    this.#stopWaiting(key);
    const context = {
      ...(custom === undefined ? {} : { custom }),
      podsOf: (workload: KubeObject) => this.#podsOf(workload, key),
      storageClassOf: (name: string | undefined) => this.#storageClass(name),
      nowMs: this.#options.clock.now(),
    };
    return (object) => healthOf(object, context);
  }

  forget(applicationKey: string): void {
    this.#stopWaiting(applicationKey);
    this.#wakeUps.get(applicationKey)?.();
    this.#wakeUps.delete(applicationKey);
  }

  #stopWaiting(applicationKey: string): void {
    for (const uid of this.#waitingOf.get(applicationKey) ?? []) this.#waiting.delete(uid);
    this.#waitingOf.delete(applicationKey);
  }

  #wait(uid: string, applicationKey: string): void {
    this.#waiting.set(uid, applicationKey);
    const uids = this.#waitingOf.get(applicationKey);
    if (uids === undefined) this.#waitingOf.set(applicationKey, new Set([uid]));
    else uids.add(uid);
  }

  #recompile(): void {
    const compile = async (): Promise<void> => {
      const definitions: RuleDefinition[] = [
        ...this.#checks.list().map(ofHealthCheck),
        ...this.#configs.list().filter(isArgoConfig).flatMap(ofArgoConfig),
      ];
      const rules = definitions.length === 0 ? undefined : await RuleSet.compile(definitions);
      this.#rules = rules;
      for (const { name, message } of rules?.problems ?? [])
        this.#options.logger.warn({ rule: name, problem: message }, "a health rule cannot be used");
      this.#ownRules.clear();
      if (!this.#isStopped) this.#options.onRules();
    };
    // One after the other: the last one sees everything.
    this.#compiling = this.#compiling.then(compile, compile);
  }

  async #rulesFor({ spec, metadata }: Application): Promise<CustomHealthRules | undefined> {
    const own = spec.healthChecks ?? [];
    if (own.length === 0) return this.#rules;
    const id = JSON.stringify(own);
    const known = this.#ownRules.get(id);
    if (known !== undefined && known.on === this.#rules) return known.set;
    const definitions = own.map(({ apiVersion, kind, current, inProgress, failed }, index) => ({
      name: `spec.healthChecks[${index}] of ${metadata.name}`,
      group: parseApiVersion(apiVersion).group,
      kind,
      cel: {
        current,
        ...(inProgress === undefined ? {} : { inProgress }),
        ...(failed === undefined ? {} : { failed }),
      },
    }));
    const on = this.#rules;
    const set = await RuleSet.compile(definitions, on);
    if (this.#ownRules.size >= MAX_RULE_SETS) this.#ownRules.clear();
    this.#ownRules.set(id, { on, set });
    return set;
  }

  /** The pods of the newest revision; remembers who waits for them. */
  #podsOf(workload: KubeObject, applicationKey: string): readonly Live<Pod>[] {
    const { uid } = workload.metadata;
    if (uid === undefined) return [];
    this.#wait(uid, applicationKey);
    const found = this.#pods.byIndex(BY_CONTROLLER, this.#podOwner(workload, uid));
    this.#wakeWhenStuck(found, applicationKey);
    const revision = (workload as { status?: { updateRevision?: string } }).status?.updateRevision;
    if (workload.kind !== "StatefulSet" || revision === undefined) return found;
    return found.filter(
      ({ metadata }) => metadata.labels?.["controller-revision-hash"] === revision,
    );
  }

  /** Whose pods count: of a Deployment those of its newest ReplicaSet. */
  #podOwner(workload: KubeObject, uid: string): string {
    if (workload.kind !== "Deployment") return uid;
    let newest: ReplicaSet | undefined;
    for (const set of this.#replicaSets.byIndex(BY_CONTROLLER, uid))
      if (newest === undefined || revisionOf(set) > revisionOf(newest)) newest = set;
    return newest?.metadata.uid ?? uid;
  }

  /** A pod that fits no node changes no more: time alone makes it stuck. */
  #wakeWhenStuck(found: readonly Live<Pod>[], applicationKey: string): void {
    const { clock, onTrouble } = this.#options;
    if (this.#isStopped || this.#wakeUps.has(applicationKey)) return;
    const nowMs = clock.now();
    const dueMs = found
      .map(({ status }) => (unschedulableSinceMs(status) ?? -Infinity) + UNSCHEDULABLE_AFTER_MS)
      .filter((atMs) => atMs > nowMs);
    if (dueMs.length === 0) return;
    const wake = (): void => {
      this.#wakeUps.delete(applicationKey);
      onTrouble(applicationKey);
    };
    this.#wakeUps.set(applicationKey, clock.after(Math.min(...dueMs) - nowMs, wake));
  }

  #podChanged(pod: Live<Pod>, previous: Live<Pod> | undefined): void {
    const before = previous === undefined ? undefined : troubleOf(previous);
    if (troubleOf(pod) === before) return;
    for (const uid of controllersOf(pod)) {
      const key = this.#waiting.get(uid) ?? this.#waiting.get(this.#deploymentOf(pod, uid) ?? "");
      if (key !== undefined) this.#options.onTrouble(key);
    }
  }

  #deploymentOf({ metadata }: Live<Pod>, setUid: string): string | undefined {
    const owner = metadata.ownerReferences?.find(({ uid }) => uid === setUid);
    if (owner?.kind !== "ReplicaSet") return undefined;
    const set = this.#replicaSets.get(`${metadata.namespace ?? ""}/${owner.name}`);
    return set === undefined ? undefined : controllersOf(set)[0];
  }

  #storageClass(name: string | undefined): Live<StorageClass> | undefined {
    if (name !== undefined) return this.#classes?.get(name);
    return this.#classes
      ?.list()
      .find(({ metadata }) => metadata.annotations?.[DEFAULT_CLASS] === "true");
  }
}

function controllersOf({ metadata }: KubeObject): string[] {
  const controller = metadata.ownerReferences?.find((owner) => owner.controller === true);
  return controller === undefined ? [] : [controller.uid];
}

/** What makes a difference to its workload. */
function troubleOf(pod: Live<Pod>): string {
  const since = unschedulableSinceMs(pod.status);
  return `${podTrouble(pod)?.message ?? ""}/${since ?? ""}`;
}

const REVISION = "deployment.kubernetes.io/revision";
const revisionOf = ({ metadata }: KubeObject): number =>
  Number(metadata.annotations?.[REVISION] ?? 0);
