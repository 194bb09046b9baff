/**
 * Registers the node and keeps it alive: a lease every 10 s, which is cheap, and the status when it is
 * not what it should be, or every 5 minutes, as the kubelet does.
 */
import type { Client } from "../../client/client.ts";
import { type Clock, sleep } from "../../client/clock.ts";
import type { Logger } from "../../client/logger.ts";
import { isConditionTrue } from "../../kube/conditions.ts";
import { type Node, nodes } from "../../kube/kinds/node.ts";
import { isStatus } from "../../kube/status-error.ts";
import { type NodeObjectInputs, nodeObject } from "./node-object.ts";
import { RENEW_PERIOD_MS, renewLease } from "./renew-lease.ts";

const STATUS_PERIOD_MS = 300_000;

export interface HeartbeatOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly describe: Omit<NodeObjectInputs, "nowMs" | "current">;
}

/** Creates the Node, ready from the start, or brings an existing one up to date. */
export async function registerNode(options: HeartbeatOptions): Promise<Node> {
  const { client, clock, describe } = options;
  const current = await currentNode(options);
  if (current === undefined) {
    const node = nodeObject({ ...describe, nowMs: clock.now() });
    return client.create(nodes, node, { fieldManager: "kubelet" });
  }
  const node = nodeObject({ ...describe, nowMs: clock.now(), current });
  const { name, labels = {} } = node.metadata;
  const patch = { type: "merge", body: { metadata: { labels } } } as const;
  await client.patch(nodes, { name }, patch, { fieldManager: "kubelet" });
  return writeStatus(options, current);
}

/** Runs until the signal aborts. */
export async function heartbeat(
  options: HeartbeatOptions,
  registered: Node,
  signal: AbortSignal,
): Promise<void> {
  const { client, clock, logger } = options;
  let node = registered;
  let statusDueMs = clock.now() + STATUS_PERIOD_MS;
  while (!signal.aborted) {
    try {
      await renewLease(client, node, clock.now());
      const current = await currentNode(options);
      if (current === undefined || clock.now() >= statusDueMs || isMisjudged(current)) {
        node = await registerNode(options);
        statusDueMs = clock.now() + STATUS_PERIOD_MS;
      }
    } catch (error) {
      logger.warn({ err: error, node: options.describe.nodeName }, "node heartbeat failed");
    }
    await sleep(clock, RENEW_PERIOD_MS, signal).catch(() => undefined);
  }
}

/** While the agent could not be heard of, its node was given up. */
const isMisjudged = ({ status }: Node): boolean => !isConditionTrue(status?.conditions, "Ready");

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
