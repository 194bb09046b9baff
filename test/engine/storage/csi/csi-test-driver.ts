/** A CSI driver of our own that speaks the real protocol over a Unix socket; its volumes are directories. */
import { lstat, readlink, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import {
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  status,
} from "@grpc/grpc-js";
import protobuf from "protobufjs";
import {
  type LocalDriver,
  openLocalDriver,
} from "../../../../src/engine/storage/local/local-driver.ts";
import type { Snapshot, VolumeSource } from "../../../../src/engine/storage/volume-driver.ts";
import { VolumeDriverError } from "../../../../src/engine/storage/volume-driver-error.ts";
import { CSI_PROTO } from "./csi-proto.ts";

const { root } = protobuf.parse(CSI_PROTO, { keepCase: true });
const typeOf = (name: string) => root.lookupType(`csi.v1.${name}`);

/** A request or answer of whatever message the method has. */
type Message = Record<string, unknown>;
export type Handler = (request: Message) => Promise<Message> | Message;

export interface CsiTestDriver {
  readonly socketPath: string;
  /** `Service/Method` of every call, in order, with its request. */
  readonly calls: { readonly method: string; readonly request: Message }[];
  /** What a method does instead; deleted, it does its own again. */
  readonly overrides: Map<string, Handler>;
  stop(): Promise<void>;
}

export class CsiStatus extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

const CODES: Readonly<Record<string, number>> = {
  InvalidArgument: status.INVALID_ARGUMENT,
  NotFound: status.NOT_FOUND,
  AlreadyExists: status.ALREADY_EXISTS,
  OutOfRange: status.OUT_OF_RANGE,
  ResourceExhausted: status.RESOURCE_EXHAUSTED,
};

export interface TestDriverOptions {
  readonly directory: string;
  readonly socketPath: string;
  readonly name?: string;
  /** Volumes are attached to nodes first. */
  readonly attaches?: boolean;
  /** Growth needs the node. */
  readonly growsOnNode?: boolean;
  /** Serves `pluginregistration.v1`, too, as node-driver-registrar does. */
  readonly registers?: boolean;
}

export async function startCsiDriver(options: TestDriverOptions): Promise<CsiTestDriver> {
  const { directory, socketPath } = options;
  const local = await openLocalDriver({ directory, nodeName: "node-1" });
  const calls: CsiTestDriver["calls"] = [];
  const overrides = new Map<string, Handler>();
  const server = new Server();
  for (const [service, methods] of Object.entries(methodsOf(local, options))) {
    const definition: Record<string, object> = {};
    const implementation: Record<string, (...args: never[]) => void> = {};
    for (const [method, [request, response, handler]] of Object.entries(methods)) {
      definition[method] = {
        path: `/${service}/${method}`,
        requestStream: false,
        responseStream: false,
        requestSerialize: (value: Message) => encode(request, value),
        requestDeserialize: (bytes: Buffer) => decode(request, bytes),
        responseSerialize: (value: Message) => encode(response, value),
        responseDeserialize: (bytes: Buffer) => decode(response, bytes),
      };
      const short = `${service.split(".").at(-1) ?? ""}/${method}`;
      implementation[method] = (
        call: ServerUnaryCall<Message, Message>,
        answer: sendUnaryData<Message>,
      ) => {
        calls.push({ method: short, request: call.request });
        const work = overrides.get(short) ?? handler;
        void run(work, call.request, answer);
      };
    }
    server.addService(
      definition as unknown as Parameters<Server["addService"]>[0],
      implementation as unknown as Parameters<Server["addService"]>[1],
    );
  }
  await rm(socketPath, { force: true });
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`unix:${socketPath}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    ),
  );
  return {
    socketPath,
    calls,
    overrides,
    stop: async () => {
      server.forceShutdown();
      await rm(socketPath, { force: true });
    },
  };
}

async function run(work: Handler, request: Message, answer: sendUnaryData<Message>): Promise<void> {
  try {
    answer(null, await work(request));
  } catch (error) {
    if (error instanceof CsiStatus) {
      answer({ code: error.code, details: error.message });
      return;
    }
    const code = error instanceof VolumeDriverError ? CODES[error.code] : undefined;
    answer({ code: code ?? status.INTERNAL, details: (error as Error).message });
  }
}

function encode(name: string, value: Message): Buffer {
  const type = typeOf(name);
  return Buffer.from(type.encode(type.fromObject(value)).finish());
}
function decode(name: string, bytes: Buffer): Message {
  return typeOf(name).toObject(typeOf(name).decode(bytes), {
    longs: Number,
    enums: String,
    defaults: true,
    oneofs: true,
  }) as Message;
}

type Method = readonly [request: string, response: string, handler: Handler];

function methodsOf(
  local: LocalDriver,
  options: TestDriverOptions,
): Readonly<Record<string, Readonly<Record<string, Method>>>> {
  const { name = "disks.example.com", attaches = false, growsOnNode = false } = options;
  const { controller, node } = local;
  const volumePath = (id: string) => join(options.directory, id);
  const require = async (id: string): Promise<void> => {
    await node.stats({ volumeId: id, path: "" });
  };
  const snapshotOf = (snapshot: Snapshot) => ({
    size_bytes: snapshot.sizeBytes,
    snapshot_id: snapshot.snapshotId,
    source_volume_id: snapshot.sourceVolumeId,
    creation_time: { seconds: Math.trunc(snapshot.createdAtMs / 1000), nanos: 0 },
    ready_to_use: snapshot.readyToUse,
  });
  const services: Record<string, Record<string, Method>> = {
    "csi.v1.Identity": {
      GetPluginInfo: ["Nothing", "GetPluginInfoResponse", () => ({ name, vendor_version: "1.2" })],
      GetPluginCapabilities: [
        "Nothing",
        "GetPluginCapabilitiesResponse",
        () => ({
          capabilities: [
            { service: { type: "CONTROLLER_SERVICE" } },
            { service: { type: "VOLUME_ACCESSIBILITY_CONSTRAINTS" } },
            { volume_expansion: { type: "ONLINE" } },
          ],
        }),
      ],
      Probe: ["Nothing", "ProbeResponse", () => ({ ready: { value: true } })],
    },
    "csi.v1.Controller": {
      ControllerGetCapabilities: [
        "Nothing",
        "ControllerGetCapabilitiesResponse",
        () => ({
          capabilities: [
            "CREATE_DELETE_VOLUME",
            "GET_CAPACITY",
            "CREATE_DELETE_SNAPSHOT",
            "LIST_SNAPSHOTS",
            "CLONE_VOLUME",
            "EXPAND_VOLUME",
            ...(attaches ? ["PUBLISH_UNPUBLISH_VOLUME"] : []),
          ].map((type) => ({ rpc: { type } })),
        }),
      ],
      CreateVolume: [
        "CreateVolumeRequest",
        "CreateVolumeResponse",
        async (request) => {
          const content = request["volume_content_source"] as Message | null;
          const source: VolumeSource | undefined =
            content === null
              ? undefined
              : content["type"] === "snapshot"
                ? { snapshotId: (content["snapshot"] as Message)["snapshot_id"] as string }
                : { volumeId: (content["volume"] as Message)["volume_id"] as string };
          const made = await controller.createVolume({
            name: request["name"] as string,
            size: {
              requiredBytes: (request["capacity_range"] as Message)["required_bytes"] as number,
            },
            use: { accessModes: ["ReadWriteOnce"], volumeMode: "Filesystem" },
            parameters: {},
            ...(source === undefined ? {} : { source }),
          });
          return {
            volume: {
              volume_id: made.volumeId,
              capacity_bytes: made.capacityBytes,
              volume_context: { kind: "directory" },
              accessible_topology: [{ segments: { "topology.example.com/zone": "z1" } }],
              ...(content === null ? {} : { content_source: content }),
            },
          };
        },
      ],
      DeleteVolume: [
        "DeleteVolumeRequest",
        "Nothing",
        async (request) => {
          await controller.deleteVolume({ volumeId: request["volume_id"] as string });
          return {};
        },
      ],
      ControllerPublishVolume: [
        "ControllerPublishVolumeRequest",
        "ControllerPublishVolumeResponse",
        async (request) => {
          await require(request["volume_id"] as string);
          return { publish_context: { device: `/dev/${request["volume_id"] as string}` } };
        },
      ],
      ControllerUnpublishVolume: ["ControllerUnpublishVolumeRequest", "Nothing", () => ({})],
      GetCapacity: [
        "GetCapacityRequest",
        "GetCapacityResponse",
        () => ({ available_capacity: 1_000_000_000 }),
      ],
      CreateSnapshot: [
        "CreateSnapshotRequest",
        "CreateSnapshotResponse",
        async (request) => ({
          snapshot: snapshotOf(
            await controller.createSnapshot({
              name: request["name"] as string,
              sourceVolumeId: request["source_volume_id"] as string,
              parameters: {},
            }),
          ),
        }),
      ],
      DeleteSnapshot: [
        "DeleteSnapshotRequest",
        "Nothing",
        async (request) => {
          await controller.deleteSnapshot({ snapshotId: request["snapshot_id"] as string });
          return {};
        },
      ],
      ListSnapshots: [
        "ListSnapshotsRequest",
        "ListSnapshotsResponse",
        async (request) => {
          const snapshotId = request["snapshot_id"] as string;
          const found = await controller.findSnapshot({ snapshotId });
          return { entries: found === undefined ? [] : [{ snapshot: snapshotOf(found) }] };
        },
      ],
      ControllerExpandVolume: [
        "ControllerExpandVolumeRequest",
        "ControllerExpandVolumeResponse",
        async (request) => {
          const { capacityBytes } = await controller.expandVolume({
            volumeId: request["volume_id"] as string,
            size: {
              requiredBytes: (request["capacity_range"] as Message)["required_bytes"] as number,
            },
            use: { accessModes: [], volumeMode: "Filesystem" },
          });
          return { capacity_bytes: capacityBytes, node_expansion_required: growsOnNode };
        },
      ],
    },
    "csi.v1.Node": {
      NodeGetCapabilities: [
        "Nothing",
        "NodeGetCapabilitiesResponse",
        () => ({
          capabilities: [
            "STAGE_UNSTAGE_VOLUME",
            "GET_VOLUME_STATS",
            ...(growsOnNode ? ["EXPAND_VOLUME"] : []),
          ].map((type) => ({ rpc: { type } })),
        }),
      ],
      NodeGetInfo: [
        "Nothing",
        "NodeGetInfoResponse",
        () => ({
          node_id: "disk-node-1",
          max_volumes_per_node: 5,
          accessible_topology: { segments: { "topology.example.com/zone": "z1" } },
        }),
      ],
      NodeStageVolume: [
        "NodeStageVolumeRequest",
        "Nothing",
        async (request) => {
          const id = request["volume_id"] as string;
          await require(id);
          await linkOnce(volumePath(id), join(request["staging_target_path"] as string, "volume"));
          return {};
        },
      ],
      NodeUnstageVolume: [
        "NodeUnstageVolumeRequest",
        "Nothing",
        async (request) => {
          await rm(join(request["staging_target_path"] as string, "volume"), { force: true });
          return {};
        },
      ],
      NodePublishVolume: [
        "NodePublishVolumeRequest",
        "Nothing",
        async (request) => {
          const id = request["volume_id"] as string;
          await require(id);
          const staged = join(request["staging_target_path"] as string, "volume");
          await linkOnce(await readlink(staged), request["target_path"] as string);
          return {};
        },
      ],
      NodeUnpublishVolume: [
        "NodeUnpublishVolumeRequest",
        "Nothing",
        async (request) => {
          await rm(request["target_path"] as string, { force: true });
          return {};
        },
      ],
      NodeGetVolumeStats: [
        "NodeGetVolumeStatsRequest",
        "NodeGetVolumeStatsResponse",
        async (request) => {
          const stats = await node.stats({ volumeId: request["volume_id"] as string, path: "" });
          return {
            usage: [
              {
                unit: "BYTES",
                used: stats.usedBytes,
                available: stats.availableBytes,
                total: stats.capacityBytes,
              },
              { unit: "INODES", used: stats.inodesUsed ?? 0, available: 10, total: 20 },
            ],
          };
        },
      ],
      NodeExpandVolume: [
        "NodeExpandVolumeRequest",
        "NodeExpandVolumeResponse",
        (request) => ({
          capacity_bytes: (request["capacity_range"] as Message)["required_bytes"] as number,
        }),
      ],
    },
  };
  if (options.registers === true)
    services["pluginregistration.Registration"] = {
      GetInfo: [
        "Nothing",
        "PluginInfo",
        () => ({
          type: "CSIPlugin",
          name,
          endpoint: options.socketPath,
          supported_versions: ["1.0.0"],
        }),
      ],
      NotifyRegistrationStatus: ["RegistrationStatus", "Nothing", () => ({})],
    };
  return services;
}

async function linkOnce(target: string, path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) await symlink(target, path);
}
