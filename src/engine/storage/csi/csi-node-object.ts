/** What the cluster knows of a node's CSI drivers: its CSINode and the labels of its topology. */
import type { CSINodeDriver } from "kubernetes-types/storage/v1";
import type { Client } from "../../../client/client.ts";
import { deepEqual } from "../../../kube/equality.ts";
import { type CSINode, csiNodes } from "../../../kube/kinds/csinode.ts";
import { type Node, nodes } from "../../../kube/kinds/node.ts";
import { isStatus } from "../../../kube/status-error.ts";
import type { NodeInfo } from "../volume-driver.ts";

/** Each conflict is another writer of the same object; more than this is no coincidence. */
const MAX_ATTEMPTS = 10;

/** Says that the driver is on the node, and from where the node reaches volumes. */
export async function publishDriver(
  client: Client,
  nodeName: string,
  driver: string,
  { nodeId, topology, maxVolumes }: NodeInfo,
): Promise<void> {
  const entry: CSINodeDriver = {
    name: driver,
    nodeID: nodeId,
    topologyKeys: Object.keys(topology).toSorted(),
    ...(maxVolumes === undefined ? {} : { allocatable: { count: maxVolumes } }),
  };
  const node = await labelNode(client, nodeName, topology);
  // What is said of a driver is final: one that changed is taken out first.
  await change(client, nodeName, node, (drivers) =>
    drivers.filter(({ name, nodeID, topologyKeys = [] }) => {
      const isSame = nodeID === entry.nodeID && deepEqual(topologyKeys, entry.topologyKeys);
      return name !== driver || isSame;
    }),
  );
  await change(client, nodeName, node, (drivers) => [
    ...drivers.filter(({ name }) => name !== driver),
    entry,
  ]);
}

/** Says that the driver is gone. Labels stay, as upstream: volumes refer to them. */
export async function withdrawDriver(
  client: Client,
  nodeName: string,
  driver: string,
): Promise<void> {
  await change(client, nodeName, undefined, (drivers) =>
    drivers.filter(({ name }) => name !== driver),
  );
}

async function labelNode(
  client: Client,
  name: string,
  labels: Readonly<Record<string, string>>,
): Promise<Node | undefined> {
  try {
    const node = await client.get(nodes, { name });
    const isLabelled = Object.entries(labels).every(
      ([key, value]) => node.metadata.labels?.[key] === value,
    );
    if (isLabelled) return node;
    const body = { metadata: { labels: { ...labels } } };
    return await client.patch(nodes, { name }, { type: "merge", body });
  } catch (error) {
    if (isStatus(error, "NotFound")) return undefined;
    throw error;
  }
}

async function change(
  client: Client,
  name: string,
  node: Node | undefined,
  next: (drivers: readonly CSINodeDriver[]) => CSINodeDriver[],
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      const found = await existing(client, name);
      const before = found?.spec.drivers ?? [];
      const drivers = next(before);
      if (deepEqual(drivers, before)) return;
      if (found === undefined) await client.create(csiNodes, csiNode(name, node, drivers));
      else await client.update(csiNodes, { ...found, spec: { drivers } });
      return;
    } catch (error) {
      const isRace = isStatus(error, "Conflict", "AlreadyExists", "NotFound");
      if (!isRace || attempt >= MAX_ATTEMPTS) throw error;
    }
  }
}

async function existing(client: Client, name: string): Promise<CSINode | undefined> {
  try {
    return await client.get(csiNodes, { name });
  } catch (error) {
    if (isStatus(error, "NotFound")) return undefined;
    throw error;
  }
}

function csiNode(name: string, node: Node | undefined, drivers: CSINodeDriver[]): CSINode {
  const uid = node?.metadata.uid;
  return {
    apiVersion: "storage.k8s.io/v1",
    kind: "CSINode",
    metadata: {
      name,
      ...(uid === undefined
        ? {}
        : { ownerReferences: [{ apiVersion: "v1", kind: "Node", name, uid }] }),
    },
    spec: { drivers },
  };
}
