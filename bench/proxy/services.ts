/** 5,000 Services of 10 endpoints each in a real `gantry up`: what they cost, and how fast a change is in effect. */
import { readdirSync } from "node:fs";
import { Agent, createServer, get } from "node:http";
import type { AddressInfo } from "node:net";
import type { HttpClient } from "../../src/client/http/http-client.ts";
import { type EndpointSlice, endpointSlices } from "../../src/kube/kinds/endpointslice.ts";
import { services } from "../../src/kube/kinds/service.ts";
import { GantryProcess, percentile } from "../gantry-process.ts";

const SERVICES = 5_000;
const ENDPOINTS = 10;
const CHANGES = 500;
/** Changes at once, as a rollout of many workloads makes them. */
const BURST = 50;
const PARALLEL_CREATES = 32;

export async function benchServices(): Promise<object[]> {
  const gantry = new GantryProcess();
  const [old, next] = [await startApp("old"), await startApp("new")];
  try {
    await gantry.start(["--log-level", "warn"]);
    const before = { openFiles: openFiles(gantry.pid), rssMb: gantry.rssMb() };
    let client = await gantry.client();
    const createdMs = await timed(() => createAll(client, old));
    const addresses = await addressesOf(client);
    const listenMs = await timed(() => untilAll(addresses));
    const after = { openFiles: openFiles(gantry.pid), rssMb: gantry.rssMb() };

    const single: number[] = [];
    for (let change = 0; change < CHANGES; change++)
      single.push(await effectMs(client, change * 7, next, "new", addresses));
    const burst: number[] = [];
    for (let first = 0; first < CHANGES; first += BURST)
      burst.push(
        ...(await Promise.all(
          Array.from({ length: BURST }, (_, index) =>
            effectMs(client, (first + index) * 7, old, "old", addresses),
          ),
        )),
      );

    await gantry.halt();
    const restartMs = await gantry.start(["--log-level", "warn"]);
    client = await gantry.client();
    const againMs = restartMs + (await timed(() => untilAll(addresses)));
    return [
      {
        bench: "proxy",
        part: "services",
        services: SERVICES,
        endpointsEach: ENDPOINTS,
        createSeconds: seconds(createdMs),
        lastListensAfterSeconds: seconds(listenMs),
        startUntilAllListenSeconds: seconds(againMs),
        openFilesPerService: Number(((after.openFiles - before.openFiles) / SERVICES).toFixed(2)),
        rssMb: after.rssMb,
        rssMbBefore: before.rssMb,
        change: { count: single.length, ...percentiles(single) },
        changesAtOnce: { count: burst.length, atOnce: BURST, ...percentiles(burst) },
      },
    ];
  } finally {
    await gantry.stop();
    old.close();
    next.close();
  }
}

interface App {
  readonly port: number;
  close(): void;
}

/** Reached on every address of this machine. */
async function startApp(name: string): Promise<App> {
  const app = createServer((_request, response) => response.end(name));
  await new Promise<void>((resolve) => app.listen(0, "0.0.0.0", resolve));
  return {
    port: (app.address() as AddressInfo).port,
    close: () => {
      app.close();
      app.closeAllConnections();
    },
  };
}

const nameOf = (index: number): string => `service-${index % SERVICES}`;

function sliceOf(index: number, { port }: App): EndpointSlice {
  const name = nameOf(index);
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name, namespace: "default", labels: { "kubernetes.io/service-name": name } },
    addressType: "IPv4",
    ports: [{ name: "http", port, protocol: "TCP" }],
    endpoints: Array.from({ length: ENDPOINTS }, (_, endpoint) => ({
      addresses: [`127.0.1.${endpoint + 1}`],
      conditions: { ready: true },
    })),
  };
}

async function createAll(client: HttpClient, app: App): Promise<void> {
  let index = 0;
  const worker = async (): Promise<void> => {
    while (index < SERVICES) {
      const mine = index++;
      await client.create(services, {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: nameOf(mine), namespace: "default" },
        spec: { ports: [{ name: "http", port: 80 }] },
      });
      await client.create(endpointSlices, sliceOf(mine, app));
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_CREATES }, () => worker()));
}

async function addressesOf(client: HttpClient): Promise<Map<string, string>> {
  const { items } = await client.list(services, { namespace: "default" });
  return new Map(
    items
      .filter(({ metadata }) => metadata.name.startsWith("service-"))
      .map(({ metadata, spec }) => [metadata.name, spec?.clusterIP ?? ""]),
  );
}

async function untilAll(addresses: ReadonlyMap<string, string>): Promise<void> {
  for (const host of addresses.values())
    while ((await ask(host).catch(() => "")) === "")
      await new Promise((resolve) => setTimeout(resolve, 5));
}

/** From the write of a slice until a request of a new connection is answered by the new endpoints. */
async function effectMs(
  client: HttpClient,
  index: number,
  app: App,
  expected: string,
  addresses: ReadonlyMap<string, string>,
): Promise<number> {
  const beganMs = performance.now();
  const written = client.update(endpointSlices, sliceOf(index, app));
  const host = addresses.get(nameOf(index)) ?? "";
  // Asking without a pause would measure how fast questions are answered.
  while ((await ask(host)) !== expected) await new Promise((resolve) => setTimeout(resolve, 2));
  const tookMs = performance.now() - beganMs;
  await written;
  return tookMs;
}

function ask(host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host, port: 80, agent: new Agent() }, (response) => {
      let text = "";
      response.on("data", (bytes) => (text += String(bytes)));
      response.on("end", () => resolve(text));
    }).on("error", reject);
  });
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const beganMs = performance.now();
  await work();
  return performance.now() - beganMs;
}

const openFiles = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;
const seconds = (ms: number): number => Number((ms / 1_000).toFixed(2));
const percentiles = (values: readonly number[]) => ({
  p50Ms: Number(percentile(values, 0.5).toFixed(1)),
  p99Ms: Number(percentile(values, 0.99).toFixed(1)),
  maxMs: Number(Math.max(...values).toFixed(1)),
});
