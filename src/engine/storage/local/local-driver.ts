/**
 * Volumes that are directories below one on this machine, `<data-dir>/volumes/<name>`; snapshots are
 * copies below `.snapshots` there, which share blocks with the volume where the file system can.
 */
import { chmod, mkdir, statfs } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { type Clock, systemClock } from "../../../client/clock.ts";
import { LOCAL_DRIVER } from "../driver-volume.ts";
import type {
  ControllerService,
  CreateVolumeRequest,
  DriverAbilities,
  NodeService,
  NodeVolume,
  Snapshot,
  Topology,
  Volume,
  VolumeDriver,
  VolumeStats,
} from "../volume-driver.ts";
import { VolumeDriverError } from "../volume-driver-error.ts";
import { copyTree, isCode } from "./copy-tree.ts";
import { DirectoryShelf, type ShelfNote } from "./directory-shelf.ts";
import { Turns } from "./turns.ts";
import { treeUsage } from "./tree-usage.ts";

export const HOSTNAME_LABEL = "kubernetes.io/hostname";
/** Any user of a pod may write, as in the volumes of Rancher's local path provisioner. */
const VOLUME_MODE = 0o777;

export interface LocalDriverOptions {
  /** `<data-dir>/volumes`. */
  readonly directory: string;
  /** Volumes that no node was chosen for are on this one. */
  readonly nodeName: string;
  readonly clock?: Clock;
}

export interface LocalDriver extends VolumeDriver {
  readonly controller: ControllerService;
  readonly node: NodeService;
  /** Names of the volumes on disk that no PersistentVolume ever stood for and no pod ever had. */
  unadopted(): Promise<readonly string[]>;
  /** A PersistentVolume stands for the volume: it is deleted with that one, or never. */
  adopt(volumeId: string): Promise<void>;
}

const ABILITIES: DriverAbilities = {
  version: "1",
  topology: true,
  controller: new Set([
    "create",
    "snapshot",
    "listSnapshots",
    "clone",
    "expand",
    "capacity",
    "singleNodeMultiWriter",
  ]),
  node: new Set(["stats", "singleNodeMultiWriter"]),
  expansion: "online",
};

/** Removes what a crash has left half done before it answers. */
export async function openLocalDriver(options: LocalDriverOptions): Promise<LocalDriver> {
  const directory = resolve(options.directory);
  const volumes = new DirectoryShelf(directory);
  const snapshots = new DirectoryShelf(join(directory, ".snapshots"));
  await volumes.sweep();
  await snapshots.sweep();
  const parts: Parts = {
    ...options,
    directory,
    clock: options.clock ?? systemClock,
    volumes,
    snapshots,
    turns: new Turns(),
  };
  return {
    name: LOCAL_DRIVER,
    abilities: ABILITIES,
    controller: controllerService(parts),
    node: nodeService(parts),
    async unadopted() {
      const names: string[] = [];
      for (const name of await volumes.names())
        if ((await volumes.find(name))?.adopted === false) names.push(name);
      return names;
    },
    adopt: (volumeId) => adopt(parts, volumeId),
    close: () => Promise.resolve(),
  };
}

interface Parts extends LocalDriverOptions {
  readonly clock: Clock;
  readonly volumes: DirectoryShelf;
  readonly snapshots: DirectoryShelf;
  readonly turns: Turns;
}

function adopt({ volumes, turns }: Parts, volumeId: string): Promise<void> {
  return turns.take(volumeId, async () => {
    const note = await volumes.find(volumeId);
    if (note?.adopted === false) await volumes.note(volumeId, { ...note, adopted: true });
  });
}

function controllerService(parts: Parts): ControllerService {
  const { volumes, snapshots, turns, clock } = parts;
  return {
    createVolume: (request, { signal } = {}) =>
      turns.take(request.name, () => failing(() => createVolume(parts, request, signal))),
    deleteVolume: ({ volumeId, context = {} }) =>
      turns.take(volumeId, () =>
        failing(async () => {
          requireOwnDirectory(volumes, { volumeId, context });
          await volumes.remove(volumeId);
        }),
      ),
    publishVolume: () => Promise.resolve({}),
    unpublishVolume: () => Promise.resolve(),
    expandVolume: ({ volumeId, size }) =>
      turns.take(volumeId, () =>
        failing(async () => {
          const note = await found(volumes, volumeId, "volume");
          await requireRoom(parts, size.requiredBytes);
          const capacityBytes = Math.max(note.capacityBytes, size.requiredBytes);
          await volumes.note(volumeId, { ...note, capacityBytes });
          return { capacityBytes, needsNode: false };
        }),
      ),
    createSnapshot: ({ name, sourceVolumeId }, { signal } = {}) =>
      turns.take(`snapshot ${name}`, () =>
        failing(async () => {
          const known = await snapshots.find(name);
          if (known !== undefined) return snapshotOf(name, known, sourceVolumeId);
          const { capacityBytes } = await found(volumes, sourceVolumeId, "volume");
          const note = { capacityBytes, createdAtMs: clock.now(), source: sourceVolumeId };
          await snapshots.add(name, note, (path) =>
            copyTree(volumes.pathOf(sourceVolumeId), path, signal),
          );
          return snapshotOf(name, note, sourceVolumeId);
        }),
      ),
    deleteSnapshot: ({ snapshotId }) =>
      turns.take(`snapshot ${snapshotId}`, () => failing(() => snapshots.remove(snapshotId))),
    findSnapshot: ({ snapshotId }) =>
      failing(async () => {
        const note = await snapshots.find(snapshotId);
        return note && snapshotOf(snapshotId, note, note.source ?? "");
      }),
    availableBytes: () =>
      failing(async () => {
        const { bavail, bsize } = await statfs(parts.directory);
        return bavail * bsize;
      }),
  };
}

function snapshotOf(snapshotId: string, note: ShelfNote, sourceVolumeId: string): Snapshot {
  if (note.source !== sourceVolumeId)
    throw new VolumeDriverError(
      "AlreadyExists",
      `snapshot ${snapshotId} is of volume ${note.source ?? "unknown"}, not of ${sourceVolumeId}`,
    );
  const { capacityBytes: sizeBytes, createdAtMs } = note;
  return { snapshotId, sourceVolumeId, sizeBytes, createdAtMs, readyToUse: true };
}

async function createVolume(
  parts: Parts,
  request: CreateVolumeRequest,
  signal: AbortSignal | undefined,
): Promise<Volume> {
  const { volumes, clock } = parts;
  const { name, size, use, source } = request;
  if (use.volumeMode === "Block")
    throw new VolumeDriverError(
      "InvalidArgument",
      "local volumes are directories: volumeMode Block needs a driver for block devices",
    );
  const from = source === undefined ? undefined : await sourceOf(parts, request);
  const note: ShelfNote = {
    capacityBytes: size.requiredBytes,
    createdAtMs: clock.now(),
    ...(from === undefined ? {} : { source: from.id }),
    adopted: false,
  };
  const known = await volumes.find(name);
  if (known === undefined) {
    await requireRoom(parts, size.requiredBytes);
    await volumes.add(name, note, async (path) => {
      if (from !== undefined) return await copyTree(from.path, path, signal);
      await mkdir(path);
      // The umask has no say in it.
      await chmod(path, VOLUME_MODE);
    });
  } else if (known.capacityBytes !== size.requiredBytes || known.source !== note.source) {
    throw new VolumeDriverError(
      "AlreadyExists",
      `there is a volume ${name} of another size or source`,
    );
  }
  return {
    volumeId: name,
    capacityBytes: size.requiredBytes,
    context: { directory: parts.directory },
    accessibleFrom: [nodeOf(parts, request.accessibleFrom)],
    path: volumes.pathOf(name),
  };
}

/** All nodes of the engine are on this machine: the volume is where its first pod is going to be. */
function nodeOf({ nodeName }: Parts, wanted: readonly Topology[] | undefined): Topology {
  const hosts = (wanted ?? []).map((topology) => topology[HOSTNAME_LABEL] ?? nodeName);
  const [first] = hosts;
  return { [HOSTNAME_LABEL]: first === undefined || hosts.includes(nodeName) ? nodeName : first };
}

/** Where a new volume's content comes from, and under which name that is noted. */
async function sourceOf(
  { volumes, snapshots }: Parts,
  { source, size }: CreateVolumeRequest,
): Promise<{ readonly id: string; readonly path: string } | undefined> {
  if (source === undefined) return undefined;
  const [shelf, id, what] =
    "snapshotId" in source
      ? [snapshots, source.snapshotId, "snapshot"]
      : [volumes, source.volumeId, "volume"];
  const note = await found(shelf, id, what);
  if (size.requiredBytes < note.capacityBytes)
    throw new VolumeDriverError(
      "OutOfRange",
      `${what} ${id} needs ${note.capacityBytes} bytes, more than the ${size.requiredBytes} that are asked for`,
    );
  return { id: `${what} ${id}`, path: shelf.pathOf(id) };
}

async function found(shelf: DirectoryShelf, name: string, what: string): Promise<ShelfNote> {
  const note = await shelf.find(name);
  if (note !== undefined) return note;
  throw new VolumeDriverError(
    "NotFound",
    `${what} ${name} is not there: its directory ${shelf.pathOf(name)} vanished; restore it, or delete the object and use a backup`,
  );
}

/** Directories share what the disk has, so only what could never fit is refused. */
async function requireRoom({ directory }: Parts, bytes: number): Promise<void> {
  const { blocks, bsize } = await statfs(directory);
  if (bytes <= blocks * bsize) return;
  throw new VolumeDriverError(
    "ResourceExhausted",
    `${bytes} bytes are asked for, and the disk of ${directory} has ${blocks * bsize} in all`,
  );
}

function nodeService(parts: Parts): NodeService {
  const { volumes, nodeName } = parts;
  return {
    info: () => Promise.resolve({ nodeId: nodeName, topology: { [HOSTNAME_LABEL]: nodeName } }),
    stageVolume: () => Promise.resolve(),
    publishVolume: (request) =>
      failing(async () => {
        const path = requireOwnDirectory(volumes, request);
        await found(volumes, request.volumeId, "volume");
        // From here on there may be data in it.
        await adopt(parts, request.volumeId);
        // Nothing is mounted: pods' mounts lead to the directory itself.
        return { path };
      }),
    unpublishVolume: () => Promise.resolve(),
    unstageVolume: () => Promise.resolve(),
    expandVolume: ({ volumeId }) =>
      failing(async () => {
        const { capacityBytes } = await found(volumes, volumeId, "volume");
        return { capacityBytes };
      }),
    stats: ({ volumeId }, { signal } = {}) => failing(() => stats(parts, volumeId, signal)),
  };
}

/** A volume whose path was written by hand gives no reach to other directories, or other volumes. */
function requireOwnDirectory(volumes: DirectoryShelf, { volumeId, context }: NodeVolume): string {
  const path = volumes.pathOf(volumeId);
  const { directory = dirname(path) } = context;
  if (directory === dirname(path)) return path;
  throw new VolumeDriverError(
    "InvalidArgument",
    `the volume's path is ${join(directory, volumeId)}: volumes of ${LOCAL_DRIVER} are below ${dirname(path)}`,
  );
}

async function stats(
  { volumes, directory }: Parts,
  volumeId: string,
  signal: AbortSignal | undefined,
): Promise<VolumeStats> {
  const { capacityBytes } = await found(volumes, volumeId, "volume");
  const usage = await treeUsage(volumes.pathOf(volumeId), signal === undefined ? {} : { signal });
  const disk = await statfs(directory);
  const left = Math.min(disk.bavail * disk.bsize, Math.max(0, capacityBytes - usage.bytes));
  const full = { usedBytes: usage.bytes, availableBytes: left, capacityBytes };
  const inodes = { inodesUsed: usage.inodes, inodesFree: disk.ffree, inodes: disk.files };
  if (usage.bytes <= capacityBytes || capacityBytes === 0) return { ...full, ...inodes };
  return {
    ...full,
    ...inodes,
    abnormal: `it holds ${usage.bytes} bytes, more than its ${capacityBytes}`,
  };
}

/** What the operating system says becomes what drivers say. */
async function failing<R>(work: () => Promise<R>): Promise<R> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof VolumeDriverError) throw cause;
    const message = cause instanceof Error ? cause.message : String(cause);
    if (isCode(cause, "ENOSPC") || isCode(cause, "EDQUOT"))
      throw new VolumeDriverError("ResourceExhausted", `the disk is full: ${message}`, { cause });
    if (isCode(cause, "EACCES") || isCode(cause, "EPERM"))
      throw new VolumeDriverError("PermissionDenied", message, { cause });
    if (cause instanceof Error && cause.name === "AbortError")
      throw new VolumeDriverError("Canceled", message, { cause });
    throw new VolumeDriverError("Internal", message, { cause });
  }
}
