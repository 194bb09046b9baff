import { createServer, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../../src/client/clock.ts";
import type { EventRecorder } from "../../../src/client/event-recorder.ts";
import { Informers } from "../../../src/client/informers.ts";
import { silentLogger } from "../../../src/client/logger.ts";
import { createApiServer } from "../../../src/engine/apiserver/api-server.ts";
import { bootstrap } from "../../../src/engine/apiserver/bootstrap.ts";
import { InProcessClient } from "../../../src/engine/apiserver/in-process-client.ts";
import { createRoutingBoard } from "../../../src/engine/network/in-process-board.ts";
import {
  ADDRESSES_ANNOTATION,
  readAddresses,
} from "../../../src/engine/network/service-addresses.ts";
import {
  createServiceProxy,
  type ServiceProxy,
} from "../../../src/engine/network/service-proxy.ts";
import { MemoryStore } from "../../../src/engine/store/memory-store.ts";
import { type EndpointSlice, endpointSlices } from "../../../src/kube/kinds/endpointslice.ts";
import { type Service, services } from "../../../src/kube/kinds/service.ts";

const ADMIN = { name: "admin", groups: ["system:masters"] };
const apps: Server[] = [];
let client: InProcessClient;
let informers: Informers;
let proxy: ServiceProxy;
let board: ReturnType<typeof createRoutingBoard>;
let told: string[];

beforeEach(async () => {
  const api = createApiServer({ store: new MemoryStore() });
  await bootstrap(api);
  client = new InProcessClient(api, ADMIN);
  await startProxy();
});

async function startProxy(): Promise<void> {
  informers = new Informers(client);
  board = createRoutingBoard();
  told = [];
  const recorder: EventRecorder = {
    record: (_about, _type, reason, message) => void told.push(`${reason}: ${message}`),
    flush: () => Promise.resolve(),
    dropped: 0,
  };
  proxy = createServiceProxy({
    client,
    informers,
    board,
    recorder,
    clock: systemClock,
    logger: silentLogger,
    nodeName: "here",
    nodeAddress: "127.0.0.1",
  });
  informers.start();
  await informers.synced();
}
afterEach(async () => {
  await proxy.stop();
  await informers.stop();
  for (const app of apps.splice(0)) {
    app.closeAllConnections();
    app.close();
  }
});

async function startApp(name: string): Promise<number> {
  const app = createServer((_request, response) => response.end(name));
  await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
  apps.push(app);
  return (app.address() as AddressInfo).port;
}

function createService(spec: Service["spec"]): Promise<Service> {
  return client.create(services, {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace: "default" },
    ...(spec === undefined ? {} : { spec }),
  });
}
const slice = (port: number, terminating = false): EndpointSlice => ({
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  metadata: {
    name: `web-${port}`,
    namespace: "default",
    labels: { "kubernetes.io/service-name": "web" },
  },
  addressType: "IPv4",
  ports: [{ name: "http", port, protocol: "TCP" }],
  endpoints: [
    { addresses: ["127.0.0.1"], conditions: { ready: !terminating, serving: true, terminating } },
  ],
});

/** Writes the slice and waits until the proxy says that it routes by it. */
async function route(object: EndpointSlice, update = false): Promise<void> {
  const written = update
    ? await client.update(endpointSlices, object)
    : await client.create(endpointSlices, object);
  const revision = Number(written.metadata.resourceVersion);
  expect(await board.waitApplied(revision, { clock: systemClock, timeoutMs: 5_000 })).toBe(true);
}

const ask = async (address: string): Promise<string> => (await fetch(`http://${address}/`)).text();
const portOf = (service: Service): number => service.spec?.ports?.[0]?.nodePort ?? 0;

test("a service is reached on its cluster address and node port once a slice has an endpoint", async () => {
  const service = await createService({
    type: "NodePort",
    ports: [{ name: "http", port: 7080, protocol: "TCP" }],
  });
  const clusterIP = service.spec?.clusterIP ?? "";
  await expect(ask(`${clusterIP}:7080`)).rejects.toThrow();
  await route(slice(await startApp("a")));
  expect(await ask(`${clusterIP}:7080`)).toBe("a");
  expect(await ask(`127.0.0.1:${portOf(service)}`)).toBe("a");
});

test("the revision is posted when the change is in effect, not before", async () => {
  const service = await createService({ ports: [{ name: "http", port: 7080 }] });
  const address = `${service.spec?.clusterIP}:7080`;
  const [first, second] = [await startApp("first"), await startApp("second")];
  await route(slice(first));
  await route(slice(second));
  await route(slice(first, true), true);
  for (let round = 0; round < 5; round++) expect(await ask(address)).toBe("second");
});

test("a load balancer gets the node's address", async () => {
  const free = createTcpServer();
  await new Promise<void>((resolve) => free.listen(0, "127.0.0.1", resolve));
  const { port } = free.address() as AddressInfo;
  await new Promise((resolve) => free.close(resolve));
  await createService({ type: "LoadBalancer", ports: [{ name: "http", port }] });
  await route(slice(await startApp("lb")));
  expect(await ask(`127.0.0.1:${port}`)).toBe("lb");
  const ingress = async () =>
    (await client.get(services, { namespace: "default", name: "web" })).status?.loadBalancer
      ?.ingress;
  await expect.poll(ingress).toEqual([{ ip: "127.0.0.1", ipMode: "VIP" }]);
});

test("an address that is taken is told, and the service works on its others", async () => {
  const taken = createTcpServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const { port } = taken.address() as AddressInfo;
  const service = await createService({ type: "LoadBalancer", ports: [{ name: "http", port }] });
  await route(slice(await startApp("lb")));
  expect(told).toEqual([expect.stringMatching(new RegExp(`AddressNotBound: .*127.0.0.1:${port}`))]);
  expect(await ask(`127.0.0.1:${portOf(service)}`)).toBe("lb");
  await new Promise((resolve) => taken.close(resolve));
});

test("where the cluster address cannot be bound, the service says which port stands for it", async () => {
  const taken = createTcpServer();
  const service = await createService({ ports: [{ name: "http", port: 7080 }] });
  await new Promise<void>((resolve) => taken.listen(7080, service.spec?.clusterIP ?? "", resolve));
  await route(slice(await startApp("a")));
  const substitute = async (): Promise<string> => {
    const { metadata } = await client.get(services, { namespace: "default", name: "web" });
    return readAddresses(metadata.annotations?.[ADDRESSES_ANNOTATION])["7080/TCP"] ?? "";
  };
  await expect.poll(substitute).not.toBe("");
  const address = await substitute();
  expect(await ask(address)).toBe("a");

  // The next proxy stands in at the same place: pods that were kept know it.
  await proxy.stop();
  await informers.stop();
  await startProxy();
  await expect.poll(() => ask(address).catch(() => "refused")).toBe("a");
  expect(await substitute()).toBe(address);
  await new Promise((resolve) => taken.close(resolve));
});

test("a deleted service is no longer reached", async () => {
  const service = await createService({ ports: [{ name: "http", port: 7080 }] });
  const address = `${service.spec?.clusterIP}:7080`;
  await route(slice(await startApp("a")));
  expect(await ask(address)).toBe("a");
  await client.delete(services, { namespace: "default", name: "web" });
  await expect.poll(() => ask(address).catch(() => "refused")).toBe("refused");
});
