/** IPv4 addresses that are written as CIDR blocks, ranges and single addresses. Pure. */
import { ipFamily, isCIDR } from "../../kube/ip-address.ts";

/** Both ends included; addresses as numbers. */
interface Range {
  readonly first: number;
  readonly last: number;
}

/** The text is no list of addresses. */
export class AddressRangeError extends Error {
  override readonly name = "AddressRangeError";
  constructor(part: string, detail: string) {
    super(
      `"${part}": ${detail}; write CIDR blocks, ranges and addresses, e.g. 192.168.1.240/29,192.168.2.10-192.168.2.20`,
    );
  }
}

export class AddressRanges {
  readonly #ranges: readonly Range[];
  readonly #text: string;

  /** @throws AddressRangeError */
  constructor(text: string) {
    this.#text = text;
    const parts = text.split(",").map((part) => part.trim());
    this.#ranges = parts.map(parseRange);
    const sorted = this.#ranges
      .map((range, index) => ({ ...range, part: parts[index] ?? "" }))
      .sort((a, b) => a.first - b.first);
    for (const [index, range] of sorted.entries()) {
      const before = sorted[index - 1];
      if (before !== undefined && range.first <= before.last)
        throw new AddressRangeError(range.part, `overlaps ${before.part}`);
    }
  }

  get size(): number {
    return this.#ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  }

  contains(address: string): boolean {
    if (ipFamily(address) !== "IPv4") return false;
    const number = toNumber(address);
    return this.#ranges.some(({ first, last }) => number >= first && number <= last);
  }

  /** In the order in which they were written. */
  *addresses(): Generator<string> {
    for (const { first, last } of this.#ranges)
      for (let number = first; number <= last; number++) yield toAddress(number);
  }

  toString(): string {
    return this.#text;
  }
}

function parseRange(part: string): Range {
  if (isCIDR(part)) return parseBlock(part);
  if (part.includes("/")) throw new AddressRangeError(part, "is no valid CIDR block");
  const ends = part.split("-").map((end) => end.trim());
  const [first = "", last = first] = ends;
  if (ends.length > 2 || ipFamily(first) !== "IPv4" || ipFamily(last) !== "IPv4")
    throw new AddressRangeError(part, "is no IPv4 address or range");
  const range = { first: toNumber(first), last: toNumber(last) };
  if (range.first > range.last) throw new AddressRangeError(part, "ends before it begins");
  return range;
}

function parseBlock(part: string): Range {
  const [network = "", length = ""] = part.split("/");
  if (ipFamily(network) !== "IPv4") throw new AddressRangeError(part, "is not IPv4");
  const size = 2 ** (32 - Number(length));
  const first = toNumber(network);
  if (first % size !== 0)
    throw new AddressRangeError(part, `the block begins at ${toAddress(first - (first % size))}`);
  // Network and broadcast address are nobody's, where a block has them.
  const edge = size > 2 ? 1 : 0;
  return { first: first + edge, last: first + size - 1 - edge };
}

const toNumber = (address: string): number =>
  address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
const toAddress = (number: number): string =>
  [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join(".");
