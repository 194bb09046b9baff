import { Agent, createServer, type IncomingMessage, request, type Server } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { type Clock, systemClock } from "../../../src/client/clock.ts";
import { InFlightCounter } from "../../../src/engine/network/in-flight-counter.ts";
import { ConnectionBudget } from "../../../src/engine/network/connection-budget.ts";
import type { Backend, ServiceRoute } from "../../../src/engine/network/service-routes.ts";
import { TcpPort } from "../../../src/engine/network/tcp-port.ts";
import { ManualClock } from "../../manual-clock.ts";

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface App {
  readonly backend: Backend;
  readonly server: Server;
  /** Answers requests that were held back. */
  release(): void;
  /** What an application does that exits at once. */
  kill(): void;
}

async function startApp(name: string, hold = false): Promise<App> {
  const held: (() => void)[] = [];
  const server = createServer((incoming, response) => {
    incoming.resume();
    incoming.on("end", () => {
      const answer = (): void => {
        response.end(name);
      };
      if (hold) held.push(answer);
      else answer();
    });
  });
  server.on("upgrade", (_request, socket) => {
    socket.on("error", () => socket.destroy());
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n",
    );
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const kill = (): void => {
    server.close();
    server.closeAllConnections();
  };
  cleanups.push(kill);
  return {
    backend: { address: "127.0.0.1", port: (server.address() as AddressInfo).port },
    server,
    release: () => {
      for (const answer of held.splice(0)) answer();
    },
    kill,
  };
}

function route(
  http: boolean,
  active: readonly Backend[],
  lastResort: readonly Backend[] = [],
): ServiceRoute {
  const both = { active, lastResort };
  return {
    portName: "http",
    protocol: "TCP",
    port: 80,
    nodePort: undefined,
    http,
    internal: both,
    external: both,
  };
}
const INSIDE = { audience: "internal" } as const;
const createPort = (clock: Clock, inFlight: InFlightCounter) =>
  new TcpPort({ clock, inFlight, budget: new ConnectionBudget() });

async function startPort(http: boolean, active: readonly Backend[], clock: Clock = systemClock) {
  const ended: Backend[] = [];
  const inFlight = new InFlightCounter((backend) => ended.push(backend));
  const port = createPort(clock, inFlight);
  port.update(route(http, active), undefined);
  const number = (await port.listen("test", { host: "127.0.0.1", port: 0 }, INSIDE)) ?? 0;
  cleanups.push(() => port.close());
  return { port, number, inFlight };
}

function fetchText(port: number, agent: Agent, method = "GET", body?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { host: "127.0.0.1", port, agent, method, path: "/" },
      (response: IncomingMessage) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (piece: string) => (text += piece));
        response.on("end", () => resolve(`${response.statusCode} ${text}`));
        response.on("error", reject);
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

function keepAlive(): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  cleanups.push(() => agent.destroy());
  return agent;
}

describe("a service port that speaks HTTP", () => {
  test("moves a keep-alive connection to another backend when its own drains", async () => {
    const [a, b] = [await startApp("a"), await startApp("b")];
    const { port, number } = await startPort(true, [a.backend]);
    const agent = keepAlive();
    expect(await fetchText(number, agent)).toBe("200 a");
    port.update(route(true, [b.backend]), undefined);
    a.kill();
    expect(await fetchText(number, agent)).toBe("200 b");
    expect(await fetchText(number, agent, "POST", "x".repeat(200_000))).toBe("200 b");
  });

  test("counts a request as in flight until its response is complete", async () => {
    const [a, b] = [await startApp("a", true), await startApp("b")];
    const { port, number, inFlight } = await startPort(true, [a.backend]);
    const agent = keepAlive();
    const pending = fetchText(number, agent);
    await new Promise((resolve) => a.server.once("request", resolve));
    port.update(route(true, [b.backend]), undefined);
    expect(inFlight.has(a.backend.address, a.backend.port)).toBe(true);
    a.release();
    expect(await pending).toBe("200 a");
    expect(inFlight.has(a.backend.address, a.backend.port)).toBe(false);
    expect(await fetchText(number, agent)).toBe("200 b");
  });

  test("loses no request of busy clients while backends come and go", async () => {
    let current = await startApp("0");
    const { port, number, inFlight } = await startPort(true, [current.backend]);
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    cleanups.push(() => agent.destroy());
    let running = true;
    const results = { ok: 0, failed: 0 };
    const client = async (method: string): Promise<void> => {
      while (running) {
        const text = await fetchText(
          number,
          agent,
          method,
          method === "POST" ? "body" : undefined,
        ).catch((error: Error) => `failed ${error.message}`);
        if (text.startsWith("200")) results.ok++;
        else results.failed++;
      }
    };
    const clients = ["GET", "POST", "GET", "POST"].map((method) => client(method));
    for (let round = 1; round <= 30; round++) {
      const next = await startApp(String(round));
      const target = results.ok + 20;
      while (results.ok < target) await new Promise((resolve) => setImmediate(resolve));
      port.update(route(true, [next.backend]), undefined);
      const { address, port: old } = current.backend;
      while (inFlight.has(address, old)) await new Promise((resolve) => setImmediate(resolve));
      current.kill();
      current = next;
    }
    running = false;
    await Promise.all(clients);
    expect(results.failed).toBe(0);
    expect(results.ok).toBeGreaterThanOrEqual(600);
  });

  test("tries another backend when one refuses", async () => {
    const [dead, alive] = [await startApp("dead"), await startApp("alive")];
    dead.kill();
    const { number } = await startPort(true, [dead.backend, alive.backend]);
    for (let round = 0; round < 4; round++)
      expect(await fetchText(number, new Agent(), "POST", "x")).toBe("200 alive");
  });

  test("sends an idempotent request again when a reused connection breaks, and no other", async () => {
    const tcp = createTcpServer((socket) => {
      socket.on("error", () => socket.destroy());
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
        socket.once("data", () => socket.resetAndDestroy());
      });
    });
    await new Promise<void>((resolve) => tcp.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => void tcp.close());
    const backend = { address: "127.0.0.1", port: (tcp.address() as AddressInfo).port };
    const { number } = await startPort(true, [backend]);
    const agent = keepAlive();
    expect(await fetchText(number, agent)).toBe("200 1");
    expect(await fetchText(number, agent)).toBe("200 1");
    expect(await fetchText(number, agent, "POST", "x")).toMatch(/^502 /);
  });

  test("answers 503 when no backend has accepted in three seconds", async () => {
    const dead = await startApp("dead");
    dead.kill();
    const clock = new ManualClock();
    const { number } = await startPort(true, [dead.backend], clock);
    const answer = fetchText(number, new Agent());
    await expect.poll(() => clock.pending, { interval: 5 }).toBe(2);
    await clock.advance(3_000);
    expect(await answer).toMatch(/^503 /);
  });

  test("keeps a request of a backend that refuses until its replacement is there", async () => {
    const [dead, next] = [await startApp("dead"), await startApp("next")];
    dead.kill();
    const clock = new ManualClock();
    const { number, port } = await startPort(true, [dead.backend], clock);
    const answer = fetchText(number, new Agent(), "POST", "x");
    await expect.poll(() => clock.pending, { interval: 5 }).toBe(2);
    port.update(route(true, []), undefined);
    port.update(route(true, [next.backend]), undefined);
    expect(await answer).toBe("200 next");
  });

  test("falls back to a terminating backend only after it has waited for another", async () => {
    const last = await startApp("last");
    const clock = new ManualClock();
    const { number, port } = await startPort(true, [last.backend], clock);
    port.update(route(true, [], [last.backend]), undefined);
    const answer = fetchText(number, new Agent());
    await expect.poll(() => clock.pending, { interval: 5 }).toBe(2);
    await clock.advance(3_000);
    expect(await answer).toBe("200 last");
  });

  test("can be closed while it is about to listen", async () => {
    const port = createPort(systemClock, new InFlightCounter(() => undefined));
    const listening = [1, 2].map((id) =>
      port.listen(`${id}`, { host: "127.0.0.1", port: 0 }, INSIDE),
    );
    // The first moment after the address was looked up, and the one before.
    await Promise.resolve();
    port.unlisten("1");
    process.nextTick(() => port.close());
    expect(await Promise.all(listening)).toEqual([undefined, undefined]);
    expect(port.listening).toEqual([]);
  });

  test("answers pipelined requests in order", async () => {
    const app = await startApp("p");
    const { number } = await startPort(true, [app.backend]);
    const socket = connect(number, "127.0.0.1");
    cleanups.push(() => void socket.destroy());
    socket.write(
      "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    );
    let text = "";
    for await (const bytes of socket) text += String(bytes);
    expect(text.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2);
  });

  test("passes an upgraded connection through", async () => {
    const app = await startApp("u");
    const { number, inFlight } = await startPort(true, [app.backend]);
    const socket = connect(number, "127.0.0.1");
    cleanups.push(() => void socket.destroy());
    socket.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
    const next = () =>
      new Promise<string>((resolve) => socket.once("data", (bytes) => resolve(String(bytes))));
    expect(await next()).toMatch(/^HTTP\/1\.1 101/);
    socket.write("ping");
    expect(await next()).toBe("ping");
    expect(inFlight.has(app.backend.address, app.backend.port)).toBe(false);
  });
});

describe("a service port of another protocol", () => {
  test("keeps the connections of a draining backend and sends new ones elsewhere", async () => {
    const echo = async (name: string) => {
      const server = createTcpServer((socket) => {
        socket.on("error", () => socket.destroy());
        socket.on("data", (bytes) => socket.write(`${name}:${String(bytes)}`));
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      cleanups.push(() => void server.close());
      return { address: "127.0.0.1", port: (server.address() as AddressInfo).port };
    };
    const [a, b] = [await echo("a"), await echo("b")];
    const { port, number } = await startPort(false, [a]);
    const say = (socket: ReturnType<typeof connect>, word: string) =>
      new Promise<string>((resolve) => {
        socket.once("data", (bytes) => resolve(String(bytes)));
        socket.write(word);
      });
    const old = connect(number, "127.0.0.1");
    cleanups.push(() => void old.destroy());
    expect(await say(old, "1")).toBe("a:1");
    port.update(route(false, [b]), undefined);
    expect(await say(old, "2")).toBe("a:2");
    const fresh = connect(number, "127.0.0.1");
    cleanups.push(() => void fresh.destroy());
    expect(await say(fresh, "3")).toBe("b:3");
  });
});
