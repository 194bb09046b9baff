/** What the machine and the containers on it use: counters, which others make rates of. */
import { cpus, freemem, totalmem, uptime } from "node:os";
import type { Clock } from "../../client/clock.ts";
import type { NodeMeasurement, UsageCounter } from "../apiserver/node-connection.ts";
import type { ContainerStatus, Runtime } from "./runtime/runtime.ts";

export async function measureNode(
  runtime: Pick<Runtime, "listContainers" | "stats">,
  clock: Clock,
): Promise<NodeMeasurement> {
  const running = (await runtime.listContainers()).filter(({ state }) => state === "running");
  const measured = await Promise.all(running.map((container) => measure(runtime, container)));
  const atMs = clock.now();
  return {
    atMs,
    node: machineCounter(atMs),
    containers: measured.filter((one) => one !== undefined),
  };
}

async function measure(
  runtime: Pick<Runtime, "stats">,
  { id, podUid, name, startedAtMs }: ContainerStatus,
): Promise<NodeMeasurement["containers"][number] | undefined> {
  // One that has just ended uses nothing.
  const stats = await runtime.stats(id);
  if (stats === undefined || startedAtMs === undefined) return undefined;
  return { podUid, name, sinceMs: startedAtMs, ...stats };
}

/** Busy time of all processors since the machine started. */
function machineCounter(atMs: number): UsageCounter {
  const busyMs = cpus().reduce(
    (sum, { times: { user, nice, sys, irq } }) => sum + user + nice + sys + irq,
    0,
  );
  return {
    // To the second: the same start whenever it is asked for.
    sinceMs: Math.round((atMs - uptime() * 1000) / 10_000) * 10_000,
    cpuNanoseconds: BigInt(Math.round(busyMs)) * 1_000_000n,
    memoryBytes: totalmem() - freemem(),
  };
}
