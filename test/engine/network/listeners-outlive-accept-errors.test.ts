/** What the system says when it cannot accept a connection (EMFILE, ENFILE, …) ends no listener. */
import { once } from "node:events";
import { connect, Server } from "node:net";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { systemClock } from "../../../src/client/clock.ts";
import { silentLogger } from "../../../src/client/logger.ts";
import { HealthCheckPort } from "../../../src/engine/network/health-check-port.ts";
import { listenHttp } from "../../../src/engine/network/ingress/ingress-listener.ts";
import { INGRESS_LIMITS } from "../../../src/engine/network/ingress/ingress-limits.ts";
import { RequestHandler } from "../../../src/engine/network/ingress/request-handler.ts";
import { ManualClock } from "../../manual-clock.ts";
import { DnsHarness } from "./dns/dns-harness.ts";
import { startPort, tcpRoute } from "./tcp-port-fixture.ts";

const ADDRESS = { host: "127.0.0.1", port: 0 };
const listening: Server[] = [];
beforeEach(() => {
  const listen = vi.spyOn(Server.prototype, "listen");
  listen.mockImplementation(function (this: Server, ...args: unknown[]): Server {
    listening.push(this);
    return Reflect.apply(original, this, args) as Server;
  });
});
const original = Server.prototype.listen;
afterEach(() => {
  vi.restoreAllMocks();
  listening.length = 0;
});

/** Each server that listens fails to accept, and then is connected to. */
async function failsAndAccepts(): Promise<void> {
  const servers = listening.filter((server) => server.listening);
  expect(servers.length).toBeGreaterThan(0);
  for (const server of servers) {
    for (let time = 0; time < 2; time++)
      server.emit("error", Object.assign(new Error("accept ENFILE"), { code: "ENFILE" }));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no address");
    const client = connect(address.port, address.address);
    await once(client, "connect");
    client.destroy();
  }
}

test("a Service's port", async () => {
  const { port } = await startPort(tcpRoute(true, []));
  await failsAndAccepts();
  expect(port.listening).toEqual(["test"]);
});

test("a port for health checks, which is not opened a second time either", async () => {
  const clock = new ManualClock();
  const told: string[] = [];
  const health = new HealthCheckPort({
    clock,
    service: { namespace: "default", name: "web" },
    hosts: ["127.0.0.1"],
    port: 0,
    onProblem: ({ message }) => void told.push(message),
  });
  await health.listen();
  await failsAndAccepts();
  await clock.advance(60_000);
  expect(told).toEqual([]);
  expect(listening).toHaveLength(1);
  health.close();
});

test("the ingress", async () => {
  const handler = new RequestHandler({
    find: () => undefined,
    backendsOf: () => undefined,
    listenerPort: 80,
    reachedAt: (port) => port,
    clock: systemClock,
    logger: silentLogger,
    limits: INGRESS_LIMITS,
    accessLog: () => undefined,
    random: () => 0,
  });
  const listener = await listenHttp(ADDRESS, handler, INGRESS_LIMITS);
  await failsAndAccepts();
  await listener.close();
});

test("DNS over TCP", async () => {
  const dns = await DnsHarness.start();
  await failsAndAccepts();
  await dns.stop();
});
