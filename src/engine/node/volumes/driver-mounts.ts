/**
 * What drivers have brought to this node: which volume is staged, and for which pods it is published.
 * Each volume has a record on disk that is written before the driver is asked, so that whatever an
 * agent left behind, its successor knows what to take back.
 */
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, rmdir, unlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isObject } from "../../../kube/json-object.ts";
import type { Secrets } from "../../storage/secrets.ts";
import type { NodeService, NodeVolume, VolumeUse } from "../../storage/volume-driver.ts";
import { VolumeDriverError } from "../../storage/volume-driver-error.ts";
import type { VolumeDrivers } from "../../storage/volume-drivers.ts";
import { VolumeError } from "./volume-error.ts";

export interface DriverMount extends NodeVolume {
  readonly driver: string;
  readonly podUid: string;
  /** Unique in the pod. */
  readonly name: string;
  readonly targetPath: string;
  readonly use: VolumeUse;
  readonly readOnly: boolean;
  readonly ephemeral?: boolean;
  readonly publishContext?: Readonly<Record<string, string>>;
  readonly stageSecrets?: Secrets;
  readonly publishSecrets?: Secrets;
  readonly expandSecrets?: Secrets;
}

interface MountRecord {
  readonly driver: string;
  readonly volumeId: string;
  /** Absent: never staged. */
  readonly stagingPath?: string;
  /** Target path of each pod's volume, by `<podUid>/<name>`. */
  readonly targets: Readonly<Record<string, string>>;
}

export class DriverMounts {
  readonly #directory: string;
  readonly #drivers: VolumeDrivers;
  readonly #records = new Map<string, MountRecord>();
  /** The last call for each volume: calls for one volume follow each other. */
  readonly #calls = new Map<string, Promise<unknown>>();

  private constructor(directory: string, drivers: VolumeDrivers) {
    this.#directory = directory;
    this.#drivers = drivers;
  }

  /** With what an earlier agent has left. The directory is made when it is first needed. */
  static async open(directory: string, drivers: VolumeDrivers): Promise<DriverMounts> {
    const mounts = new DriverMounts(directory, drivers);
    const names = await readdir(directory).catch(() => []);
    for (const name of names.filter((each) => each.endsWith(".json"))) {
      const record = await readRecord(join(directory, name));
      if (record !== undefined) mounts.#records.set(name.slice(0, -".json".length), record);
    }
    return mounts;
  }

  /** Idempotent. @returns where the data is. @throws VolumeError */
  async mount(mount: DriverMount): Promise<string> {
    const node = this.#node(mount.driver);
    const driver = this.#drivers.find(mount.driver);
    const id = idOf(mount.driver, mount.volumeId);
    const stages = driver?.abilities.node.has("stage") === true && mount.ephemeral !== true;
    return this.#inTurn(id, async () => {
      const stagingPath = stages ? join(this.#directory, id, "staging") : undefined;
      const known = this.#records.get(id);
      await this.#write(id, {
        driver: mount.driver,
        volumeId: mount.volumeId,
        ...(stagingPath === undefined ? {} : { stagingPath }),
        targets: { ...known?.targets, [targetId(mount.podUid, mount.name)]: mount.targetPath },
      });
      await mkdir(dirname(mount.targetPath), { recursive: true });
      const shared = {
        volumeId: mount.volumeId,
        context: mount.context,
        use: mount.use,
        ...(mount.publishContext === undefined ? {} : { publishContext: mount.publishContext }),
      };
      if (stagingPath !== undefined) {
        await mkdir(dirname(stagingPath), { recursive: true, mode: 0o700 });
        await node.stageVolume({
          ...shared,
          stagingPath,
          ...(mount.stageSecrets === undefined ? {} : { secrets: mount.stageSecrets }),
        });
      }
      const { path } = await node.publishVolume({
        ...shared,
        targetPath: mount.targetPath,
        readOnly: mount.readOnly,
        ...(stagingPath === undefined ? {} : { stagingPath }),
        ...(mount.publishSecrets === undefined ? {} : { secrets: mount.publishSecrets }),
        ...(mount.ephemeral === true ? { ephemeral: true } : {}),
      });
      return path;
    });
  }

  /** Where a volume is staged; undefined when it is not. */
  stagingPathOf(driver: string, volumeId: string): string | undefined {
    return this.#records.get(idOf(driver, volumeId))?.stagingPath;
  }

  /** Takes everything of a pod back. Idempotent. @throws VolumeError that names what is left */
  async unmountPod(podUid: string): Promise<void> {
    const prefix = `${podUid}/`;
    for (const [id, { targets }] of this.#records)
      for (const target of Object.keys(targets))
        if (target.startsWith(prefix)) await this.#unmount(id, target);
  }

  /** Pods that have something mounted. */
  pods(): ReadonlySet<string> {
    const targets = [...this.#records.values()].flatMap((record) => Object.keys(record.targets));
    return new Set(targets.map((target) => target.split("/")[0] ?? ""));
  }

  #unmount(id: string, target: string): Promise<void> {
    return this.#inTurn(id, async () => {
      const record = this.#records.get(id);
      const targetPath = record?.targets[target];
      if (record === undefined || targetPath === undefined) return;
      const { driver, volumeId, stagingPath } = record;
      const node = this.#node(driver);
      await node.unpublishVolume({ volumeId, targetPath });
      const { [target]: _, ...targets } = record.targets;
      if (Object.keys(targets).length > 0) {
        await this.#write(id, { ...record, targets });
        return;
      }
      // The last target stays on record until all is taken back, for whoever has to try again.
      if (stagingPath !== undefined) {
        await node.unstageVolume({ volumeId, stagingPath });
        await removeEmpty(stagingPath, volumeId);
        await removeEmpty(dirname(stagingPath), volumeId);
      }
      this.#records.delete(id);
      await rm(this.#file(id), { force: true });
    });
  }

  #node(name: string): NodeService {
    const driver = this.#drivers.find(name);
    if (driver?.node !== undefined) return driver.node;
    const known = this.#drivers.all().map((each) => each.name);
    throw new VolumeError(
      `driver name ${name} not found in the list of registered drivers: ${known.length === 0 ? "there are none" : known.join(", ")}`,
    );
  }

  async #inTurn<T>(id: string, call: () => Promise<T>): Promise<T> {
    const before = this.#calls.get(id) ?? Promise.resolve();
    const result = before.then(call, call);
    this.#calls.set(id, result);
    try {
      return await result;
    } catch (cause) {
      if (cause instanceof VolumeDriverError) throw new VolumeError(cause.described, { cause });
      throw cause;
    } finally {
      if (this.#calls.get(id) === result) this.#calls.delete(id);
    }
  }

  async #write(id: string, record: MountRecord): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const temporary = `${this.#file(id)}.tmp`;
    await writeFile(temporary, JSON.stringify(record), { mode: 0o600 });
    await rename(temporary, this.#file(id));
    this.#records.set(id, record);
  }

  #file(id: string): string {
    return join(this.#directory, `${id}.json`);
  }
}

/** Never with what is in it: where a driver left the volume mounted, that would be the volume's data. */
async function removeEmpty(path: string, volumeId: string): Promise<void> {
  try {
    await rmdir(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT") return;
    // What stood for a device.
    if (code === "ENOTDIR") return unlink(path);
    throw new VolumeError(
      `${path} still holds something after the driver took back volume ${volumeId} (${code ?? "unknown"}): unmount it, or delete what is there`,
      { cause },
    );
  }
}

const targetId = (podUid: string, name: string): string => `${podUid}/${name}`;

/** Drivers call their volumes what they like: not every name is one for a file. */
const idOf = (driver: string, volumeId: string): string =>
  createHash("sha256").update(`${driver}\0${volumeId}`).digest("hex").slice(0, 40);

async function readRecord(path: string): Promise<MountRecord | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(path, "utf8"));
    if (!isObject(value) || !isObject(value["targets"])) return undefined;
    return value as unknown as MountRecord;
  } catch {
    // Written by a rename: what cannot be read was not written by an agent.
    return undefined;
  }
}
