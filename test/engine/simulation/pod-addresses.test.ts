import fc from "fast-check";
import { expect, test } from "vitest";
import {
  BlockPool,
  formatBlock,
  nodeAddress,
  parseBlock,
  PodAddresses,
} from "../../../src/engine/simulation/pod-addresses.ts";

test("blocks are written as they are read", () => {
  for (const cidr of ["10.0.0.0/8", "192.168.4.0/22", "10.1.2.4/30"])
    expect(formatBlock(parseBlock(cidr) ?? { start: 0, size: 1 })).toBe(cidr);
  for (const text of ["", "10.0.0.0", "10.0.0.0/31", "fd00::/64"])
    expect(parseBlock(text)).toBeUndefined();
});

test("blocks never overlap and hold as many pods as were asked for", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 2_000 }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(sizes, (asked) => {
      const pool = new BlockPool();
      const blocks = asked.map((pods) => pool.allocate(pods));
      const taken: [number, number][] = [];
      for (const [index, block] of blocks.entries()) {
        if (block === undefined) throw new Error("the pool has room for all of them");
        expect(block.size - 3).toBeGreaterThanOrEqual(asked[index] ?? 0);
        expect(block.start % block.size).toBe(0);
        for (const [start, end] of taken)
          expect(block.start >= end || block.start + block.size <= start).toBe(true);
        taken.push([block.start, block.start + block.size]);
      }
    }),
  );
});

test("what a Node has already is not given away, and free again once it is gone", () => {
  const pool = new BlockPool();
  const mine = parseBlock("10.0.0.0/16") ?? { start: 0, size: 0 };
  pool.take(mine);
  expect(formatBlock(pool.allocate(100) ?? mine)).toBe("10.1.0.0/24");
  pool.release(mine);
  const later = Array.from({ length: 65_535 }, () => pool.allocate(100));
  expect(later.every((block) => block !== undefined)).toBe(true);
  expect(pool.allocate(100)).toBeUndefined();
});

test("a pod keeps its address, has the one it had, and nobody else has it", () => {
  const block = parseBlock("10.3.0.0/29") ?? { start: 0, size: 0 };
  const addresses = new PodAddresses(block);
  expect(nodeAddress(block)).toBe("10.3.0.1");
  expect(addresses.of("a", "10.3.0.4")).toBe("10.3.0.4");
  expect(addresses.of("a", undefined)).toBe("10.3.0.4");
  expect(addresses.of("b", "10.3.0.4")).not.toBe("10.3.0.4");
  expect(addresses.of("c", "10.99.0.1")).toMatch(/^10\.3\.0\./);
  const all = ["a", "b", "c", "d", "e"].map((uid) => addresses.of(uid, undefined));
  expect(new Set(all).size).toBe(5);
  expect(addresses.of("f", undefined)).toBeUndefined();
  addresses.release("b");
  expect(addresses.of("f", undefined)).toBe(all[1]);
});
