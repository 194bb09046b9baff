/**
 * The messages of the Container Storage Interface v1 that Gantry sends and reads, and those by which
 * drivers register with a node (`pluginregistration.v1`). Names are ours to choose, as only numbers
 * and types are on the wire: `field: "<type> <number>"`, `[]` for lists, `{}` for maps of strings.
 */

export type MessageFields = Readonly<Record<string, string>>;

export const CSI_MESSAGES: Readonly<Record<string, MessageFields>> = {
  Empty: {},
  // google.protobuf
  BoolValue: { value: "bool 1" },
  Timestamp: { seconds: "int64 1", nanos: "int32 2" },

  // Identity
  GetPluginInfoResponse: { name: "string 1", vendorVersion: "string 2" },
  GetPluginCapabilitiesResponse: { capabilities: "PluginCapability[] 1" },
  PluginCapability: { service: "PluginService 1", volumeExpansion: "VolumeExpansion 2" },
  PluginService: { type: "int32 1" },
  VolumeExpansion: { type: "int32 1" },
  ProbeResponse: { ready: "BoolValue 1" },

  // Shared
  VolumeCapability: { block: "Empty 1", mount: "MountVolume 2", accessMode: "AccessMode 3" },
  MountVolume: { fsType: "string 1", mountFlags: "string[] 2", volumeMountGroup: "string 3" },
  AccessMode: { mode: "int32 1" },
  CapacityRange: { requiredBytes: "int64 1", limitBytes: "int64 2" },
  Topology: { segments: "{} 1" },
  TopologyRequirement: { requisite: "Topology[] 1", preferred: "Topology[] 2" },
  ServiceCapability: { rpc: "ServiceRpc 1" },
  ServiceRpc: { type: "int32 1" },

  // Controller
  ControllerGetCapabilitiesResponse: { capabilities: "ServiceCapability[] 1" },
  CreateVolumeRequest: {
    name: "string 1",
    capacityRange: "CapacityRange 2",
    volumeCapabilities: "VolumeCapability[] 3",
    parameters: "{} 4",
    secrets: "{} 5",
    volumeContentSource: "VolumeContentSource 6",
    accessibilityRequirements: "TopologyRequirement 7",
  },
  VolumeContentSource: { snapshot: "SnapshotSource 1", volume: "VolumeSource 2" },
  SnapshotSource: { snapshotId: "string 1" },
  VolumeSource: { volumeId: "string 1" },
  CreateVolumeResponse: { volume: "Volume 1" },
  Volume: {
    capacityBytes: "int64 1",
    volumeId: "string 2",
    volumeContext: "{} 3",
    contentSource: "VolumeContentSource 4",
    accessibleTopology: "Topology[] 5",
  },
  DeleteVolumeRequest: { volumeId: "string 1", secrets: "{} 2" },
  ControllerPublishVolumeRequest: {
    volumeId: "string 1",
    nodeId: "string 2",
    volumeCapability: "VolumeCapability 3",
    readonly: "bool 4",
    secrets: "{} 5",
    volumeContext: "{} 6",
  },
  ControllerPublishVolumeResponse: { publishContext: "{} 1" },
  ControllerUnpublishVolumeRequest: { volumeId: "string 1", nodeId: "string 2", secrets: "{} 3" },
  GetCapacityRequest: {
    volumeCapabilities: "VolumeCapability[] 1",
    parameters: "{} 2",
    accessibleTopology: "Topology 3",
  },
  GetCapacityResponse: { availableCapacity: "int64 1" },
  CreateSnapshotRequest: {
    sourceVolumeId: "string 1",
    name: "string 2",
    secrets: "{} 3",
    parameters: "{} 4",
  },
  CreateSnapshotResponse: { snapshot: "Snapshot 1" },
  Snapshot: {
    sizeBytes: "int64 1",
    snapshotId: "string 2",
    sourceVolumeId: "string 3",
    creationTime: "Timestamp 4",
    readyToUse: "bool 5",
  },
  DeleteSnapshotRequest: { snapshotId: "string 1", secrets: "{} 2" },
  ListSnapshotsRequest: {
    maxEntries: "int32 1",
    startingToken: "string 2",
    sourceVolumeId: "string 3",
    snapshotId: "string 4",
    secrets: "{} 5",
  },
  ListSnapshotsResponse: { entries: "SnapshotEntry[] 1", nextToken: "string 2" },
  SnapshotEntry: { snapshot: "Snapshot 1" },
  ControllerExpandVolumeRequest: {
    volumeId: "string 1",
    capacityRange: "CapacityRange 2",
    secrets: "{} 3",
    volumeCapability: "VolumeCapability 4",
  },
  ControllerExpandVolumeResponse: { capacityBytes: "int64 1", nodeExpansionRequired: "bool 2" },

  // Node
  NodeGetCapabilitiesResponse: { capabilities: "ServiceCapability[] 1" },
  NodeGetInfoResponse: {
    nodeId: "string 1",
    maxVolumesPerNode: "int64 2",
    accessibleTopology: "Topology 3",
  },
  NodeStageVolumeRequest: {
    volumeId: "string 1",
    publishContext: "{} 2",
    stagingTargetPath: "string 3",
    volumeCapability: "VolumeCapability 4",
    secrets: "{} 5",
    volumeContext: "{} 6",
  },
  NodeUnstageVolumeRequest: { volumeId: "string 1", stagingTargetPath: "string 2" },
  NodePublishVolumeRequest: {
    volumeId: "string 1",
    publishContext: "{} 2",
    stagingTargetPath: "string 3",
    targetPath: "string 4",
    volumeCapability: "VolumeCapability 5",
    readonly: "bool 6",
    secrets: "{} 7",
    volumeContext: "{} 8",
  },
  NodeUnpublishVolumeRequest: { volumeId: "string 1", targetPath: "string 2" },
  NodeGetVolumeStatsRequest: {
    volumeId: "string 1",
    volumePath: "string 2",
    stagingTargetPath: "string 3",
  },
  NodeGetVolumeStatsResponse: { usage: "VolumeUsage[] 1", volumeCondition: "VolumeCondition 2" },
  VolumeUsage: { available: "int64 1", total: "int64 2", used: "int64 3", unit: "int32 4" },
  VolumeCondition: { abnormal: "bool 1", message: "string 2" },
  NodeExpandVolumeRequest: {
    volumeId: "string 1",
    volumePath: "string 2",
    capacityRange: "CapacityRange 3",
    stagingTargetPath: "string 4",
    volumeCapability: "VolumeCapability 5",
    secrets: "{} 6",
  },
  NodeExpandVolumeResponse: { capacityBytes: "int64 1" },

  // pluginregistration.v1
  PluginInfo: {
    type: "string 1",
    name: "string 2",
    endpoint: "string 3",
    supportedVersions: "string[] 4",
  },
  RegistrationStatus: { pluginRegistered: "bool 1", error: "string 2" },
};

/** Enums, by the numbers that the specification gives them. */
export const PLUGIN_SERVICE = { controller: 1, topology: 2 } as const;
export const EXPANSION = { online: 1, offline: 2 } as const;
export const CONTROLLER_RPC = {
  createDeleteVolume: 1,
  publishUnpublishVolume: 2,
  getCapacity: 4,
  createDeleteSnapshot: 5,
  listSnapshots: 6,
  cloneVolume: 7,
  publishReadonly: 8,
  expandVolume: 9,
  singleNodeMultiWriter: 13,
} as const;
export const NODE_RPC = {
  stageUnstage: 1,
  getVolumeStats: 2,
  expandVolume: 3,
  singleNodeMultiWriter: 5,
  volumeMountGroup: 6,
} as const;
export const ACCESS_MODE = {
  singleNodeWriter: 1,
  multiNodeReaderOnly: 3,
  multiNodeMultiWriter: 5,
  singleNodeSingleWriter: 6,
  singleNodeMultiWriter: 7,
} as const;
export const USAGE_UNIT = { bytes: 1, inodes: 2 } as const;
