/** A CSI driver behind its Unix socket as a `VolumeDriver`. */
import { dns1123Subdomain } from "../../../kube/names.ts";
import type { UnknownObject } from "../../../kube/json-object.ts";
import type {
  ControllerAbility,
  ControllerService,
  DriverAbilities,
  NodeAbility,
  NodeInfo,
  NodeService,
  VolumeDriver,
} from "../volume-driver.ts";
import { VolumeDriverError } from "../volume-driver-error.ts";
import type { CsiCalls } from "./csi-calls.ts";
import { CsiConnection } from "./csi-connection.ts";
import { controllerService } from "./csi-controller-service.ts";
import { CONTROLLER_RPC, EXPANSION, NODE_RPC, PLUGIN_SERVICE } from "./csi-messages.ts";
import { nodeService } from "./csi-node-service.ts";
import { list, number, part, text, topologyOf } from "./csi-values.ts";

/** Questions about the driver itself, which need no storage behind it. */
const INTRODUCTION_TIMEOUT_MS = 10_000;
const MAX_NAME_LENGTH = 63;

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
    const calls: CsiCalls = { connection, abilities, controllerRpcs, timeoutMs: options.timeoutMs };
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
