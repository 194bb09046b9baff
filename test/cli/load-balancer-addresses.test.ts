import { expect, test } from "vitest";
import { gantry } from "./command-line.ts";

test.each([
  ["10.0.0.1/24", "the block begins at 10.0.0.0"],
  ["10.0.0.0/33", "is no valid CIDR block"],
  ["nowhere", "is no IPv4 address or range"],
  ["10.0.0.1-10.0.0.9,10.0.0.5", "overlaps 10.0.0.1-10.0.0.9"],
])("--load-balancer-addresses %s is refused before anything starts", async (ranges, problem) => {
  const { exitCode, stderr } = await gantry("up", "--load-balancer-addresses", ranges);
  expect(exitCode).not.toBe(0);
  expect(stderr).toContain(problem);
  expect(stderr).toContain("192.168.1.240/29,192.168.2.10-192.168.2.20");
});

test("--node-address takes an address, no name", async () => {
  const { exitCode, stderr } = await gantry("up", "--node-address", "localhost");
  expect(exitCode).not.toBe(0);
  expect(stderr).toContain('"localhost" is no IP address');
});
