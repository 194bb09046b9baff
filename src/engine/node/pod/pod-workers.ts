/** One worker per pod of this node: made, fed and ended as pods come and go. */
import type { Informer } from "../../../client/informer.ts";
import type { ConfigMap } from "../../../kube/kinds/configmap.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import type { Secret } from "../../../kube/kinds/secret.ts";
import { removeLogsExcept } from "../logs/log-paths.ts";
import { ephemeralContainersOf, uidOf } from "../pod-model.ts";
import {
  isDriverKey,
  type ReferenceKey,
  type ReferenceKind,
  referenceKey,
  referencesOf,
} from "../references.ts";
import type { PodEnvironment } from "./pod-environment.ts";
import type { ContainerStatus } from "../runtime/runtime.ts";
import { type FoundPod, PodWorker } from "./pod-worker.ts";

export interface PodWorkersOptions {
  /** Only pods of this node. */
  readonly pods: Informer<Pod>;
  readonly configMaps: Informer<ConfigMap>;
  readonly secrets: Informer<Secret>;
  readonly environment: PodEnvironment;
  readonly keepPods: boolean;
}

/** What stops at once when the API knows nothing of it: nobody is left to ask for its grace period. */
const ORPHAN_GRACE_MS = 10_000;

export class PodWorkers {
  readonly #options: PodWorkersOptions;
  readonly #workers = new Map<string, PodWorker>();
  readonly #referrers = new Map<ReferenceKey, Set<string>>();
  readonly #unsubscribe: (() => void)[] = [];
  #unsubscribeRuntime: () => void = () => undefined;
  #orphans: Promise<unknown> = Promise.resolve();
  /** What is left of pods that are not in the API any more; undefined: nothing but mounts. */
  readonly #leftovers = new Map<string, FoundPod | undefined>();
  #isStopping = false;

  constructor(options: PodWorkersOptions) {
    this.#options = options;
  }

  /** Takes over what is there, from the API and on this machine. The informers must be synced. */
  async start(): Promise<void> {
    const { pods, configMaps, secrets, environment } = this.#options;
    const found = await this.#findPods();
    const inApi = new Set(pods.list().map(uidOf));
    for (const uid of [...found.keys(), ...environment.volumes.mounts.pods()])
      if (!inApi.has(uid)) this.#leftovers.set(uid, found.get(uid));
    this.#orphans = this.#stopOrphans();
    await removeLogsExcept(environment.logsDirectory, inApi);
    const onStatus = (status: ContainerStatus): void =>
      this.#workers.get(status.podUid)?.containerChanged(status);
    this.#unsubscribeRuntime = environment.runtime.onChange(onStatus);
    this.#unsubscribe.push(
      pods.onChange(({ type, object }) => {
        if (type === "DELETED") this.#workers.get(uidOf(object))?.remove();
        else this.#see(object, found.get(uidOf(object)));
      }),
      configMaps.onChange(({ object }) => this.#referenceChanged("configmap", object)),
      secrets.onChange(({ object }) => this.#referenceChanged("secret", object)),
      ...this.#followVolumes(),
    );
    found.clear();
    // What ended between the first look and the subscription.
    (await environment.runtime.listContainers()).forEach(onStatus);
  }

  async stop(maxGraceMs: number): Promise<void> {
    this.#isStopping = true;
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    const { keepPods, environment } = this.#options;
    const results = await Promise.allSettled(
      [...this.#workers.values()].map((worker) =>
        worker.stop({ keepContainers: keepPods, maxGraceMs }),
      ),
    );
    for (const result of results)
      if (result.status === "rejected")
        environment.logger.error({ err: result.reason }, "a pod could not be stopped");
    await this.#orphans;
    this.#unsubscribeRuntime();
  }

  #see(pod: Pod, found: FoundPod | undefined): void {
    if (this.#isStopping) return;
    const uid = uidOf(pod);
    const worker = this.#workers.get(uid);
    if (worker !== undefined) {
      // Nothing else that refers to anything is ever added to a pod.
      if (ephemeralContainersOf(pod).length > ephemeralContainersOf(worker.pod).length)
        this.#refer(pod);
      worker.update(pod);
      return;
    }
    const made = new PodWorker(this.#options.environment, pod, found);
    this.#workers.set(uid, made);
    this.#refer(pod);
    void made.finished.then(() => {
      this.#workers.delete(uid);
      for (const key of referencesOf(made.pod)) {
        const referrers = this.#referrers.get(key);
        referrers?.delete(uid);
        if (referrers?.size === 0) this.#referrers.delete(key);
      }
    });
    made.wake();
  }

  #refer(pod: Pod): void {
    for (const key of referencesOf(pod)) {
      const referrers = this.#referrers.get(key) ?? new Set();
      this.#referrers.set(key, referrers.add(uidOf(pod)));
    }
  }

  /** Claims, what they are bound to, and the drivers that bring it here. */
  #followVolumes(): (() => void)[] {
    const node = this.#options.environment.volumes;
    const { claims, volumes, attachments, drivers } = node;
    const ofVolume = (name: string): void => {
      const { namespace = "", name: claim = "" } = volumes.get(name)?.spec?.claimRef ?? {};
      this.#referenceChanged("persistentvolumeclaim", { metadata: { namespace, name: claim } });
    };
    return [
      claims.onChange(({ object }) => this.#referenceChanged("persistentvolumeclaim", object)),
      volumes.onChange(({ object }) => ofVolume(object.metadata.name)),
      attachments.onChange(({ object }) =>
        ofVolume(object.spec?.source?.persistentVolumeName ?? ""),
      ),
      drivers.onChange(() => {
        node.retryReleases();
        this.#orphans = this.#orphans.then(() => this.#stopOrphans());
        for (const [key, uids] of this.#referrers)
          if (isDriverKey(key)) for (const uid of uids) this.#workers.get(uid)?.referenceChanged();
      }),
    ];
  }

  #referenceChanged(
    kind: ReferenceKind,
    { metadata }: { readonly metadata: { readonly namespace?: string; readonly name: string } },
  ): void {
    const key = referenceKey(kind, metadata.namespace ?? "", metadata.name);
    for (const uid of this.#referrers.get(key) ?? []) this.#workers.get(uid)?.referenceChanged();
  }

  async #findPods(): Promise<Map<string, FoundPod>> {
    const { runtime } = this.#options.environment;
    const runs = await runtime.listContainers();
    const found = new Map<string, FoundPod>();
    for (const sandbox of await runtime.listSandboxes())
      found.set(sandbox.podUid, {
        sandbox,
        runs: runs.filter(({ podUid }) => podUid === sandbox.podUid),
      });
    return found;
  }

  async #stopOrphans(): Promise<void> {
    await Promise.all([...this.#leftovers].map(([uid, pod]) => this.#stopOrphan(uid, pod)));
  }

  /** What fails is tried again when a driver comes that may have been missing, or by the next agent. */
  async #stopOrphan(uid: string, pod: FoundPod | undefined): Promise<void> {
    const { runtime, volumes, logger } = this.#options.environment;
    logger.info({ podUid: uid }, "stopping a pod that is not in the API any more");
    try {
      await Promise.all(
        (pod?.runs ?? []).map(({ id }) => runtime.stopContainer(id, { graceMs: ORPHAN_GRACE_MS })),
      );
      await volumes.release(uid, pod?.sandbox.directory, () => undefined);
      await runtime.removeSandbox(uid);
      this.#leftovers.delete(uid);
    } catch (error) {
      logger.error({ err: error, podUid: uid }, "an orphaned pod could not be stopped");
    }
  }
}
