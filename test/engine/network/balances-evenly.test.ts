import { Agent, createServer, get } from "node:http";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Balancer } from "../../../src/engine/network/balancer.ts";
import type { Backend } from "../../../src/engine/network/service-routes.ts";
import { ManualClock } from "../../manual-clock.ts";
import { connectTo, later, OK, startPort, startRawBackend, tcpRoute } from "./tcp-port-fixture.ts";

const NONE: ReadonlySet<string> = new Set();
const backends = (count: number): Backend[] =>
  Array.from({ length: count }, (_, index) => ({ address: "127.0.0.1", port: index + 1 }));

describe("the choice of a backend", () => {
  test("loads never differ by more than one, whatever is opened and closed and in which order", () => {
    const steps = fc.array(fc.nat(20), { maxLength: 200 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), steps, (count, each) => {
        const balancer = new Balancer(new ManualClock());
        balancer.update(backends(count), undefined);
        const open: number[] = [];
        const loads = new Map<number, number>();
        for (const step of each) {
          // Only the fullest may close, or a difference would be the clients' doing.
          const fullest = Math.max(0, ...loads.values());
          const port = open.find((one) => loads.get(one) === fullest);
          if (step > 15 && port !== undefined) {
            open.splice(open.indexOf(port), 1);
            loads.set(port, fullest - 1);
            balancer.closed({ address: "127.0.0.1", port });
            continue;
          }
          const picked = balancer.pick("c", NONE);
          if (picked === undefined) throw new Error("nothing was picked");
          balancer.opened(picked);
          open.push(picked.port);
          loads.set(picked.port, (loads.get(picked.port) ?? 0) + 1);
          const all = backends(count).map((backend) => loads.get(backend.port) ?? 0);
          expect(Math.max(...all) - Math.min(...all)).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  test("idle backends take turns, also when some are busy", () => {
    const balancer = new Balancer(new ManualClock());
    balancer.update(backends(4), undefined);
    balancer.opened({ address: "127.0.0.1", port: 2 });
    const picked = Array.from({ length: 9 }, () => balancer.pick("c", NONE)?.port);
    for (const port of [1, 3, 4]) expect(picked.filter((one) => one === port)).toHaveLength(3);
  });

  test("a backend that comes back still has the connections that it had", () => {
    const balancer = new Balancer(new ManualClock());
    const [a, b] = backends(2);
    if (a === undefined || b === undefined) throw new Error("two backends");
    balancer.update([a, b], undefined);
    for (let times = 0; times < 5; times++) balancer.opened(a);
    balancer.update([b], undefined);
    balancer.update([a, b], undefined);
    for (let times = 0; times < 4; times++) {
      expect(balancer.pick("c", NONE)).toEqual(b);
      balancer.opened(b);
    }
  });

  test("the clients that affinity remembers are bounded", () => {
    const balancer = new Balancer(new ManualClock());
    balancer.update(backends(2), { timeoutMs: 1_000_000 });
    const first = balancer.pick("first", NONE);
    if (first === undefined) throw new Error("nothing was picked");
    for (let times = 0; times < 3; times++) balancer.opened(first);
    for (let client = 0; client < 9_999; client++) balancer.pick(`c${client}`, NONE);
    expect(balancer.pick("first", NONE)).toEqual(first);
    // Now the least recent is another one: it takes a full round until the client is forgotten.
    for (let client = 10_000; client < 20_000; client++) balancer.pick(`c${client}`, NONE);
    expect(balancer.pick("first", NONE)).not.toEqual(first);
  });
});

async function startApp(name: string): Promise<Backend> {
  const app = createServer((_request, response) => response.end(name));
  await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
  later(() => {
    app.close();
    app.closeAllConnections();
  });
  return { address: "127.0.0.1", port: (app.address() as AddressInfo).port };
}

function fetchText(port: number, agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port, agent }, (response) => {
      let text = "";
      response.on("data", (bytes) => (text += String(bytes)));
      response.on("end", () => resolve(text));
    }).on("error", reject);
  });
}

test("requests of one connection are spread over all endpoints", async () => {
  const apps = await Promise.all(["a", "b", "c"].map(startApp));
  const { number } = await startPort(tcpRoute(true, apps));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  later(() => agent.destroy());
  const answers: string[] = [];
  for (let round = 0; round < 30; round++) answers.push(await fetchText(number, agent));
  for (const name of ["a", "b", "c"])
    expect(answers.filter((answer) => answer === name)).toHaveLength(10);
});

test("a slow endpoint gets fewer requests than fast ones", async () => {
  let held: (() => void)[] = [];
  const slow = await startRawBackend((_bytes, socket) => {
    held.push(() => void socket.write(OK));
    return undefined;
  });
  const fast = await startRawBackend(() => OK);
  const { number } = await startPort(tcpRoute(true, [slow.backend, fast.backend]));
  let answered = 0;
  const client = async (): Promise<void> => {
    const one = connectTo(number);
    for (let round = 1; round <= 20; round++) {
      one.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
      await expect.poll(() => one.text().length, { interval: 1 }).toBe(OK.length * round);
      answered++;
    }
  };
  const done = Promise.all([client(), client()]);
  await expect.poll(() => answered).toBeGreaterThanOrEqual(20);
  for (const release of held.splice(0)) release();
  held = [];
  const drained = setInterval(() => {
    for (const release of held.splice(0)) release();
  }, 1);
  later(() => clearInterval(drained));
  await done;
  const asked = (backend: { received: string[] }) =>
    backend.received.join("").split("GET / ").length - 1;
  expect(asked(slow) + asked(fast)).toBe(40);
  expect(asked(fast)).toBeGreaterThan(asked(slow));
});

test("clients share connections to an endpoint, and a request that cannot be repeated gets a fresh one", async () => {
  const clock = new ManualClock();
  const app = await startRawBackend(() => OK);
  const { number } = await startPort(tcpRoute(true, [app.backend]), { clock });
  const ask = async (method: string): Promise<void> => {
    const client = connectTo(number);
    client.write(`${method} / HTTP/1.1\r\nHost: x\r\n\r\n`);
    await expect.poll(() => client.text(), { interval: 1 }).toBe(OK);
    client.socket.destroy();
  };
  for (let round = 0; round < 5; round++) await ask("GET");
  expect(app.received).toHaveLength(1);
  await ask("POST");
  expect(app.received).toHaveLength(1);
  await clock.advance(2_000);
  await ask("GET");
  expect(app.received).toHaveLength(1);
  await clock.advance(2_000);
  await ask("POST");
  expect(app.received).toHaveLength(2);
});

test("policies may differ for clients inside and outside, and change under a connection", async () => {
  const [inner, outer, next] = await Promise.all(["inner", "outer", "next"].map(startApp));
  if (inner === undefined || outer === undefined || next === undefined) throw new Error("three");
  const started = await startPort(tcpRoute(true, [inner], [outer]));
  const outside = await started.port.listen(
    "outside",
    { host: "127.0.0.1", port: 0 },
    { audience: "external" },
  );
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  later(() => agent.destroy());
  expect(await fetchText(started.number, agent)).toBe("inner");
  expect(await fetchText(outside ?? 0, agent)).toBe("outer");
  started.port.update(tcpRoute(true, [next]), undefined);
  expect(await fetchText(started.number, agent)).toBe("next");
  expect(await fetchText(outside ?? 0, agent)).toBe("next");
});
