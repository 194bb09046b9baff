/** What the volumes of all pods of a node share: drivers, the objects they come from, the policy. */
import { join } from "node:path";
import type { SecretReference } from "kubernetes-types/core/v1";
import type { Client } from "../../../client/client.ts";
import { type Clock, systemClock } from "../../../client/clock.ts";
import type { Informers } from "../../../client/informers.ts";
import { csiDrivers } from "../../../kube/kinds/csidriver.ts";
import { persistentVolumes } from "../../../kube/kinds/persistentvolume.ts";
import { persistentVolumeClaims } from "../../../kube/kinds/persistentvolumeclaim.ts";
import { secrets as secretResource } from "../../../kube/kinds/secret.ts";
import { volumeAttachments } from "../../../kube/kinds/volumeattachment.ts";
import { Secrets } from "../../storage/secrets.ts";
import { VolumeDrivers } from "../../storage/volume-drivers.ts";
import { DriverMounts } from "./driver-mounts.ts";
import type { HostPathPolicy } from "./host-path.ts";
import { unmountBelow } from "./tmpfs.ts";
import { retryDelayMs, VolumeError } from "./volume-error.ts";

export interface NodeVolumesOptions {
  readonly client: Client;
  /** Must be started by the caller. */
  readonly informers: Informers;
  readonly nodeName: string;
  /** `mounts/` below it holds the records of what drivers mounted. */
  readonly dataDir: string;
  /** @default none */
  readonly drivers?: VolumeDrivers;
  /** @default every path */
  readonly hostPaths?: HostPathPolicy;
  readonly clock?: Clock;
}

export class NodeVolumes {
  readonly client: Client;
  readonly nodeName: string;
  readonly mounts: DriverMounts;
  readonly drivers: VolumeDrivers;
  readonly hostPaths: HostPathPolicy;
  readonly claims;
  readonly volumes;
  readonly csiDrivers;
  readonly attachments;
  readonly #secrets;
  readonly #clock: Clock;
  /** Pods whose volumes could not be taken back. */
  readonly #releases = new Map<
    string,
    { readonly problem: VolumeError; readonly count: number; readonly retryAtMs: number }
  >();

  private constructor(options: NodeVolumesOptions, drivers: VolumeDrivers, mounts: DriverMounts) {
    const { informers } = options;
    this.#clock = options.clock ?? systemClock;
    this.client = options.client;
    this.nodeName = options.nodeName;
    this.hostPaths = options.hostPaths ?? {};
    this.drivers = drivers;
    this.mounts = mounts;
    this.claims = informers.of(persistentVolumeClaims);
    this.volumes = informers.of(persistentVolumes);
    this.csiDrivers = informers.of(csiDrivers);
    this.attachments = informers.of(volumeAttachments);
    this.#secrets = informers.of(secretResource);
  }

  static async open(options: NodeVolumesOptions): Promise<NodeVolumes> {
    const drivers = options.drivers ?? new VolumeDrivers();
    const mounts = await DriverMounts.open(join(options.dataDir, "mounts"), drivers);
    return new NodeVolumes(options, drivers, mounts);
  }

  /** The content of a Secret for a driver. Throws `VolumeError` when it is missing. */
  secretsOf(reference: SecretReference | undefined): Secrets | undefined {
    if (reference === undefined) return undefined;
    const { namespace = "", name = "" } = reference;
    const found = this.#secrets.get(`${namespace}/${name}`);
    if (found === undefined)
      throw new VolumeError(`secret "${name}" in namespace "${namespace}" not found`);
    const entries = Object.entries(found.data ?? {});
    return new Secrets(
      Object.fromEntries(
        entries.map(([key, value]) => [key, Buffer.from(value, "base64").toString()]),
      ),
    );
  }

  /** Something changed that failed releases may have waited for. */
  retryReleases(): void {
    for (const [podUid, release] of this.#releases)
      this.#releases.set(podUid, { ...release, retryAtMs: 0 });
  }

  /**
   * Takes back everything of a pod before its directory is deleted. Idempotent. Whoever asks again
   * and again while a driver fails is told the same until the time for another try has come.
   * @param onFailure called for each try that failed
   * @throws VolumeError
   */
  async release(
    podUid: string,
    podDirectory: string | undefined,
    onFailure: (problem: VolumeError) => void,
  ): Promise<void> {
    const before = this.#releases.get(podUid);
    if (before !== undefined && this.#clock.now() < before.retryAtMs) throw before.problem;
    try {
      await this.mounts.unmountPod(podUid);
      if (podDirectory !== undefined) await unmountBelow(podDirectory);
      this.#releases.delete(podUid);
    } catch (cause) {
      const count = (before?.count ?? 0) + 1;
      const problem = new VolumeError(
        `UnmountVolume.TearDown failed: ${(cause as Error).message}`,
        { cause },
      );
      const retryAtMs = this.#clock.now() + retryDelayMs(count);
      this.#releases.set(podUid, { problem, count, retryAtMs });
      onFailure(problem);
      throw problem;
    }
  }
}
