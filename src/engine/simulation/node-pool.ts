/** Keeps as many simulated Nodes as `gantry up --simulated-nodes` says, and no more. */
import type { Client } from "../../client/client.ts";
import { apiVersionOf } from "../../kube/object.ts";
import { type Node, nodes } from "../../kube/kinds/node.ts";
import { isStatus } from "../../kube/status-error.ts";
import { CAPACITY, POOL_LABEL, SIMULATED_NODE } from "./annotations.ts";
import { BlockPool, formatBlock, nodeAddress, parseBlock } from "./pod-addresses.ts";
import { DEFAULT_CAPACITY, simulatedStatus } from "./simulated-node.ts";
import { parseCapacity } from "./capacity.ts";

export interface PoolOptions {
  readonly count: number;
  /** `cpu=32,memory=256Gi,pods=110`; what it leaves out is as by default. */
  readonly capacity?: string;
}

/** Written together: what one commit to disk takes. */
const WRITES_AT_ONCE = 256;
const POOL = "up";

/** Creates what is missing and deletes what is too much, by number. */
export async function keepNodePool(
  client: Client,
  { count, capacity }: PoolOptions,
  nowMs: number,
): Promise<void> {
  const { items } = await client.list(nodes);
  const existing = new Set(items.map(({ metadata }) => metadata.name));
  const blocks = new BlockPool();
  for (const { spec } of items) {
    const block = parseBlock(spec?.podCIDR);
    if (block !== undefined) blocks.take(block);
  }
  const names = Array.from({ length: count }, (_, index) => poolNodeName(index));
  const wanted = new Set(names);
  const surplus = items.filter(
    ({ metadata }) => metadata.labels?.[POOL_LABEL] === POOL && !wanted.has(metadata.name),
  );
  const missing = names.filter((name) => !existing.has(name));
  await inGroups(missing, async (name) => {
    await client.create(nodes, poolNode(name, capacity, blocks, nowMs));
  });
  await inGroups(surplus, async ({ metadata: { name } }) => {
    try {
      await client.delete(nodes, { name });
    } catch (error) {
      if (!isStatus(error, "NotFound")) throw error;
    }
  });
}

export const poolNodeName = (index: number): string =>
  `simulated-${String(index).padStart(4, "0")}`;

function poolNode(
  name: string,
  capacity: string | undefined,
  blocks: BlockPool,
  nowMs: number,
): Node {
  const asked = { ...DEFAULT_CAPACITY, ...parseCapacity(capacity ?? "") };
  const block = blocks.allocate(Number(asked.pods));
  const podCIDR = block === undefined ? undefined : formatBlock(block);
  const node: Node = {
    apiVersion: apiVersionOf(nodes),
    kind: nodes.kind,
    metadata: {
      name,
      labels: {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        [POOL_LABEL]: POOL,
      },
      annotations: {
        [SIMULATED_NODE]: "true",
        ...(capacity === undefined ? {} : { [CAPACITY]: capacity }),
      },
    },
    ...(podCIDR === undefined ? {} : { spec: { podCIDR, podCIDRs: [podCIDR] } }),
  };
  if (block === undefined) return node;
  return { ...node, status: simulatedStatus({ node, address: nodeAddress(block), nowMs }) };
}

async function inGroups<T>(items: readonly T[], write: (item: T) => Promise<void>): Promise<void> {
  for (let first = 0; first < items.length; first += WRITES_AT_ONCE)
    await Promise.all(items.slice(first, first + WRITES_AT_ONCE).map(write));
}
