/** A CSI driver behind its Unix socket as a `VolumeDriver`. */
import { dns1123Subdomain } from "../../../kube/names.ts";
import type { UnknownObject } from "../../../kube/json-object.ts";
import { mkdir, rmdir, stat } from "node:fs/promises";
import type { Secrets } from "../secrets.ts";
import type {
  CallOptions,
  ControllerAbility,
  ControllerService,
  CreateVolumeRequest,
  DriverAbilities,
  NodeAbility,
  NodeInfo,
  NodeService,
  VolumeDriver,
  VolumeUse,
} from "../volume-driver.ts";
import { VolumeDriverError } from "../volume-driver-error.ts";
import { CsiConnection } from "./csi-connection.ts";
import { CONTROLLER_RPC, EXPANSION, NODE_RPC, PLUGIN_SERVICE, USAGE_UNIT } from "./csi-messages.ts";
import {
  capabilityOf,
  capacityRange,
  list,
  number,
  part,
  snapshotFrom,
  strongestMode,
  text,
  texts,
  topologyOf,
  volumeFrom,
} from "./csi-values.ts";

/** Questions about the driver itself, which need no storage behind it. */
const INTRODUCTION_TIMEOUT_MS = 10_000;
const MAX_NAME_LENGTH = 63;
/** Drivers answer with the one snapshot that was asked for; some send others along. */
const MAX_SNAPSHOTS = 100;

export interface CsiDriver extends VolumeDriver {
  readonly controller: ControllerService;
  readonly node: NodeService;
  readonly nodeInfo: NodeInfo;
}

export interface CsiDriverOptions {
  readonly socketPath: string;
  /** How long one call may take. @default a minute */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Connects, and asks the driver who it is and what it can do.
 * @throws VolumeDriverError when it cannot be reached, is not ready yet or has no usable name
 */
export async function openCsiDriver(options: CsiDriverOptions): Promise<CsiDriver> {
  const connection = await CsiConnection.open(options.socketPath);
  try {
    const ask = (service: string, method: string, response = `${method}Response`) =>
      connection.call({
        path: `/csi.v1.${service}/${method}`,
        request: "Empty",
        response,
        timeoutMs: Math.min(INTRODUCTION_TIMEOUT_MS, options.timeoutMs ?? INTRODUCTION_TIMEOUT_MS),
        signal: options.signal,
      });
    const info = await ask("Identity", "GetPluginInfo");
    const name = text(info, "name");
    const problems = dns1123Subdomain(name.toLowerCase());
    if (problems.length > 0 || name.length > MAX_NAME_LENGTH)
      throw new VolumeDriverError(
        "InvalidArgument",
        `the driver calls itself ${JSON.stringify(name.slice(0, MAX_NAME_LENGTH))}: ${problems[0] ?? "the name is too long"}`,
      );
    const probed = part(await ask("Identity", "Probe"), "ready");
    const ready = probed === undefined || probed["value"] === true;
    if (!ready) throw new VolumeDriverError("Unavailable", `driver ${name} is not ready yet`);
    const plugin = list(await ask("Identity", "GetPluginCapabilities"), "capabilities");
    const services = new Set(plugin.map((one) => number(part(one, "service") ?? {}, "type")));
    const controllerRpcs = services.has(PLUGIN_SERVICE.controller)
      ? rpcsOf(await ask("Controller", "ControllerGetCapabilities"))
      : new Set<number>();
    const nodeRpcs = rpcsOf(await ask("Node", "NodeGetCapabilities"));
    const abilities = abilitiesOf(
      text(info, "vendorVersion"),
      services,
      plugin.map((one) => number(part(one, "volumeExpansion") ?? {}, "type")),
      controllerRpcs,
      nodeRpcs,
    );
    const nodeInfo = nodeInfoFrom(await ask("Node", "NodeGetInfo"));
    const calls: Calls = { connection, abilities, controllerRpcs, timeoutMs: options.timeoutMs };
    return {
      name,
      abilities,
      nodeInfo,
      controller: controllerService(calls),
      node: nodeService(calls, nodeInfo),
      close: () => {
        connection.close();
        return Promise.resolve();
      },
    };
  } catch (error) {
    connection.close();
    throw error;
  }
}

interface Calls {
  readonly connection: CsiConnection;
  readonly abilities: DriverAbilities;
  readonly controllerRpcs: ReadonlySet<number>;
  readonly timeoutMs: number | undefined;
}

function rpcsOf(answer: UnknownObject): ReadonlySet<number> {
  return new Set(list(answer, "capabilities").map((one) => number(part(one, "rpc") ?? {}, "type")));
}

function nodeInfoFrom(answer: UnknownObject): NodeInfo {
  const nodeId = text(answer, "nodeId");
  if (nodeId === "")
    throw new VolumeDriverError("Internal", "the driver has no name for this node (NodeGetInfo)");
  const maxVolumes = number(answer, "maxVolumesPerNode");
  return {
    nodeId,
    ...(maxVolumes === 0 ? {} : { maxVolumes }),
    topology: topologyOf(part(answer, "accessibleTopology") ?? {}),
  };
}

function abilitiesOf(
  version: string,
  services: ReadonlySet<number>,
  expansions: readonly number[],
  controllerRpcs: ReadonlySet<number>,
  nodeRpcs: ReadonlySet<number>,
): DriverAbilities {
  const controller: [ControllerAbility, number][] = [
    ["create", CONTROLLER_RPC.createDeleteVolume],
    ["publish", CONTROLLER_RPC.publishUnpublishVolume],
    ["snapshot", CONTROLLER_RPC.createDeleteSnapshot],
    ["listSnapshots", CONTROLLER_RPC.listSnapshots],
    ["clone", CONTROLLER_RPC.cloneVolume],
    ["expand", CONTROLLER_RPC.expandVolume],
    ["capacity", CONTROLLER_RPC.getCapacity],
    ["singleNodeMultiWriter", CONTROLLER_RPC.singleNodeMultiWriter],
  ];
  const node: [NodeAbility, number][] = [
    ["stage", NODE_RPC.stageUnstage],
    ["stats", NODE_RPC.getVolumeStats],
    ["expand", NODE_RPC.expandVolume],
    ["singleNodeMultiWriter", NODE_RPC.singleNodeMultiWriter],
    ["mountGroup", NODE_RPC.volumeMountGroup],
  ];
  const grows =
    controllerRpcs.has(CONTROLLER_RPC.expandVolume) || nodeRpcs.has(NODE_RPC.expandVolume);
  const isOffline =
    expansions.includes(EXPANSION.offline) && !expansions.includes(EXPANSION.online);
  return {
    version,
    topology: services.has(PLUGIN_SERVICE.topology),
    controller: new Set(
      controller.filter(([, rpc]) => controllerRpcs.has(rpc)).map(([one]) => one),
    ),
    node: new Set(node.filter(([, rpc]) => nodeRpcs.has(rpc)).map(([one]) => one)),
    expansion: grows ? (isOffline ? "offline" : "online") : "none",
  };
}

function caller({ connection, timeoutMs }: Calls, service: string) {
  return (
    method: string,
    value: UnknownObject,
    options: CallOptions & { readonly secrets?: Secrets | undefined } = {},
    response = "Empty",
  ): Promise<UnknownObject> =>
    connection.call({
      path: `/csi.v1.${service}/${method}`,
      request: `${method}Request`,
      response,
      value,
      secrets: options.secrets,
      signal: options.signal,
      timeoutMs,
    });
}

function controllerService(calls: Calls): ControllerService {
  const call = caller(calls, "Controller");
  const { abilities, controllerRpcs } = calls;
  const knowsSingleWriters = abilities.controller.has("singleNodeMultiWriter");
  const capabilities = (use: VolumeUse) =>
    (use.accessModes.length === 0 ? ["ReadWriteOnce"] : use.accessModes).map((mode) =>
      capabilityOf(use, knowsSingleWriters, mode),
    );
  const capability = (use: VolumeUse) => capabilityOf(use, knowsSingleWriters, strongestMode(use));
  return {
    async createVolume({ secrets, ...request }, options) {
      const value = createVolumeValue(request, capabilities(request.use));
      const answer = await call(
        "CreateVolume",
        value,
        { ...options, secrets },
        "CreateVolumeResponse",
      );
      const volume = volumeFrom(answer);
      const source = part(part(answer, "volume") ?? {}, "contentSource");
      if (request.source !== undefined && source === undefined)
        // Data that the user asked for is not there: never hand the volume out.
        throw new VolumeDriverError(
          "Internal",
          "volume content source missing: the driver ignored what the volume was to be filled with",
        );
      return volume;
    },
    async deleteVolume({ volumeId, secrets }, options) {
      await gone(call("DeleteVolume", { volumeId }, { ...options, secrets }));
    },
    async publishVolume({ secrets, volumeId, nodeId, use, readOnly, context }, options) {
      const value = {
        volumeId,
        nodeId,
        volumeCapability: capability(use),
        readonly: readOnly && controllerRpcs.has(CONTROLLER_RPC.publishReadonly),
        volumeContext: context,
      };
      const answer = await call(
        "ControllerPublishVolume",
        value,
        { ...options, secrets },
        "ControllerPublishVolumeResponse",
      );
      return texts(answer, "publishContext");
    },
    async unpublishVolume({ volumeId, nodeId, secrets }, options) {
      const value = { volumeId, nodeId };
      await gone(call("ControllerUnpublishVolume", value, { ...options, secrets }));
    },
    async expandVolume({ volumeId, size, use, secrets }, options) {
      const value = {
        volumeId,
        capacityRange: capacityRange(size),
        volumeCapability: capability(use),
      };
      const answer = await call(
        "ControllerExpandVolume",
        value,
        { ...options, secrets },
        "ControllerExpandVolumeResponse",
      );
      const needsNode = answer["nodeExpansionRequired"] === true;
      return { capacityBytes: number(answer, "capacityBytes"), needsNode };
    },
    async createSnapshot({ name, sourceVolumeId, parameters, secrets }, options) {
      const answer = await call(
        "CreateSnapshot",
        { name, sourceVolumeId, parameters },
        { ...options, secrets },
        "CreateSnapshotResponse",
      );
      return snapshotFrom(answer);
    },
    async deleteSnapshot({ snapshotId, secrets }, options) {
      await gone(call("DeleteSnapshot", { snapshotId }, { ...options, secrets }));
    },
    async findSnapshot({ snapshotId, secrets }, options) {
      const answer = await call(
        "ListSnapshots",
        { snapshotId, maxEntries: MAX_SNAPSHOTS },
        { ...options, secrets },
        "ListSnapshotsResponse",
      );
      return list(answer, "entries")
        .map(snapshotFrom)
        .find((snapshot) => snapshot.snapshotId === snapshotId);
    },
    async availableBytes({ parameters, accessibleFrom }, options) {
      const place =
        accessibleFrom === undefined ? {} : { accessibleTopology: { segments: accessibleFrom } };
      const answer = await call(
        "GetCapacity",
        { parameters, ...place },
        options,
        "GetCapacityResponse",
      );
      return number(answer, "availableCapacity");
    },
  };
}

function createVolumeValue(
  { name, size, parameters, source, accessibleFrom }: CreateVolumeRequest,
  volumeCapabilities: readonly UnknownObject[],
): UnknownObject {
  const places = accessibleFrom?.map((segments) => ({ segments }));
  return {
    name,
    capacityRange: capacityRange(size),
    volumeCapabilities,
    parameters,
    ...(source === undefined
      ? {}
      : {
          volumeContentSource:
            "snapshotId" in source
              ? { snapshot: { snapshotId: source.snapshotId } }
              : { volume: { volumeId: source.volumeId } },
        }),
    ...(places === undefined
      ? {}
      : { accessibilityRequirements: { requisite: places, preferred: places } }),
  };
}

function nodeService(calls: Calls, nodeInfo: NodeInfo): NodeService {
  const call = caller(calls, "Node");
  const knowsSingleWriters = calls.abilities.node.has("singleNodeMultiWriter");
  const capability = (use: VolumeUse) => capabilityOf(use, knowsSingleWriters, strongestMode(use));
  return {
    info: () => Promise.resolve(nodeInfo),
    async stageVolume(request, options) {
      const { volumeId, context, stagingPath, use, publishContext = {}, secrets } = request;
      // Kubelets make the staging directory; drivers rely on it.
      if (use.volumeMode === "Filesystem") await mkdir(stagingPath, { recursive: true });
      await call(
        "NodeStageVolume",
        {
          volumeId,
          publishContext,
          stagingTargetPath: stagingPath,
          volumeCapability: capability(use),
          volumeContext: context,
        },
        { ...options, secrets },
      );
    },
    async publishVolume(request, options) {
      const { volumeId, context, stagingPath = "", targetPath, use, readOnly } = request;
      const { publishContext = {}, secrets, ephemeral = false } = request;
      await call(
        "NodePublishVolume",
        {
          volumeId,
          publishContext,
          stagingTargetPath: stagingPath,
          targetPath,
          volumeCapability: capability(use),
          readonly: readOnly,
          volumeContext: ephemeral
            ? { ...context, "csi.storage.k8s.io/ephemeral": "true" }
            : context,
        },
        { ...options, secrets },
      );
      // A driver that says yes and mounts nothing would let the pod write to the node's own disk.
      if ((await stat(targetPath).catch(() => undefined)) === undefined)
        throw new VolumeDriverError(
          "Internal",
          `the driver said that it published ${volumeId}, but there is nothing at ${targetPath}`,
        );
      return { path: targetPath };
    },
    async unpublishVolume({ volumeId, targetPath }, options) {
      await gone(call("NodeUnpublishVolume", { volumeId, targetPath }, options));
    },
    async unstageVolume({ volumeId, stagingPath }, options) {
      await gone(call("NodeUnstageVolume", { volumeId, stagingTargetPath: stagingPath }, options));
      // Empty once the driver has let go of it; what is not empty is still mounted, and stays.
      await rmdir(stagingPath).catch(() => undefined);
    },
    async expandVolume({ volumeId, path, stagingPath = "", size, use, secrets }, options) {
      const answer = await call(
        "NodeExpandVolume",
        {
          volumeId,
          volumePath: path,
          capacityRange: capacityRange(size),
          stagingTargetPath: stagingPath,
          volumeCapability: capability(use),
        },
        { ...options, secrets },
        "NodeExpandVolumeResponse",
      );
      return { capacityBytes: number(answer, "capacityBytes") || size.requiredBytes };
    },
    async stats({ volumeId, path, stagingPath = "" }, options) {
      const answer = await call(
        "NodeGetVolumeStats",
        { volumeId, volumePath: path, stagingTargetPath: stagingPath },
        options,
        "NodeGetVolumeStatsResponse",
      );
      const usage = list(answer, "usage");
      const of = (unit: number) => usage.find((one) => number(one, "unit") === unit);
      const bytes = of(USAGE_UNIT.bytes) ?? {};
      const inodes = of(USAGE_UNIT.inodes);
      const condition = part(answer, "volumeCondition") ?? {};
      return {
        usedBytes: number(bytes, "used"),
        availableBytes: number(bytes, "available"),
        capacityBytes: number(bytes, "total"),
        ...(inodes === undefined
          ? {}
          : {
              inodesUsed: number(inodes, "used"),
              inodesFree: number(inodes, "available"),
              inodes: number(inodes, "total"),
            }),
        ...(condition["abnormal"] === true ? { abnormal: text(condition, "message") } : {}),
      };
    },
  };
}

/** What is gone already need not be taken away: some drivers say so instead of saying yes. */
async function gone(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof VolumeDriverError) || error.code !== "NotFound") throw error;
  }
}
