/**
 * The protocol as a driver has it: a second writing of the specification's messages, so that a wrong
 * number in Gantry's own does not go unnoticed.
 */
export const CSI_PROTO = `
syntax = "proto3";
package csi.v1;
message Nothing {}
message BoolValue { bool value = 1; }
message Timestamp { int64 seconds = 1; int32 nanos = 2; }
message GetPluginInfoResponse { string name = 1; string vendor_version = 2; map<string, string> manifest = 3; }
message GetPluginCapabilitiesResponse { repeated PluginCapability capabilities = 1; }
message PluginCapability {
  message Service { enum Type { UNKNOWN = 0; CONTROLLER_SERVICE = 1; VOLUME_ACCESSIBILITY_CONSTRAINTS = 2; } Type type = 1; }
  message VolumeExpansion { enum Type { UNKNOWN = 0; ONLINE = 1; OFFLINE = 2; } Type type = 1; }
  oneof type { Service service = 1; VolumeExpansion volume_expansion = 2; }
}
message ProbeResponse { BoolValue ready = 1; }
message CapacityRange { int64 required_bytes = 1; int64 limit_bytes = 2; }
message VolumeCapability {
  message BlockVolume {}
  message MountVolume { string fs_type = 1; repeated string mount_flags = 2; string volume_mount_group = 3; }
  message AccessMode {
    enum Mode { UNKNOWN = 0; SINGLE_NODE_WRITER = 1; SINGLE_NODE_READER_ONLY = 2; MULTI_NODE_READER_ONLY = 3; MULTI_NODE_SINGLE_WRITER = 4; MULTI_NODE_MULTI_WRITER = 5; SINGLE_NODE_SINGLE_WRITER = 6; SINGLE_NODE_MULTI_WRITER = 7; }
    Mode mode = 1;
  }
  oneof access_type { BlockVolume block = 1; MountVolume mount = 2; }
  AccessMode access_mode = 3;
}
message VolumeContentSource {
  message SnapshotSource { string snapshot_id = 1; }
  message VolumeSource { string volume_id = 1; }
  oneof type { SnapshotSource snapshot = 1; VolumeSource volume = 2; }
}
message Topology { map<string, string> segments = 1; }
message TopologyRequirement { repeated Topology requisite = 1; repeated Topology preferred = 2; }
message CreateVolumeRequest {
  string name = 1; CapacityRange capacity_range = 2; repeated VolumeCapability volume_capabilities = 3;
  map<string, string> parameters = 4; map<string, string> secrets = 5;
  VolumeContentSource volume_content_source = 6; TopologyRequirement accessibility_requirements = 7;
}
message Volume {
  int64 capacity_bytes = 1; string volume_id = 2; map<string, string> volume_context = 3;
  VolumeContentSource content_source = 4; repeated Topology accessible_topology = 5;
}
message CreateVolumeResponse { Volume volume = 1; }
message DeleteVolumeRequest { string volume_id = 1; map<string, string> secrets = 2; }
message ControllerPublishVolumeRequest {
  string volume_id = 1; string node_id = 2; VolumeCapability volume_capability = 3; bool readonly = 4;
  map<string, string> secrets = 5; map<string, string> volume_context = 6;
}
message ControllerPublishVolumeResponse { map<string, string> publish_context = 1; }
message ControllerUnpublishVolumeRequest { string volume_id = 1; string node_id = 2; map<string, string> secrets = 3; }
message ControllerServiceCapability {
  message RPC {
    enum Type { UNKNOWN = 0; CREATE_DELETE_VOLUME = 1; PUBLISH_UNPUBLISH_VOLUME = 2; LIST_VOLUMES = 3; GET_CAPACITY = 4; CREATE_DELETE_SNAPSHOT = 5; LIST_SNAPSHOTS = 6; CLONE_VOLUME = 7; PUBLISH_READONLY = 8; EXPAND_VOLUME = 9; }
    Type type = 1;
  }
  oneof type { RPC rpc = 1; }
}
message ControllerGetCapabilitiesResponse { repeated ControllerServiceCapability capabilities = 1; }
message GetCapacityRequest { repeated VolumeCapability volume_capabilities = 1; map<string, string> parameters = 2; Topology accessible_topology = 3; }
message GetCapacityResponse { int64 available_capacity = 1; }
message CreateSnapshotRequest { string source_volume_id = 1; string name = 2; map<string, string> secrets = 3; map<string, string> parameters = 4; }
message Snapshot { int64 size_bytes = 1; string snapshot_id = 2; string source_volume_id = 3; Timestamp creation_time = 4; bool ready_to_use = 5; }
message CreateSnapshotResponse { Snapshot snapshot = 1; }
message DeleteSnapshotRequest { string snapshot_id = 1; map<string, string> secrets = 2; }
message ListSnapshotsRequest { int32 max_entries = 1; string starting_token = 2; string source_volume_id = 3; string snapshot_id = 4; map<string, string> secrets = 5; }
message ListSnapshotsResponse { message Entry { Snapshot snapshot = 1; } repeated Entry entries = 1; string next_token = 2; }
message ControllerExpandVolumeRequest { string volume_id = 1; CapacityRange capacity_range = 2; map<string, string> secrets = 3; VolumeCapability volume_capability = 4; }
message ControllerExpandVolumeResponse { int64 capacity_bytes = 1; bool node_expansion_required = 2; }
message NodeServiceCapability {
  message RPC {
    enum Type { UNKNOWN = 0; STAGE_UNSTAGE_VOLUME = 1; GET_VOLUME_STATS = 2; EXPAND_VOLUME = 3; VOLUME_CONDITION = 4; SINGLE_NODE_MULTI_WRITER = 5; VOLUME_MOUNT_GROUP = 6; }
    Type type = 1;
  }
  oneof type { RPC rpc = 1; }
}
message NodeGetCapabilitiesResponse { repeated NodeServiceCapability capabilities = 1; }
message NodeGetInfoResponse { string node_id = 1; int64 max_volumes_per_node = 2; Topology accessible_topology = 3; }
message NodeStageVolumeRequest {
  string volume_id = 1; map<string, string> publish_context = 2; string staging_target_path = 3;
  VolumeCapability volume_capability = 4; map<string, string> secrets = 5; map<string, string> volume_context = 6;
}
message NodeUnstageVolumeRequest { string volume_id = 1; string staging_target_path = 2; }
message NodePublishVolumeRequest {
  string volume_id = 1; map<string, string> publish_context = 2; string staging_target_path = 3; string target_path = 4;
  VolumeCapability volume_capability = 5; bool readonly = 6; map<string, string> secrets = 7; map<string, string> volume_context = 8;
}
message NodeUnpublishVolumeRequest { string volume_id = 1; string target_path = 2; }
message NodeGetVolumeStatsRequest { string volume_id = 1; string volume_path = 2; string staging_target_path = 3; }
message VolumeUsage { enum Unit { UNKNOWN = 0; BYTES = 1; INODES = 2; } int64 available = 1; int64 total = 2; int64 used = 3; Unit unit = 4; }
message VolumeCondition { bool abnormal = 1; string message = 2; }
message NodeGetVolumeStatsResponse { repeated VolumeUsage usage = 1; VolumeCondition volume_condition = 2; }
message NodeExpandVolumeRequest {
  string volume_id = 1; string volume_path = 2; CapacityRange capacity_range = 3;
  string staging_target_path = 4; VolumeCapability volume_capability = 5; map<string, string> secrets = 6;
}
message NodeExpandVolumeResponse { int64 capacity_bytes = 1; }
message PluginInfo { string type = 1; string name = 2; string endpoint = 3; repeated string supported_versions = 4; }
message RegistrationStatus { bool plugin_registered = 1; string error = 2; }
`;
