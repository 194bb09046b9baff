/** Request smuggling, and what else two readers of HTTP/1.1 could take differently. */
import { describe, expect, test } from "vitest";
import { connectTo, OK, startPort, startRawBackend, tcpRoute } from "./tcp-port-fixture.ts";

const SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
const post = (headers: string, body: string) =>
  `POST /first HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n${body}`;

describe("no byte of an ambiguous request reaches an endpoint", () => {
  test.each([
    ["CL.TE", post("Content-Length: 6\r\nTransfer-Encoding: chunked", `0\r\n\r\n${SMUGGLED}`), 400],
    ["TE.CL", post("Transfer-Encoding: chunked\r\nContent-Length: 3", `0\r\n\r\n${SMUGGLED}`), 400],
    ["TE.TE", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: x", SMUGGLED), 400],
    ["an obscured TE", post("Transfer-Encoding: xchunked", SMUGGLED), 501],
    ["a space before the colon", post("Transfer-Encoding : chunked", `0\r\n\r\n${SMUGGLED}`), 400],
    ["a folded header", post("X: y\r\n\tTransfer-Encoding: chunked", SMUGGLED), 400],
    ["several lengths", post("Content-Length: 0\r\nContent-Length: 36", SMUGGLED), 400],
    ["a bare LF", post("X: y\nContent-Length: 36", SMUGGLED), 400],
  ])("%s", async (_name, bytes, status) => {
    const app = await startRawBackend(() => OK);
    const { number } = await startPort(tcpRoute(true, [app.backend]));
    const client = connectTo(number);
    client.write(bytes);
    expect(await client.ended).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [^]*Connection: close`));
    expect(app.received).toEqual([]);
  });
});

test("a body that breaks its framing ends with the request that it came with", async () => {
  const app = await startRawBackend(() => undefined);
  const { number, inFlight } = await startPort(tcpRoute(true, [app.backend]));
  const client = connectTo(number);
  client.write(post("Transfer-Encoding: chunked", "5\r\nhello\r\n"));
  await expect.poll(() => app.received[0]).toMatch(/hello/);
  client.write(`5 \r\n${SMUGGLED}`);
  expect(await client.ended).toMatch(/^HTTP\/1\.1 400 /);
  expect(app.received.join("")).not.toContain("smuggled");
  expect(inFlight.has(app.backend.address, app.backend.port)).toBe(false);
});

test("what follows a response belongs to no other client", async () => {
  const app = await startRawBackend(() => `${OK}HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother`);
  const { number } = await startPort(tcpRoute(true, [app.backend]));
  for (let round = 0; round < 3; round++) {
    const client = connectTo(number);
    client.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(await client.ended).toBe(OK);
  }
  // Nor is the connection used again that it came over.
  expect(app.received).toHaveLength(3);
});

test("an endpoint that speaks unasked is not listened to", async () => {
  const app = await startRawBackend((_bytes, socket) => {
    setImmediate(() => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"));
    return OK;
  });
  const { number } = await startPort(tcpRoute(true, [app.backend]));
  const client = connectTo(number);
  client.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await expect.poll(() => client.text()).toContain("ok");
  const second = connectTo(number);
  second.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  await expect.poll(() => second.text()).toMatch(/ok/);
  expect(second.text()).not.toContain("poison");
});

test("a response that can be read in two ways is passed on alone", async () => {
  const both =
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
  const app = await startRawBackend((_bytes, socket) => {
    socket.end(both);
    return undefined;
  });
  const { number } = await startPort(tcpRoute(true, [app.backend]));
  const client = connectTo(number);
  client.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  expect(await client.ended).toBe(both);
});

test("another protocol gets an endpoint for itself, and every byte unchanged", async () => {
  const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
  const app = await startRawBackend((bytes) => (bytes.startsWith("PRI") ? "\0\0\0\x04\0" : OK));
  const { number } = await startPort(tcpRoute(true, [app.backend]));
  const h2 = connectTo(number);
  h2.write(preface);
  await expect.poll(() => h2.text()).toBe("\0\0\0\x04\0");
  const plain = connectTo(number);
  plain.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await expect.poll(() => plain.text()).toBe(OK);
  expect(app.received[0]).toBe(preface);
  expect(app.received).toHaveLength(2);
});

test("a protocol cannot change between two requests", async () => {
  const app = await startRawBackend(() => OK);
  const { number } = await startPort(tcpRoute(true, [app.backend]));
  const client = connectTo(number);
  client.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await expect.poll(() => client.text()).toBe(OK);
  client.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  expect(await client.ended).toMatch(/HTTP\/1\.1 400 /);
  expect(app.received).toHaveLength(1);
});
