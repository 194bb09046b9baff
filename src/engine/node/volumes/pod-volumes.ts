/**
 * The volumes of one pod. Each is prepared by itself, below `<pod>/volumes/<name>` or where a driver
 * has it; a look at them brings them up to date with the objects that they are made of, renews
 * tokens, and measures what is limited. Level-triggered: the pod's worker looks whenever it likes.
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Volume } from "kubernetes-types/core/v1";
import type { Clock } from "../../../client/clock.ts";
import type { EventRecorder } from "../../../client/event-recorder.ts";
import type { PersistentVolumeClaim } from "../../../kube/kinds/persistentvolumeclaim.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import { volumeOf } from "../../storage/driver-volume.ts";
import { resizeStateOf } from "../../storage/resizing/claim-growth.ts";
import type { NodeFacts } from "../env/downward.ts";
import { MissingReferenceError, type ReferencedData } from "../env/missing-reference.ts";
import { namespaceOf, specOf } from "../pod-model.ts";
import { writeAtomically } from "./atomic-writer.ts";
import { claimedVolume, claimNameOf } from "./claimed-volume.ts";
import { directorySize } from "./directory-size.ts";
import {
  followsFsGroup,
  inlineMount,
  persistentMount,
  type PodPlace,
} from "./driver-volume-mount.ts";
import type { DriverMount } from "./driver-mounts.ts";
import { limitOf, prepareEmptyDir } from "./empty-dir.ts";
import { growOnNode } from "./grow-on-node.ts";
import { prepareHostPath } from "./host-path.ts";
import type { NodeVolumes } from "./node-volumes.ts";
import { PodTokens, type TokenOf } from "./service-account-token.ts";
import { retryDelayMs, VolumeError } from "./volume-error.ts";
import { setVolumeGroup } from "./volume-ownership.ts";
import { isWritten, tokensOf, volumePayload } from "./volume-payload.ts";

/** After three and a half seconds, attaching has become worth an Event. */
const USUAL_TRIES = 3;
/** How often drivers that ask for it are told of their volumes again, e.g. to renew what is in them. */
const REPUBLISH_INTERVAL_MS = 60_000;
/** How often what an emptyDir holds is compared with its limit, as upstream. */
const MEASURE_INTERVAL_MS = 10_000;
/** And the pause after one is as many times as long: measuring takes a twentieth of the time at most. */
const MEASURE_PAUSE = 20;

export interface PodVolumesOptions {
  readonly node: NodeVolumes;
  readonly clock: Clock;
  readonly events: EventRecorder;
  /** There is something new to look at. */
  readonly wake: () => void;
}
export interface PodState {
  readonly pod: Pod;
  readonly podDirectory: string;
  readonly data: ReferencedData;
  readonly facts: NodeFacts;
}
export interface Look {
  /** Host path of each volume, once all are there. */
  readonly paths?: ReadonlyMap<string, string>;
  /** When to look again, though nothing happens. */
  readonly lookAgainAfterMs?: number;
  /** Why the pod may not go on. */
  readonly eviction?: string;
}

interface Failure {
  readonly message: string;
  readonly count: number;
  /** Infinity: until something that it waits for changes. */
  readonly retryAtMs: number;
}

export class PodVolumes {
  readonly #options: PodVolumesOptions;
  /** In files of the pod: renewed in time. */
  readonly #tokens: PodTokens;
  /** For drivers: renewed when a driver is told of its volume again. */
  readonly #driverTokens: PodTokens;
  /** When, by volume. */
  readonly #republishAtMs = new Map<string, number>();
  readonly #paths = new Map<string, string>();
  readonly #failures = new Map<string, Failure>();
  /** Volumes whose sources may have changed since they were written. */
  readonly #stale = new Set<string>();
  readonly #abort = new AbortController();
  #measureAtMs = 0;
  #isMeasuring = false;
  #eviction: string | undefined;

  constructor(options: PodVolumesOptions) {
    this.#options = options;
    const source = { client: options.node.client, clock: options.clock };
    this.#tokens = new PodTokens(source);
    this.#driverTokens = new PodTokens(source);
  }

  /** Something that volumes are made of changed. */
  sourcesChanged(): void {
    for (const name of this.#paths.keys()) this.#stale.add(name);
    for (const [name, failure] of this.#failures)
      this.#failures.set(name, { ...failure, retryAtMs: 0 });
  }

  /** Ends a measurement that is under way. */
  close(): void {
    this.#abort.abort(new Error("the pod's volumes are not looked at any more"));
  }

  async look(state: PodState): Promise<Look> {
    const { clock } = this.#options;
    const volumes = specOf(state.pod).volumes ?? [];
    for (const [name, atMs] of this.#republishAtMs) if (atMs <= clock.now()) this.#stale.add(name);
    if (clock.now() >= (this.#tokens.renewAtMs ?? Infinity))
      for (const volume of volumes) if (tokensOf(volume).length > 0) this.#stale.add(volume.name);
    await Promise.all(
      volumes.filter((volume) => this.#isDue(volume)).map((volume) => this.#try(volume, state)),
    );
    this.#measure(volumes);
    const eviction = this.#eviction;
    const delayMs = this.#nextLookMs(volumes) - clock.now();
    return {
      // A pod that runs goes on with the volumes it has, whatever became of their sources.
      ...(volumes.every(({ name }) => this.#paths.has(name)) ? { paths: this.#paths } : {}),
      ...(Number.isFinite(delayMs) ? { lookAgainAfterMs: Math.max(0, delayMs) } : {}),
      ...(eviction === undefined ? {} : { eviction }),
    };
  }

  #isDue({ name }: Volume): boolean {
    if (this.#paths.has(name) && !this.#stale.has(name)) return false;
    return (this.#failures.get(name)?.retryAtMs ?? 0) <= this.#options.clock.now();
  }

  async #try(volume: Volume, state: PodState): Promise<void> {
    const { name } = volume;
    this.#stale.delete(name);
    try {
      const path = await this.#bring(volume, state);
      this.#paths.set(name, path);
      this.#failures.delete(name);
    } catch (error) {
      this.#stale.add(name);
      this.#fail(volume, state.pod, error as Error);
    }
  }

  #fail(volume: Volume, pod: Pod, error: Error): void {
    const { clock, events } = this.#options;
    const reason = error instanceof VolumeError ? error.reason : "FailedMount";
    const shown = this.#shownName(pod, volume);
    const message =
      reason === "FailedMount"
        ? `MountVolume.SetUp failed for volume "${shown}" : ${error.message}`
        : error.message;
    const before = this.#failures.get(volume.name);
    const waits = error instanceof MissingReferenceError;
    const count = before?.message === message ? before.count + 1 : 1;
    // What waits for an object is looked at for many reasons, and told once.
    const isTold =
      error instanceof VolumeError && error.isUsual ? count > USUAL_TRIES : !waits || count === 1;
    if (isTold) events.record(pod, "Warning", reason, message);
    const retryAtMs = waits ? Infinity : clock.now() + retryDelayMs(count);
    this.#failures.set(volume.name, { message, count, retryAtMs });
  }

  /** Upstream's events name the PersistentVolume, where there is one. */
  #shownName(pod: Pod, volume: Volume): string {
    return this.#claimOf(volume, pod)?.spec?.volumeName ?? volume.name;
  }

  /** What is mounted stays as it is: only files that are written from objects follow them. */
  async #bring(volume: Volume, state: PodState): Promise<string> {
    const path = this.#paths.get(volume.name);
    if (path === undefined || isWritten(volume)) return this.#prepare(volume, state);
    const republishAtMs = this.#republishAtMs.get(volume.name) ?? Infinity;
    if (republishAtMs <= this.#options.clock.now()) return this.#prepare(volume, state);
    const claim = this.#claimOf(volume, state.pod);
    return claim !== undefined && resizeStateOf(claim) === "NodeResizePending"
      ? this.#prepare(volume, state)
      : path;
  }

  #claimOf(volume: Volume, pod: Pod): PersistentVolumeClaim | undefined {
    const name = claimNameOf(pod, volume);
    return name === undefined
      ? undefined
      : this.#options.node.claims.get(`${namespaceOf(pod)}/${name}`);
  }

  async #prepare(volume: Volume, state: PodState): Promise<string> {
    const { node } = this.#options;
    const directory = join(state.podDirectory, "volumes", volume.name);
    if (volume.hostPath !== undefined) return prepareHostPath(volume.hostPath, node.hostPaths);
    if (volume.emptyDir !== undefined) return this.#prepareEmptyDir(volume, directory, state.pod);
    const place = { pod: state.pod, name: volume.name, podDirectory: state.podDirectory };
    if (claimNameOf(state.pod, volume) !== undefined) return this.#prepareClaim(volume, place);
    if (volume.csi !== undefined)
      return this.#mount(inlineMount(node, place, volume.csi), state.pod);
    await this.#tokens.refresh(state.pod, tokensOf(volume));
    const payload = volumePayload(volume, {
      ...state,
      node: state.facts,
      tokenFor: (projection) => this.#tokens.tokenFor(projection),
    });
    if (payload === undefined) throw unsupported(volume);
    await writeAtomically(directory, payload);
    return directory;
  }

  async #prepareEmptyDir(volume: Volume, directory: string, pod: Pod): Promise<string> {
    const { path, fellBack } = await prepareEmptyDir(directory, volume.emptyDir ?? {});
    if (fellBack && !this.#paths.has(volume.name))
      this.#options.events.record(
        pod,
        "Warning",
        "MemoryVolumeOnDisk",
        `volume "${volume.name}" asks for medium Memory, which this node may not mount (it takes root on Linux): it is a directory on disk, emptied with the pod`,
      );
    await setVolumeGroup(path, specOf(pod).securityContext ?? {});
    return path;
  }

  async #prepareClaim(volume: Volume, place: PodPlace): Promise<string> {
    const { node } = this.#options;
    const namespace = namespaceOf(place.pod);
    const claimed = claimedVolume(place.pod, volume, {
      claim: (name) => node.claims.get(`${namespace}/${name}`),
      volume: (name) => node.volumes.get(name),
    });
    const { spec = {} } = claimed.volume;
    const driverVolume = volumeOf(claimed.volume);
    if (driverVolume !== undefined) {
      const { volume: found, readOnly } = claimed;
      const mount = persistentMount(node, place, found, driverVolume, readOnly);
      const path = await this.#mount(mount, place.pod);
      if (await growOnNode(node, claimed.claim, mount, path))
        this.#options.events.record(
          place.pod,
          "Normal",
          "FileSystemResizeSuccessful",
          `MountVolume.NodeExpandVolume succeeded for volume "${found.metadata.name}"`,
        );
      return path;
    }
    if (spec.hostPath !== undefined) return prepareHostPath(spec.hostPath, node.hostPaths);
    if (spec.local === undefined)
      throw unsupported({ ...spec, name: claimed.volume.metadata.name });
    const { path } = spec.local;
    // Made by an administrator, and never by the node.
    if ((await stat(path).catch(() => undefined)) === undefined)
      throw new VolumeError(
        `path ${JSON.stringify(path)} of local volume "${claimed.volume.metadata.name}" does not exist on node "${node.nodeName}": make it there`,
      );
    const real = await prepareHostPath({ path }, node.hostPaths);
    await setVolumeGroup(real, specOf(place.pod).securityContext ?? {});
    return real;
  }

  async #mount(mount: DriverMount, pod: Pod): Promise<string> {
    const { node, clock } = this.#options;
    const { tokenRequests = [], requiresRepublish = false } =
      node.csiDrivers.get(mount.driver)?.spec ?? {};
    await this.#driverTokens.refresh(pod, tokenRequests);
    const context = { ...mount.context, ...tokenContext(this.#driverTokens, tokenRequests) };
    const path = await node.mounts.mount({ ...mount, context });
    if (requiresRepublish) this.#republishAtMs.set(mount.name, clock.now() + REPUBLISH_INTERVAL_MS);
    if (followsFsGroup(node, mount)) await setVolumeGroup(path, specOf(pod).securityContext ?? {});
    return path;
  }

  /** Nothing waits for it: a volume of many files takes its time. */
  #measure(volumes: readonly Volume[]): void {
    const { clock, wake } = this.#options;
    const startMs = clock.now();
    if (this.#isMeasuring || startMs < this.#measureAtMs || !isAnyLimited(volumes)) return;
    this.#isMeasuring = true;
    void this.#overLimit(volumes).then((eviction) => {
      const tookMs = clock.now() - startMs;
      this.#isMeasuring = false;
      this.#measureAtMs = clock.now() + Math.max(MEASURE_INTERVAL_MS, tookMs * MEASURE_PAUSE);
      this.#eviction = eviction;
      // Also for the time of the next one.
      if (!this.#abort.signal.aborted) wake();
    });
  }

  /** Upstream's words for the first emptyDir that holds too much. */
  async #overLimit(volumes: readonly Volume[]): Promise<string | undefined> {
    for (const { name, emptyDir } of volumes) {
      const limit = emptyDir === undefined ? undefined : limitOf(emptyDir);
      const path = this.#paths.get(name);
      if (limit === undefined || path === undefined) continue;
      const size = await directorySize(path, limit, this.#abort.signal).catch(() => 0);
      if (size > limit)
        return `Usage of EmptyDir volume ${JSON.stringify(name)} exceeds the limit ${JSON.stringify(emptyDir?.sizeLimit)}. `;
    }
    return undefined;
  }

  #nextLookMs(volumes: readonly Volume[]): number {
    const retries = [...this.#failures.values()].map(({ retryAtMs }) => retryAtMs);
    // What is due already is in a volume that failed, and comes with its retry.
    const due = [this.#tokens.renewAtMs ?? Infinity, ...this.#republishAtMs.values()].filter(
      (atMs) => atMs > this.#options.clock.now(),
    );
    const measuresAgain = isAnyLimited(volumes) && !this.#isMeasuring;
    return Math.min(...retries, ...due, measuresAgain ? this.#measureAtMs : Infinity);
  }
}

const isAnyLimited = (volumes: readonly Volume[]): boolean =>
  volumes.some(({ emptyDir }) => emptyDir !== undefined && limitOf(emptyDir) !== undefined);

/** As CSI drivers expect it: JSON by audience. */
function tokenContext(
  tokens: PodTokens,
  requests: readonly TokenOf[],
): Readonly<Record<string, string>> {
  if (requests.length === 0) return {};
  const byAudience = requests.map((request) => [
    request.audience ?? "",
    {
      token: tokens.tokenFor(request),
      expirationTimestamp: new Date(tokens.expiresAtMs(request)).toISOString(),
    },
  ]);
  const text = JSON.stringify(Object.fromEntries(byAudience));
  return { "csi.storage.k8s.io/serviceAccount.tokens": text };
}

/** Kinds of volumes that other machines, images or kernels would have to provide. */
function unsupported(volume: object): VolumeError {
  const IGNORED = new Set(["name", "accessModes", "capacity", "claimRef", "mountOptions"]);
  const [kind = "nothing"] = Object.entries(volume)
    .filter(([key, value]) => !IGNORED.has(key) && typeof value === "object")
    .map(([key]) => key);
  const advice =
    kind === "image"
      ? "the runtime does not pull images"
      : "use configMap, secret, downwardAPI, projected, emptyDir, hostPath, ephemeral, csi or a persistentVolumeClaim";
  return new VolumeError(`volumes of type ${kind} are not supported by this node: ${advice}`);
}
