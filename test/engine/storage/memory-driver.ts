/** A driver that knows its volumes by heart only: for tests that want one without a socket or a disk layout. */
import { cp, mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type {
  ControllerService,
  CreateVolumeRequest,
  NodeService,
  Snapshot,
  Volume,
  VolumeDriver,
} from "../../../src/engine/storage/volume-driver.ts";
import {
  type DriverCode,
  VolumeDriverError,
} from "../../../src/engine/storage/volume-driver-error.ts";

interface Held {
  readonly volume: Volume;
  readonly sizeBytes: number;
  readonly source: string;
}

export interface MemoryDriver extends VolumeDriver {
  readonly controller: ControllerService;
  readonly node: NodeService;
}

/** Content is below `directory`, one numbered folder for each volume and snapshot. */
export function memoryDriver(directory: string, name = "memory.example.com"): MemoryDriver {
  const volumes = new Map<string, Held>();
  const sizes = new Map<string, number>();
  const snapshots = new Map<string, Snapshot>();
  /** Calls under way by name: asked twice at a time, the driver answers once. */
  const making = new Map<string, Promise<Volume>>();
  let count = 0;

  const fail = (code: DriverCode, message: string): never => {
    throw new VolumeDriverError(code, message);
  };
  const pathOf = (id: string): string => join(directory, id);
  const requireVolume = (id: string): string =>
    sizes.has(id) ? pathOf(id) : fail("NotFound", `there is no volume ${id}`);

  async function make({ size, source }: CreateVolumeRequest): Promise<Volume> {
    const volumeId = `volume-${++count}`;
    if (source === undefined) await mkdir(pathOf(volumeId), { recursive: true });
    else {
      const from = "snapshotId" in source ? source.snapshotId : source.volumeId;
      const least = sizes.get(from) ?? snapshots.get(from)?.sizeBytes;
      if (least === undefined) return fail("NotFound", `there is no ${from}`);
      if (least > size.requiredBytes) return fail("OutOfRange", `${from} needs ${least} bytes`);
      await cp(pathOf(from), pathOf(volumeId), { recursive: true });
    }
    sizes.set(volumeId, size.requiredBytes);
    return { volumeId, capacityBytes: size.requiredBytes, context: {}, accessibleFrom: [] };
  }

  const controller: ControllerService = {
    async createVolume(request) {
      const source = JSON.stringify(request.source ?? {});
      const known = volumes.get(request.name);
      if (known !== undefined)
        return known.sizeBytes === request.size.requiredBytes && known.source === source
          ? known.volume
          : fail("AlreadyExists", `${request.name} is another volume`);
      const call = making.get(request.name) ?? make(request);
      making.set(request.name, call);
      try {
        const volume = await call;
        volumes.set(request.name, { volume, sizeBytes: request.size.requiredBytes, source });
        return volume;
      } finally {
        making.delete(request.name);
      }
    },
    async deleteVolume({ volumeId }) {
      for (const [key, { volume }] of volumes)
        if (volume.volumeId === volumeId) volumes.delete(key);
      sizes.delete(volumeId);
      await rm(pathOf(volumeId), { recursive: true, force: true });
    },
    publishVolume: () => Promise.resolve({}),
    unpublishVolume: () => Promise.resolve(),
    async expandVolume({ volumeId, size }) {
      requireVolume(volumeId);
      const capacityBytes = Math.max(sizes.get(volumeId) ?? 0, size.requiredBytes);
      sizes.set(volumeId, capacityBytes);
      return { capacityBytes, needsNode: false };
    },
    async createSnapshot({ name: asked, sourceVolumeId }) {
      const snapshotId = `taken-${asked}`;
      const known = snapshots.get(snapshotId);
      if (known !== undefined) return known;
      await cp(requireVolume(sourceVolumeId), pathOf(snapshotId), { recursive: true });
      const sizeBytes = sizes.get(sourceVolumeId) ?? 0;
      const snapshot = { snapshotId, sourceVolumeId, sizeBytes, createdAtMs: 0, readyToUse: true };
      snapshots.set(snapshotId, snapshot);
      return snapshot;
    },
    async deleteSnapshot({ snapshotId }) {
      snapshots.delete(snapshotId);
      await rm(pathOf(snapshotId), { recursive: true, force: true });
    },
    findSnapshot: ({ snapshotId }) => Promise.resolve(snapshots.get(snapshotId)),
    availableBytes: () => Promise.resolve(undefined),
  };
  const node: NodeService = {
    info: () => Promise.resolve({ nodeId: "memory", topology: {} }),
    stageVolume: () => Promise.resolve(),
    publishVolume: async ({ volumeId }) => ({ path: requireVolume(volumeId) }),
    unpublishVolume: () => Promise.resolve(),
    unstageVolume: () => Promise.resolve(),
    expandVolume: ({ volumeId }) => Promise.resolve({ capacityBytes: sizes.get(volumeId) ?? 0 }),
    async stats({ volumeId }) {
      const path = requireVolume(volumeId);
      const capacityBytes = sizes.get(volumeId) ?? 0;
      let usedBytes = 0;
      for (const file of await readdir(path)) usedBytes += (await stat(join(path, file))).size;
      return { usedBytes, availableBytes: capacityBytes - usedBytes, capacityBytes };
    },
  };
  return {
    name,
    abilities: {
      version: "1",
      topology: false,
      controller: new Set(["create", "snapshot", "listSnapshots", "clone", "expand"]),
      node: new Set(["stats"]),
      expansion: "online",
    },
    controller,
    node,
    close: () => Promise.resolve(),
  };
}
