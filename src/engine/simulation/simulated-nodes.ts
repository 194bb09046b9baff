/** The simulated nodes as their agents keep them: address blocks, labels, status. */
import type { Client } from "../../client/client.ts";
import type { Clock } from "../../client/clock.ts";
import type { EventRecorder } from "../../client/event-recorder.ts";
import { deepEqual } from "../../kube/equality.ts";
import { type Node, nodes } from "../../kube/kinds/node.ts";
import { isStatus } from "../../kube/status-error.ts";
import {
  type Block,
  BlockPool,
  formatBlock,
  nodeAddress,
  parseBlock,
  PodAddresses,
} from "./pod-addresses.ts";
import {
  annotationProblems,
  isSimulated,
  missingLabels,
  simulatedStatus,
} from "./simulated-node.ts";

export class SimulatedNodes {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #events: EventRecorder;
  readonly #connect: ((nodeName: string) => () => void) | undefined;
  readonly #pool = new BlockPool();
  readonly #blocks = new Map<string, Block>();
  readonly #addresses = new Map<string, PodAddresses>();
  readonly #connections = new Map<string, () => void>();

  constructor(
    client: Client,
    clock: Clock,
    events: EventRecorder,
    connect: ((nodeName: string) => () => void) | undefined,
  ) {
    this.#client = client;
    this.#clock = clock;
    this.#events = events;
    this.#connect = connect;
  }

  /** Any Node as it is now: what it has nobody else gets. */
  observe({ metadata: { name }, spec }: Node): void {
    const block = parseBlock(spec?.podCIDR);
    if (block === undefined || this.#blocks.has(name)) return;
    this.#blocks.set(name, block);
    this.#pool.take(block);
  }

  /** The Node is gone. */
  forget({ metadata: { name } }: Node): void {
    const block = this.#blocks.get(name);
    this.#blocks.delete(name);
    if (block !== undefined) this.#pool.release(block);
    this.release(name);
  }

  /** The Node is not simulated any more. */
  release(name: string): void {
    this.#addresses.delete(name);
    this.#connections.get(name)?.();
    this.#connections.delete(name);
  }

  disconnect(): void {
    for (const name of this.#connections.keys()) this.release(name);
  }

  /** The node's own address; undefined until it has a block. */
  addressOf({ metadata: { name }, status }: Node): string | undefined {
    const own = status?.addresses?.find(({ type }) => type === "InternalIP")?.address;
    const block = this.#addresses.get(name)?.block;
    return block === undefined ? undefined : (own ?? nodeAddress(block));
  }

  podAddress(nodeName: string, uid: string, had: string | undefined): string | undefined {
    return this.#addresses.get(nodeName)?.of(uid, had);
  }
  releasePod(nodeName: string, uid: string): void {
    this.#addresses.get(nodeName)?.release(uid);
  }

  /** Writes what its agent would. True when pods may go on: the node is as it should be. */
  async bringUp(node: Node): Promise<boolean> {
    const { name } = node.metadata;
    for (const problem of annotationProblems(node))
      this.#events.record(node, "Warning", "InvalidSimulation", problem);
    const block = this.#blockFor(node);
    if (block === undefined) {
      this.#events.record(node, "Warning", "CIDRNotAvailable", "no address block is left");
      return false;
    }
    if (this.#addresses.get(name)?.block !== block)
      this.#addresses.set(name, new PodAddresses(block));
    if (!this.#connections.has(name) && this.#connect !== undefined)
      this.#connections.set(name, this.#connect(name));
    try {
      // The change brings the node back here.
      if (await this.#writeMetadata(node, block)) return false;
      const status = simulatedStatus({
        node,
        address: nodeAddress(block),
        nowMs: this.#clock.now(),
      });
      if (!deepEqual(status, node.status)) await this.#writeStatus(node, status);
    } catch (error) {
      // Gone, or changed meanwhile: the watch brings it back.
      if (!isStatus(error, "NotFound", "Conflict")) throw error;
      return false;
    }
    return true;
  }

  #blockFor(node: Node): Block | undefined {
    const { name } = node.metadata;
    const known = this.#blocks.get(name);
    if (known !== undefined) return known;
    const { nowMs, status } = { nowMs: this.#clock.now(), status: node.status ?? {} };
    const { capacity } = simulatedStatus({ node: { ...node, status }, address: "", nowMs });
    const block = this.#pool.allocate(Number(capacity?.["pods"] ?? 0));
    if (block !== undefined) this.#blocks.set(name, block);
    return block;
  }

  async #writeMetadata(node: Node, block: Block): Promise<boolean> {
    const labels = missingLabels(node);
    const podCIDR = formatBlock(block);
    const lacksBlock = parseBlock(node.spec?.podCIDR) === undefined && isSimulated(node);
    if (labels === undefined && !lacksBlock) return false;
    const body = {
      ...(labels === undefined ? {} : { metadata: { labels } }),
      ...(lacksBlock ? { spec: { podCIDR, podCIDRs: [podCIDR] } } : {}),
    };
    await this.#client.patch(nodes, { name: node.metadata.name }, { type: "merge", body });
    return true;
  }

  async #writeStatus(node: Node, status: NonNullable<Node["status"]>): Promise<void> {
    await this.#client.update(nodes, { ...node, status }, { subresource: "status" });
  }
}
