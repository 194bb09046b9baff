/** An API server with a service proxy, and applications of the test behind it. */
import { createSocket } from "node:dgram";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { expect } from "vitest";
import { systemClock } from "../../../src/client/clock.ts";
import { Informers } from "../../../src/client/informers.ts";
import { silentLogger } from "../../../src/client/logger.ts";
import { createApiServer } from "../../../src/engine/apiserver/api-server.ts";
import { bootstrap } from "../../../src/engine/apiserver/bootstrap.ts";
import { InProcessClient } from "../../../src/engine/apiserver/in-process-client.ts";
import { AddressRanges } from "../../../src/engine/network/address-ranges.ts";
import { createRoutingBoard } from "../../../src/engine/network/in-process-board.ts";
import { createServiceProxy } from "../../../src/engine/network/service-proxy.ts";
import { MemoryStore } from "../../../src/engine/store/memory-store.ts";
import {
  type Endpoint,
  type EndpointSlice,
  endpointSlices,
} from "../../../src/kube/kinds/endpointslice.ts";
import { type Service, services } from "../../../src/kube/kinds/service.ts";
import type { KubeObject } from "../../../src/kube/object.ts";

const ADMIN = { name: "admin", groups: ["system:masters"] };
/** The node that the proxy of the fixture runs on. */
export const HERE = "here";

type Spec = NonNullable<Service["spec"]>;

export interface ProxyFixture {
  readonly client: InProcessClient;
  /** Events, as `Reason name: message`. */
  readonly told: string[];
  create(name: string, spec: Partial<Spec>): Promise<Service>;
  get(name: string): Promise<Service>;
  /** Writes the slice of a Service and waits until the proxy says that it routes by it. */
  route(service: string, ports: EndpointSlice["ports"], endpoints: Endpoint[]): Promise<void>;
  /** What the load balancer of a Service says. */
  ingress(name: string): Promise<readonly unknown[]>;
  startHttp(name: string): Promise<number>;
  startUdp(name: string): Promise<number>;
  stop(): Promise<void>;
}

export async function startProxy(
  options: { loadBalancerAddresses?: string; nodeAddress?: string } = {},
): Promise<ProxyFixture> {
  const api = createApiServer({ store: new MemoryStore() });
  await bootstrap(api);
  const client = new InProcessClient(api, ADMIN);
  const informers = new Informers(client);
  const board = createRoutingBoard();
  const told: string[] = [];
  const closing: (() => void)[] = [];
  const proxy = createServiceProxy({
    client,
    informers,
    board,
    recorder: {
      record: (about: KubeObject, _type, reason, message) =>
        void told.push(`${reason} ${about.metadata.name}: ${message}`),
      flush: () => Promise.resolve(),
      dropped: 0,
    },
    clock: systemClock,
    logger: silentLogger,
    nodeName: HERE,
    nodeAddress: options.nodeAddress ?? "127.0.0.1",
    ...(options.loadBalancerAddresses === undefined
      ? {}
      : { loadBalancerAddresses: new AddressRanges(options.loadBalancerAddresses) }),
  });
  informers.start();
  await informers.synced();
  const get = (name: string) => client.get(services, { namespace: "default", name });
  return {
    client,
    told,
    get,
    create: (name, spec) =>
      client.create(services, {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name, namespace: "default" },
        spec,
      }),
    async route(service, ports, endpoints) {
      const slice: EndpointSlice = {
        apiVersion: "discovery.k8s.io/v1",
        kind: "EndpointSlice",
        metadata: {
          name: service,
          namespace: "default",
          labels: { "kubernetes.io/service-name": service },
        },
        addressType: "IPv4",
        ...(ports === undefined ? {} : { ports }),
        endpoints,
      };
      const { items } = await client.list(endpointSlices, { namespace: "default" });
      const written = items.some(({ metadata }) => metadata.name === service)
        ? await client.update(endpointSlices, slice)
        : await client.create(endpointSlices, slice);
      const revision = Number(written.metadata.resourceVersion);
      const waiting = { clock: systemClock, timeoutMs: 5_000 };
      expect(await board.waitApplied(revision, waiting)).toBe(true);
    },
    ingress: async (name) => (await get(name)).status?.loadBalancer?.ingress ?? [],
    async startHttp(name) {
      const app = createServer((_request, response) => response.end(name));
      await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
      closing.push(() => {
        app.close();
        app.closeAllConnections();
      });
      return (app.address() as AddressInfo).port;
    },
    async startUdp(name) {
      const app = createSocket("udp4");
      app.on("message", (_datagram, { address, port }) => app.send(name, port, address));
      await new Promise<void>((resolve) => app.bind(0, "127.0.0.1", resolve));
      closing.push(() => app.close());
      return app.address().port;
    },
    async stop() {
      await proxy.stop();
      await informers.stop();
      for (const close of closing.splice(0)) close();
    },
  };
}

export const ready = (
  nodeName: string | undefined = HERE,
  rest: Partial<Endpoint> = {},
): Endpoint => ({
  addresses: ["127.0.0.1"],
  conditions: { ready: true },
  nodeName,
  ...rest,
});

/** The answer to a request over a fresh connection; `failed` when there was none. */
export async function ask(host: string, port: number): Promise<string> {
  try {
    const response = await fetch(`http://${host}:${port}/`, { headers: { connection: "close" } });
    return await response.text();
  } catch {
    return "failed";
  }
}

/** The answer to a datagram; `none` when it does not come. */
export function askUdp(host: string, port: number, timeoutMs = 2_000): Promise<string> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    const settle = (answer: string): void => {
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(() => settle("none"), timeoutMs);
    socket.on("message", (datagram) => settle(datagram.toString()));
    socket.send("?", port, host);
  });
}

export async function freePort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
