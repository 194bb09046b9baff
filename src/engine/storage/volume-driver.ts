/**
 * What makes volumes and brings them to pods: one interface, shaped like CSI's controller and node
 * services, for the local driver, CSI drivers behind their socket and the tests' fake. Every call is
 * idempotent: after a failure or a restart it is made again with the same arguments.
 *
 * Callers: the storage controllers use `controller`; the node agent uses `node`, through what
 * `volumeOf` in `driver-volume.ts` says of a PersistentVolume.
 */
import type { Secrets } from "./secrets.ts";

export interface VolumeDriver {
  /** As StorageClass.provisioner, CSIPersistentVolumeSource.driver and CSINode name it. */
  readonly name: string;
  /** What the driver can do. Asked once, when it registers. */
  readonly abilities: DriverAbilities;
  /** Absent when volumes are neither made nor deleted by the driver. */
  readonly controller?: ControllerService;
  /** Absent when no node of this process can mount them. */
  readonly node?: NodeService;
  /** Ends connections. Calls that are on their way fail with code `Unavailable`. */
  close(): Promise<void>;
}

export interface DriverAbilities {
  /** Free text for `kubectl describe` and logs. */
  readonly version: string;
  /** Volumes are reachable from some nodes only: what is made says from where. */
  readonly topology: boolean;
  readonly controller: ReadonlySet<ControllerAbility>;
  readonly node: ReadonlySet<NodeAbility>;
  /** Growth while a pod uses the volume, only while none does, or not at all. */
  readonly expansion: "online" | "offline" | "none";
}
export type ControllerAbility =
  | "create"
  | "publish"
  | "snapshot"
  | "listSnapshots"
  | "clone"
  | "expand"
  | "capacity"
  | "singleNodeMultiWriter";
export type NodeAbility = "stage" | "stats" | "expand" | "singleNodeMultiWriter" | "mountGroup";

/** Every call ends when the signal does; without one, at the driver's own time limit. */
export interface CallOptions {
  readonly signal?: AbortSignal;
}

/** Labels of the nodes that can reach a volume: all of them must match. */
export type Topology = Readonly<Record<string, string>>;

/** How a volume is going to be used. */
export interface VolumeUse {
  /** As in a claim: `ReadWriteOnce`, … */
  readonly accessModes: readonly string[];
  readonly volumeMode: "Filesystem" | "Block";
  /** Empty or absent: the driver's own choice. */
  readonly fsType?: string;
  readonly mountOptions?: readonly string[];
  /** Group that owns the files, for drivers with ability `mountGroup`. */
  readonly mountGroup?: string;
}

export interface SizeRange {
  readonly requiredBytes: number;
  /** Absent: no limit. */
  readonly limitBytes?: number;
}

export type VolumeSource = { readonly snapshotId: string } | { readonly volumeId: string };

export interface CreateVolumeRequest {
  /** Unique: asking twice for one name gives one volume. `pvc-<uid of the claim>`. */
  readonly name: string;
  readonly size: SizeRange;
  readonly use: VolumeUse;
  readonly parameters: Readonly<Record<string, string>>;
  readonly secrets?: Secrets;
  /** What to fill it with; absent: it starts empty. */
  readonly source?: VolumeSource;
  /** Any of them will do, the first is liked best; absent: anywhere. */
  readonly accessibleFrom?: readonly Topology[];
}

export interface Volume {
  /** The driver's own name: PersistentVolume.spec.csi.volumeHandle. */
  readonly volumeId: string;
  /** What it really has; 0 when the driver does not say. */
  readonly capacityBytes: number;
  /** Handed back on every later call. Not secret. */
  readonly context: Readonly<Record<string, string>>;
  /** Any of them; empty: every node. */
  readonly accessibleFrom: readonly Topology[];
  /** Where the data is on this machine, for drivers that need no mount. */
  readonly path?: string;
}

export interface Snapshot {
  readonly snapshotId: string;
  readonly sourceVolumeId: string;
  /** Least size of a volume made from it; 0 when the driver does not say. */
  readonly sizeBytes: number;
  readonly createdAtMs: number;
  /** False while the driver is still at it: ask again. */
  readonly readyToUse: boolean;
}

export interface Expansion {
  readonly capacityBytes: number;
  /** The node has to do its part, too, with `expandVolume` of the node service. */
  readonly needsNode: boolean;
}

/** Rejects with `VolumeDriverError` only. A method that `abilities` does not name is not called. */
export interface ControllerService {
  createVolume(request: CreateVolumeRequest, options?: CallOptions): Promise<Volume>;
  /** A volume that is gone already is no error. */
  deleteVolume(
    request: {
      readonly volumeId: string;
      /** As `Volume.context`, where it is known. */
      readonly context?: Readonly<Record<string, string>>;
      readonly secrets?: Secrets;
    },
    options?: CallOptions,
  ): Promise<void>;
  /** Attaches a volume to a node; what it answers goes to the node service as `publishContext`. */
  publishVolume(
    request: {
      readonly volumeId: string;
      readonly nodeId: string;
      readonly use: VolumeUse;
      readonly readOnly: boolean;
      readonly secrets?: Secrets;
      readonly context: Readonly<Record<string, string>>;
    },
    options?: CallOptions,
  ): Promise<Readonly<Record<string, string>>>;
  unpublishVolume(
    request: { readonly volumeId: string; readonly nodeId: string; readonly secrets?: Secrets },
    options?: CallOptions,
  ): Promise<void>;
  expandVolume(
    request: {
      readonly volumeId: string;
      readonly size: SizeRange;
      readonly use: VolumeUse;
      readonly secrets?: Secrets;
    },
    options?: CallOptions,
  ): Promise<Expansion>;
  createSnapshot(
    request: {
      /** Unique: `snapshot-<uid of the VolumeSnapshot>`. */
      readonly name: string;
      readonly sourceVolumeId: string;
      readonly parameters: Readonly<Record<string, string>>;
      readonly secrets?: Secrets;
    },
    options?: CallOptions,
  ): Promise<Snapshot>;
  /** A snapshot that is gone already is no error. */
  deleteSnapshot(
    request: { readonly snapshotId: string; readonly secrets?: Secrets },
    options?: CallOptions,
  ): Promise<void>;
  /** Undefined when the driver has no such snapshot. */
  findSnapshot(
    request: { readonly snapshotId: string; readonly secrets?: Secrets },
    options?: CallOptions,
  ): Promise<Snapshot | undefined>;
  /** Bytes that new volumes could still take; undefined when the driver cannot say. */
  availableBytes(
    request: {
      readonly parameters: Readonly<Record<string, string>>;
      readonly accessibleFrom?: Topology;
    },
    options?: CallOptions,
  ): Promise<number | undefined>;
}

/** What the node service needs to know of a volume. */
export interface NodeVolume {
  readonly volumeId: string;
  /** As `Volume.context`; empty for volumes made by hand. */
  readonly context: Readonly<Record<string, string>>;
}

export interface NodeInfo {
  /** The driver's own name of this node. */
  readonly nodeId: string;
  /** Absent: as many as wanted. */
  readonly maxVolumes?: number;
  readonly topology: Topology;
}

export interface VolumeStats {
  readonly usedBytes: number;
  readonly availableBytes: number;
  readonly capacityBytes: number;
  readonly inodesUsed?: number;
  readonly inodesFree?: number;
  readonly inodes?: number;
  /** Set when the volume is not well: what is wrong with it, e.g. that it holds too much. */
  readonly abnormal?: string;
}

/**
 * Rejects with `VolumeDriverError` only. Order for one pod: `stageVolume` (once for the node and
 * volume, with ability `stage`), `publishVolume` for each pod; back in reverse.
 * Directories above staging and target paths exist; the paths themselves are the driver's.
 */
export interface NodeService {
  info(options?: CallOptions): Promise<NodeInfo>;
  stageVolume(
    request: NodeVolume & {
      readonly stagingPath: string;
      readonly use: VolumeUse;
      readonly publishContext?: Readonly<Record<string, string>>;
      readonly secrets?: Secrets;
    },
    options?: CallOptions,
  ): Promise<void>;
  /**
   * Makes the volume reachable for a pod.
   * @returns where: `targetPath`, or for drivers that need no mount where the data is
   */
  publishVolume(
    request: NodeVolume & {
      /** With ability `stage` only. */
      readonly stagingPath?: string;
      readonly targetPath: string;
      readonly use: VolumeUse;
      readonly readOnly: boolean;
      readonly publishContext?: Readonly<Record<string, string>>;
      readonly secrets?: Secrets;
      /** True for `csi` volumes that live as long as the pod. */
      readonly ephemeral?: boolean;
    },
    options?: CallOptions,
  ): Promise<{ readonly path: string }>;
  unpublishVolume(
    request: { readonly volumeId: string; readonly targetPath: string },
    options?: CallOptions,
  ): Promise<void>;
  unstageVolume(
    request: { readonly volumeId: string; readonly stagingPath: string },
    options?: CallOptions,
  ): Promise<void>;
  /** The node's part of a growth, once a volume is published or staged. @returns the new size */
  expandVolume(
    request: {
      readonly volumeId: string;
      readonly path: string;
      readonly stagingPath?: string;
      readonly size: SizeRange;
      readonly use: VolumeUse;
      readonly secrets?: Secrets;
    },
    options?: CallOptions,
  ): Promise<{ readonly capacityBytes: number }>;
  stats(
    request: { readonly volumeId: string; readonly path: string; readonly stagingPath?: string },
    options?: CallOptions,
  ): Promise<VolumeStats>;
}
