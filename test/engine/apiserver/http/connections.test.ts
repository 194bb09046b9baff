import { once } from "node:events";
import { connect } from "node:tls";
import { afterAll, expect, test } from "vitest";
import { configMap } from "../test-server.ts";
import { CONFIG_MAPS, events, TOKEN, useHttpsServer } from "./https-fixture.ts";

const server = useHttpsServer();
afterAll(() => expect(server.faults).toEqual([]));

const post = (name: string, data: Record<string, string> = {}) =>
  server.ask(CONFIG_MAPS, { method: "POST", body: configMap(name, data) });
const socketTo = (protocol: string) => {
  const { port } = new URL(server.url);
  return connect({
    host: "127.0.0.1",
    port: Number(port),
    ca: server.ca,
    ALPNProtocols: [protocol],
  });
};

test("HTTP/2 carries many requests and watches on one connection", async () => {
  const session = server.http2();
  const get = async (path: string, method = "GET", body?: string): Promise<string> => {
    const headers = { ":path": path, ":method": method, authorization: `Bearer ${TOKEN}` };
    const stream = session.request(
      body === undefined ? headers : { ...headers, "content-type": "application/json" },
    );
    stream.end(body);
    let text = "";
    for await (const piece of stream.setEncoding("utf8")) text += String(piece);
    return text;
  };
  const watches = Array.from({ length: 20 }, () => {
    const stream = session.request({
      ":path": `${CONFIG_MAPS}?watch=true`,
      authorization: `Bearer ${TOKEN}`,
    });
    return new Promise<string>((resolve) => {
      let text = "";
      stream.setEncoding("utf8").on("data", (piece: string) => {
        text += piece;
        if (text.includes("many-9")) {
          stream.close();
          resolve(text);
        }
      });
    });
  });
  await Promise.all(
    Array.from({ length: 10 }, (_, index) =>
      get(CONFIG_MAPS, "POST", JSON.stringify(configMap(`many-${index}`))),
    ),
  );
  const list = JSON.parse(await get(CONFIG_MAPS)) as { items: unknown[] };
  expect(list.items).toHaveLength(10);
  await server.ask(`${CONFIG_MAPS}/many-9`, {
    method: "PUT",
    body: configMap("many-9", { now: "seen" }),
  });
  for (const text of await Promise.all(watches)) expect(events(text).length).toBeGreaterThan(0);
  session.close();
  await once(session, "close");
});

test("HTTP/1.1 keeps its connection, also after an error", async () => {
  const socket = socketTo("http/1.1");
  await once(socket, "secureConnect");
  let text = "";
  socket.setEncoding("utf8").on("data", (piece: string) => {
    text += piece;
  });
  const ask = async (path: string, expected: RegExp): Promise<void> => {
    text = "";
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`);
    await expect.poll(() => text).toMatch(expected);
  };
  await ask("/nothing", /^HTTP\/1\.1 404 /);
  await ask(`${CONFIG_MAPS}/none`, /^HTTP\/1\.1 404 /);
  await ask("/version", /^HTTP\/1\.1 200 OK[^]*"gitVersion"/);
  socket.destroy();
});

test("a reader that stops reading stops nobody else", async () => {
  const stuck = socketTo("http/1.1");
  await once(stuck, "secureConnect");
  stuck.pause();
  stuck.write(
    `GET ${CONFIG_MAPS}?watch=true HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`,
  );
  const reader = await server.stream(`${CONFIG_MAPS}?watch=true&labelSelector=`);
  const large = "x".repeat(500_000);
  for (let index = 0; index < 20; index++)
    expect((await post(`large-${index}`, { large })).code).toBe(201);
  await reader.until(/large-19/);
  reader.close();
  stuck.destroy();
  expect((await server.ask("/version")).code).toBe(200);
});

test("a client that leaves ends its watch and its half-sent request", async () => {
  const watch = await server.stream(`${CONFIG_MAPS}?watch=true`);
  watch.close();
  await watch.ended;
  const socket = socketTo("http/1.1");
  await once(socket, "secureConnect");
  socket.write(
    `POST ${CONFIG_MAPS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"api`,
  );
  socket.destroy();
  const session = server.http2();
  const stream = session.request({
    ":path": `${CONFIG_MAPS}?watch=true`,
    authorization: `Bearer ${TOKEN}`,
  });
  await once(stream, "response");
  session.destroy();
  expect((await post("after")).code).toBe(201);
});

test("garbage on the line disturbs nobody", async () => {
  for (const garbage of ["\x16\x03\x01\x00\x00", "GET / HTTP/1.1\r\n\r\n"]) {
    const { port } = new URL(server.url);
    const { connect: connectPlain } = await import("node:net");
    const socket = connectPlain(Number(port), "127.0.0.1");
    socket.on("error", () => undefined);
    socket.write(garbage);
    socket.end();
    await once(socket, "close");
  }
  const socket = socketTo("http/1.1");
  await once(socket, "secureConnect");
  socket.on("error", () => undefined);
  socket.write("NOT HTTP AT ALL\r\n\r\n");
  socket.resume();
  await once(socket, "close");
  expect((await server.ask("/version")).code).toBe(200);
});
