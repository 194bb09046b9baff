/**
 * The ranges that Services get their addresses and ports from, and the order in which free ones are
 * looked for (k8s.io/kubernetes/pkg/registry/core/service: the static band is left to those who ask
 * for a certain address, KEP-3070, KEP-3668).
 */

export interface NumberRange {
  readonly first: number;
  readonly last: number;
  /** Numbers from `first` on that are only given out when the rest is used up. */
  readonly staticCount: number;
}

/** 127.96.0.0/16: loopback, so that the proxy can listen on every Service's own address. */
export const SERVICE_CIDR = "127.96.0.0/16";
const SERVICE_NETWORK = (127 << 24) | (96 << 16);
const SERVICE_NETWORK_SIZE = 65_536;

/** Offsets into the network, without its own and its broadcast address. */
export const SERVICE_OFFSETS: NumberRange = {
  first: 1,
  last: SERVICE_NETWORK_SIZE - 2,
  staticCount: Math.min(Math.max(16, SERVICE_NETWORK_SIZE / 16), 256),
};
export const NODE_PORTS: NumberRange = { first: 30_000, last: 32_767, staticCount: 86 };

export function addressAt(offset: number): string {
  const address = SERVICE_NETWORK + offset;
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}

/** Undefined for what is not an assignable address of the range. */
export function offsetOf(ip: string): number | undefined {
  const parts = ip.split(".").map(Number);
  if (parts.length !== 4 || parts.some((part) => !(part >= 0 && part <= 255))) return undefined;
  const address = parts.reduce((sum, part) => sum * 256 + part, 0);
  const offset = address - SERVICE_NETWORK;
  return offset >= SERVICE_OFFSETS.first && offset <= SERVICE_OFFSETS.last ? offset : undefined;
}

/** Every number of the range once: from a random one on through the dynamic band, then the static one. */
export function* candidates(range: NumberRange, random: () => number): Generator<number> {
  const dynamicFirst = range.first + range.staticCount;
  const dynamicCount = range.last - dynamicFirst + 1;
  const start = Math.floor(random() * dynamicCount);
  for (let step = 0; step < dynamicCount; step++) {
    yield dynamicFirst + ((start + step) % dynamicCount);
  }
  for (let number = dynamicFirst - 1; number >= range.first; number--) yield number;
}
