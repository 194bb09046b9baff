import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { silentLogger } from "../../src/client/logger.ts";
import { staticTokens } from "../../src/engine/apiserver/http/authenticate.ts";
import {
  type HttpsServer,
  startHttpsServer,
} from "../../src/engine/apiserver/http/https-server.ts";
import {
  ensureCertificates,
  type ServerCertificates,
} from "../../src/engine/apiserver/pki/certificates.ts";
import { admin, startServer, type TestServer } from "../engine/apiserver/test-server.ts";
import { rawHttp } from "./raw-http.ts";

const LIMITS = {
  headersTimeoutMs: 300,
  requestTimeoutMs: 2_000,
  checkIntervalMs: 50,
  maxConnections: 20,
};
const SECRETS = "/api/v1/namespaces/default/secrets";
const POST = `POST ${SECRETS} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer token\r\ncontent-type: application/json\r\n`;

let directory: string;
let certificates: ServerCertificates;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "gantry-listener-"));
  certificates = await ensureCertificates({
    directory,
    names: ["127.0.0.1"],
    nowMs: Date.now(),
  });
});
afterAll(() => rm(directory, { recursive: true }));

let api: TestServer;
let server: HttpsServer;
let url: string;
const faults: unknown[] = [];
beforeEach(async () => {
  faults.length = 0;
  api = await startServer();
  server = await startHttpsServer({
    api: api.server,
    authenticator: staticTokens(new Map([["token", admin]])),
    certificate: certificates.server,
    host: "127.0.0.1",
    port: 0,
    logger: { ...silentLogger, error: (fields) => void faults.push(fields) },
    gantryVersion: "test",
    notReady: () => [],
    limits: LIMITS,
  });
  url = `https://127.0.0.1:${server.port}`;
});
afterEach(async () => {
  vi.useRealTimers();
  // Whatever a client does: the next one is served, and nothing of it is an error of the server's.
  const { received } = rawHttp(
    url,
    "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
  );
  expect(await received()).toMatch(/^HTTP\/1\.1 200 [^]*ok$/);
  expect(faults).toEqual([]);
  await server.close();
  await api.server.close();
});

test("headers that never end, and greetings that never come, cost the connection", async () => {
  const slow = rawHttp(url, "GET /healthz HTTP/1.1\r\nhost: x\r\nx");
  const silent = connect(server.port, "127.0.0.1");
  const cutOff = once(silent.resume(), "close");
  expect(await slow.received()).toMatch(/^HTTP\/1\.1 408 /);
  await cutOff;
});

test("closing waits for nobody: silent, half-sent, idle or watching", async () => {
  const silent = connect(server.port, "127.0.0.1").resume();
  silent.on("error", () => undefined);
  await once(silent, "connect");
  const watching = rawHttp(
    url,
    `GET ${SECRETS}?watch=true HTTP/1.1\r\nhost: x\r\nauthorization: Bearer token\r\n\r\n`,
  );
  await watching.received(/ 200 /);
  const session = connectHttp2(url, { ca: certificates.ca });
  session.on("error", () => undefined);
  await once(session, "connect");
  const ends = [silent, watching.socket, session].map((each) => once(each, "close"));
  await server.close();
  await Promise.all(ends);
  server = await startHttpsServer({
    api: api.server,
    authenticator: staticTokens(new Map()),
    certificate: certificates.server,
    host: "127.0.0.1",
    port: server.port,
    logger: silentLogger,
    gantryVersion: "test",
    notReady: () => [],
  });
});

test.each(["HTTP/1.1", "HTTP/2"])(
  "over %s a body that trickles in is answered, not awaited",
  async (version) => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const session = connectHttp2(url, { ca: certificates.ca });
    let status: Promise<unknown>;
    if (version === "HTTP/2") {
      const stream = session.request({
        ":method": "POST",
        ":path": SECRETS,
        authorization: "Bearer token",
        "content-type": "application/json",
      });
      status = once(stream, "response").then(([headers]: { ":status": number }[]) =>
        String(headers?.[":status"]),
      );
      stream.write("{");
    } else {
      const { received } = rawHttp(url, `${POST}content-length: 10\r\n\r\n{`);
      status = received(/\r\n\r\n/);
    }
    await vi.waitUntil(() => vi.getTimerCount() > 0);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(await status).toMatch(/^(HTTP\/1\.1 )?504/);
    session.destroy();
  },
);

test("over HTTP/2 a body without end is answered 413", async () => {
  const session = connectHttp2(url, { ca: certificates.ca });
  const stream = session.request({
    ":method": "POST",
    ":path": SECRETS,
    authorization: "Bearer token",
    "content-type": "application/json",
  });
  const answer = once(stream, "response");
  stream.on("error", () => undefined).resume();
  stream.write(Buffer.alloc(5 * 1024 * 1024, "x"));
  const [headers] = (await answer) as { ":status": number }[];
  expect(headers?.[":status"]).toBe(413);
  session.destroy();
});

test("connections beyond the limit are closed", async () => {
  const opened = Array.from({ length: 60 }, () => connect(server.port, "127.0.0.1"));
  for (const socket of opened) socket.on("error", () => undefined).resume();
  await Promise.race(opened.map((socket) => once(socket, "close")));
  const open = opened.filter((socket) => !socket.closed);
  const closed = open.map((socket) => once(socket, "close"));
  for (const socket of open) socket.destroy();
  await Promise.all(closed);
});

test.each([
  [
    "garbage behind a good request",
    "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n)(*&^\r\n\r\n",
    /^HTTP\/1\.1 200 /,
  ],
  ["two lengths", `${POST}content-length: 1\r\ncontent-length: 2\r\n\r\nab`, /^HTTP\/1\.1 400 /],
  [
    "length and chunks",
    `${POST}content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    /^HTTP\/1\.1 400 /,
  ],
  [
    "huge headers",
    `GET /healthz HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(70_000)}\r\n\r\n`,
    /^$|^HTTP\/1\.1 431 /,
  ],
  ["TRACE", "TRACE /api HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", /^HTTP\/1\.1 40[135] /],
  ["CONNECT", "CONNECT evil.example:80 HTTP/1.1\r\nhost: x\r\n\r\n", /^$|^HTTP\/1\.1 4/],
  [
    "a full URL",
    "GET http://evil.example/api HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    /^HTTP\/1\.1 400 /,
  ],
])("%s is answered or cut off", async (_what, bytes, answer) => {
  expect(await rawHttp(url, bytes).received()).toMatch(answer);
});
