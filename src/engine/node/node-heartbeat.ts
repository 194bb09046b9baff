/**
 * Registers the node and keeps it alive: a lease every 10 s, which is cheap, and the whole status
 * every 5 minutes, as the kubelet does.
 */
import type { Client } from "../../client/client.ts";
import { type Clock, sleep } from "../../client/clock.ts";
import type { Logger } from "../../client/logger.ts";
import { formatMicroTime } from "../../client/timestamps.ts";
import { type Lease, leases } from "../../kube/kinds/lease.ts";
import { type Node, nodes } from "../../kube/kinds/node.ts";
import { isStatus } from "../../kube/status-error.ts";
import { type NodeObjectInputs, nodeObject } from "./node-object.ts";

const LEASE_PERIOD_MS = 10_000;
const LEASE_SECONDS = 40;
const STATUS_PERIOD_MS = 300_000;
const LEASE_NAMESPACE = "kube-node-lease";

export interface HeartbeatOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly describe: Omit<NodeObjectInputs, "nowMs" | "current">;
}

/** Creates the Node or brings an existing one up to date. */
export async function registerNode(options: HeartbeatOptions): Promise<Node> {
  const { client, clock, describe } = options;
  const current = await currentNode(options);
  if (current === undefined) {
    const node = nodeObject({ ...describe, nowMs: clock.now() });
    const created = await client.create(nodes, node, { fieldManager: "kubelet" });
    return writeStatus(options, created);
  }
  const node = nodeObject({ ...describe, nowMs: clock.now(), current });
  const { name, labels = {} } = node.metadata;
  const patch = { type: "merge", body: { metadata: { labels } } } as const;
  await client.patch(nodes, { name }, patch, { fieldManager: "kubelet" });
  return writeStatus(options, current);
}

/** Runs until the signal aborts. */
export async function heartbeat(options: HeartbeatOptions, signal: AbortSignal): Promise<void> {
  const { clock, logger } = options;
  let statusDueMs = clock.now() + STATUS_PERIOD_MS;
  while (!signal.aborted) {
    try {
      await renewLease(options);
      if (clock.now() >= statusDueMs) {
        await registerNode(options);
        statusDueMs = clock.now() + STATUS_PERIOD_MS;
      }
    } catch (error) {
      logger.warn({ err: error, node: options.describe.nodeName }, "node heartbeat failed");
    }
    await sleep(clock, LEASE_PERIOD_MS, signal).catch(() => undefined);
  }
}

async function currentNode({ client, describe }: HeartbeatOptions): Promise<Node | undefined> {
  try {
    return await client.get(nodes, { name: describe.nodeName });
  } catch (error) {
    if (isStatus(error, "NotFound")) return undefined;
    throw error;
  }
}

async function writeStatus(options: HeartbeatOptions, current: Node): Promise<Node> {
  const { client, clock, describe } = options;
  const { status } = nodeObject({ ...describe, nowMs: clock.now(), current });
  const body = JSON.parse(JSON.stringify({ status })) as { status: Record<string, never> };
  return client.patch(
    nodes,
    { name: describe.nodeName },
    { type: "strategic", body },
    { subresource: "status", fieldManager: "kubelet" },
  );
}

async function renewLease({ client, clock, describe }: HeartbeatOptions): Promise<void> {
  const key = { namespace: LEASE_NAMESPACE, name: describe.nodeName };
  const spec = {
    holderIdentity: describe.nodeName,
    leaseDurationSeconds: LEASE_SECONDS,
    renewTime: formatMicroTime(clock.now()),
  };
  try {
    await client.patch(leases, key, { type: "merge", body: { spec } }, { fieldManager: "kubelet" });
  } catch (error) {
    if (!isStatus(error, "NotFound")) throw error;
    const lease: Lease = {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: key,
      spec,
    };
    await client.create(leases, lease, { fieldManager: "kubelet" });
  }
}
