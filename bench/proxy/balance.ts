/** How backends are chosen: least connections beside round robin and the better of two at random. */
import { Agent, createServer, get } from "node:http";
import type { AddressInfo } from "node:net";
import { systemClock } from "../../src/client/clock.ts";
import { type Choose, leastConnections } from "../../src/engine/network/balancer.ts";
import { ConnectionBudget } from "../../src/engine/network/connection-budget.ts";
import { InFlightCounter } from "../../src/engine/network/in-flight-counter.ts";
import { TcpPort } from "../../src/engine/network/tcp-port.ts";
import { percentile } from "../gantry-process.ts";

const CLIENTS = 32;
const SECONDS = 4;
/** How long each backend takes for a request, in milliseconds. */
const FLEETS = { equal: [5, 5, 5, 5], "one slow": [5, 5, 5, 50] } as const;

const roundRobin: Choose = (candidates) =>
  candidates.reduce((first, candidate) =>
    candidate.chosenAt < first.chosenAt ? candidate : first,
  );
const betterOfTwo: Choose = (candidates) => {
  const any = () => candidates[Math.floor(Math.random() * candidates.length)];
  const [one, other] = [any(), any()];
  return one === undefined || other === undefined || one.open <= other.open ? one : other;
};
const POLICIES = { leastConnections, roundRobin, betterOfTwo };

export async function benchBalance(): Promise<object[]> {
  const lines: object[] = [];
  for (const [fleet, delays] of Object.entries(FLEETS))
    for (const [policy, choose] of Object.entries(POLICIES))
      lines.push({
        bench: "proxy",
        part: "balance",
        fleet,
        policy,
        clients: CLIENTS,
        ...(await run(delays, choose)),
      });
  return lines;
}

async function run(delaysMs: readonly number[], choose: Choose): Promise<object> {
  const counts = delaysMs.map(() => 0);
  const apps = delaysMs.map((delayMs, index) =>
    createServer((_request, response) => {
      counts[index] = (counts[index] ?? 0) + 1;
      setTimeout(() => response.end("ok"), delayMs);
    }),
  );
  await Promise.all(
    apps.map((app) => new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve))),
  );
  const active = apps.map((app) => ({
    address: "127.0.0.1",
    port: (app.address() as AddressInfo).port,
  }));
  const port = new TcpPort({
    clock: systemClock,
    inFlight: new InFlightCounter(() => undefined),
    budget: new ConnectionBudget(),
    choose,
  });
  const both = { active, lastResort: [] };
  const route = { portName: "http", protocol: "TCP", port: 80, nodePort: undefined } as const;
  port.update({ ...route, http: true, internal: both, external: both }, undefined);
  const number = await port.listen(
    "bench",
    { host: "127.0.0.1", port: 0 },
    { audience: "internal" },
  );
  const latencies: number[] = [];
  const endMs = performance.now() + SECONDS * 1_000;
  const client = async (): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (performance.now() < endMs) {
      const beganMs = performance.now();
      await ask(number ?? 0, agent);
      latencies.push(performance.now() - beganMs);
    }
    agent.destroy();
  };
  await Promise.all(Array.from({ length: CLIENTS }, () => client()));
  port.close();
  for (const app of apps) app.close();
  return {
    requestsPerSecond: Math.round(latencies.length / SECONDS),
    p50Ms: Number(percentile(latencies, 0.5).toFixed(2)),
    p99Ms: Number(percentile(latencies, 0.99).toFixed(2)),
    shares: counts.map((count) => Number((count / latencies.length).toFixed(3))),
  };
}

function ask(port: number, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port, agent }, (response) => {
      response.resume();
      response.on("end", resolve);
    }).on("error", reject);
  });
}
