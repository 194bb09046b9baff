/** IPv4 address blocks for simulated nodes and addresses for the pods on them. */

/** Where blocks come from when a Node brings no `podCIDR`: nothing real is there. */
const POOL_START = toNumber("10.0.0.0");
const UNIT_SIZE = 256;
const POOL_UNITS = 2 ** 16;
/** The network's, the node's own, and the broadcast address. */
const RESERVED = 3;

export interface Block {
  readonly start: number;
  readonly size: number;
}

/** Undefined for what is no IPv4 range, or one too small for a pod. */
export function parseBlock(cidr: string | undefined): Block | undefined {
  const [, address = "", length = ""] = /^([\d.]+)\/(\d{1,2})$/.exec(cidr ?? "") ?? [];
  if (address === "" || Number(length) > 30) return undefined;
  const size = 2 ** (32 - Number(length));
  return { start: Math.floor(toNumber(address) / size) * size, size };
}

export const formatBlock = ({ start, size }: Block): string =>
  `${toText(start)}/${32 - Math.log2(size)}`;

/** The node's own address: the first of its block. */
export const nodeAddress = ({ start }: Block): string => toText(start + 1);

/** Hands out blocks that no node has. */
export class BlockPool {
  readonly #taken = new Set<number>();
  #next = 0;

  /** Marks what a Node has, wherever it got it from. */
  take(block: Block): void {
    for (const unit of unitsOf(block)) this.#taken.add(unit);
  }
  release(block: Block): void {
    for (const unit of unitsOf(block)) this.#taken.delete(unit);
  }

  /** A block with room for so many pods; undefined when none is left. */
  allocate(maxPods: number): Block | undefined {
    const units = 2 ** Math.ceil(Math.log2(Math.max(1, (maxPods + RESERVED) / UNIT_SIZE)));
    for (let tried = 0; tried < POOL_UNITS; tried += units) {
      const first = Math.ceil(this.#next / units) * units;
      this.#next = first + units >= POOL_UNITS ? 0 : first + units;
      if (first + units > POOL_UNITS) continue;
      const block = { start: POOL_START + first * UNIT_SIZE, size: units * UNIT_SIZE };
      if (unitsOf(block).some((unit) => this.#taken.has(unit))) continue;
      this.take(block);
      return block;
    }
    return undefined;
  }
}

/** Units of the pool that a block covers, at most all of them. */
function unitsOf({ start, size }: Block): number[] {
  const first = Math.max(0, Math.floor((start - POOL_START) / UNIT_SIZE));
  const last = Math.min(POOL_UNITS, Math.ceil((start + size - POOL_START) / UNIT_SIZE));
  return Array.from({ length: Math.max(0, last - first) }, (_, index) => first + index);
}

/** The addresses of one node's pods. */
export class PodAddresses {
  readonly block: Block;
  readonly #byPod = new Map<string, number>();
  readonly #taken = new Set<number>();
  #next = 0;

  constructor(block: Block) {
    this.block = block;
  }

  /** The pod's address: the one it has, the one it had, or a free one; undefined when none is left. */
  of(podUid: string, had: string | undefined): string | undefined {
    const known = this.#byPod.get(podUid) ?? this.#claim(podUid, had) ?? this.#findFree(podUid);
    return known === undefined ? undefined : toText(known);
  }

  release(podUid: string): void {
    const address = this.#byPod.get(podUid);
    if (address === undefined) return;
    this.#byPod.delete(podUid);
    this.#taken.delete(address);
  }

  #claim(podUid: string, had: string | undefined): number | undefined {
    if (had === undefined) return undefined;
    const address = toNumber(had);
    const { start, size } = this.block;
    if (address < start || address >= start + size || this.#taken.has(address)) return undefined;
    return this.#give(podUid, address);
  }

  /** Round and round, so that an address rests before somebody else gets it. */
  #findFree(podUid: string): number | undefined {
    const room = this.block.size - RESERVED;
    for (let tried = 0; tried < room; tried++) {
      const address = this.block.start + 2 + this.#next;
      this.#next = (this.#next + 1) % room;
      if (!this.#taken.has(address)) return this.#give(podUid, address);
    }
    return undefined;
  }

  #give(podUid: string, address: number): number {
    this.#byPod.set(podUid, address);
    this.#taken.add(address);
    return address;
  }
}

function toNumber(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

function toText(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");
}
