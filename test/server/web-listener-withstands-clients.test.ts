import { createHmac } from "node:crypto";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Logger } from "../../src/client/logger.ts";
import { MAX_WEBHOOK_BYTES, WEBHOOK_TIMEOUT_MS } from "../../src/gitops/webhook/receive.ts";
import { sendText, startWebListener, type WebListener } from "../../src/server/web-listener.ts";
import { type WebhookEndpoint, webhookEndpoint } from "../../src/server/webhook-endpoint.ts";
import { ManualClock } from "../manual-clock.ts";
import { rawHttp } from "./raw-http.ts";

const SECRET = "webhook-secret";
const FOLLOWERS = [
  {
    key: "default/shop",
    sources: [{ repoURL: "https://git.example.com/team/shop.git", revision: "main" }],
    isFailing: false,
  },
];
const LIMITS = {
  headersTimeoutMs: 300,
  requestTimeoutMs: 2_000,
  checkIntervalMs: 50,
  maxConnections: 20,
};

let listener: WebListener;
let webhook: WebhookEndpoint;
let clock: ManualClock;
let url: string;
let refreshed: string[];
let logged: string[];
beforeEach(async () => {
  refreshed = [];
  logged = [];
  clock = new ManualClock();
  const log =
    (level: string) =>
    (_fields: object, message: string): void =>
      void logged.push(`${level}: ${message}`);
  const logger: Logger = {
    debug: log("debug"),
    info: log("info"),
    warn: log("warn"),
    error: log("error"),
  };
  webhook = webhookEndpoint({
    clock,
    secretOf: (provider) => (provider === "generic" ? SECRET : undefined),
    followers: () => FOLLOWERS,
    refresh: (keys) => refreshed.push(...keys),
    onAnswer: () => undefined,
    logger,
  });
  listener = await startWebListener(
    { host: "127.0.0.1", port: 0 },
    new Map([
      ["GET /healthz", (_request, response) => sendText(response, 200, "ok\n")],
      [
        "GET /broken",
        () => {
          throw new Error("a defect");
        },
      ],
      ["POST /api/webhook", webhook.handle],
    ]),
    logger,
    LIMITS,
  );
  url = `http://127.0.0.1:${listener.port}`;
});
afterEach(async () => {
  vi.useRealTimers();
  // Whatever a client does: the next one is served, and nothing of it is an error of the server's.
  expect(await (await fetch(`${url}/healthz`)).text()).toBe("ok\n");
  expect(logged.filter((line) => line.startsWith("error"))).toEqual([]);
  webhook.stop();
  await listener.close();
});

const signed = (body: string): Record<string, string> => ({
  "x-signature": `sha256=${createHmac("sha256", SECRET).update(body).digest("hex")}`,
});
const post = (body: string, headers = signed(body)): Promise<Response> =>
  fetch(`${url}/api/webhook`, { method: "POST", body, headers });
const pushTo = (repository: string, ref = "refs/heads/main"): string =>
  JSON.stringify({ repository, ref });

test("a signed push wakes those who follow that repository and branch, and nobody else", async () => {
  expect((await post(pushTo("https://git.example.com/team/other.git"))).status).toBe(200);
  expect((await post(pushTo("https://git.example.com/team/shop", "refs/heads/x"))).status).toBe(
    200,
  );
  expect((await post('{"repository":{"url":7},"ref":[]}')).status).toBe(200);
  expect(refreshed).toEqual([]);
  expect((await post(pushTo("git@git.example.com:team/shop.git"))).status).toBe(200);
  expect(refreshed).toEqual(["default/shop"]);
});

test("a signature of other bytes, of another secret, or none is refused before the body is read", async () => {
  const body = pushTo(FOLLOWERS[0]?.sources[0]?.repoURL ?? "");
  expect((await post(body, signed(`${body} `))).status).toBe(401);
  expect((await post("not json", signed("other"))).status).toBe(401);
  expect((await post(body, { "x-signature": "sha256=" })).status).toBe(401);
  expect((await post(body, {})).status).toBe(400);
  expect((await post(body, { "x-github-event": "push" })).status).toBe(401);
  expect((await post("not json")).status).toBe(400);
  expect(refreshed).toEqual([]);
});

test("a body that says it is too large is answered 413 without being awaited", async () => {
  const { socket, received } = rawHttp(
    url,
    `POST /api/webhook HTTP/1.1\r\nhost: x\r\nx-signature: a\r\ncontent-length: ${MAX_WEBHOOK_BYTES + 1}\r\n\r\n`,
  );
  expect(await received(/\r\n\r\n/)).toMatch(/^HTTP\/1\.1 413 /);
  socket.destroy();
});

test("a body of unknown length is answered 413 at the limit, even to one who keeps sending", async () => {
  const { socket, received } = rawHttp(
    url,
    "POST /api/webhook HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n",
  );
  const piece = `10000\r\n${"x".repeat(0x10000)}\r\n`;
  const answer = received(/\r\n\r\n/);
  for (let sent = 0; sent < MAX_WEBHOOK_BYTES + 10 * 0x10000; sent += 0x10000) socket.write(piece);
  expect(await answer).toMatch(/^HTTP\/1\.1 413 /);
  socket.destroy();
});

test("a body that trickles in is answered 408 after the time it has", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const { socket, received } = rawHttp(
    url,
    "POST /api/webhook HTTP/1.1\r\nhost: x\r\nx-signature: a\r\ncontent-length: 10\r\n\r\n{",
  );
  await vi.waitUntil(() => vi.getTimerCount() > 0);
  await vi.advanceTimersByTimeAsync(WEBHOOK_TIMEOUT_MS);
  expect(await received(/\r\n\r\n/)).toMatch(/^HTTP\/1\.1 408 /);
  socket.destroy();
});

test("a client that goes away in the middle of its body is forgotten", async () => {
  const { socket, received } = rawHttp(
    url,
    "POST /api/webhook HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 10\r\n\r\n{",
  );
  await received(/100 Continue/);
  socket.destroy();
  expect(refreshed).toEqual([]);
});

test("headers that never end cost the connection, and other clients are served meanwhile", async () => {
  const slow = Array.from({ length: 5 }, () =>
    rawHttp(url, "GET /healthz HTTP/1.1\r\nhost: x\r\nx"),
  );
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  for (const { received } of slow) expect(await received()).toMatch(/^HTTP\/1\.1 408 /);
});

test("connections beyond the limit are closed, and room is made when others end", async () => {
  const opened = Array.from({ length: 60 }, () => rawHttp(url, ""));
  const closed = await Promise.race(opened.map(({ received }) => received()));
  expect(closed).toBe("");
  for (const { socket } of opened) socket.destroy();
  await expect
    .poll(() =>
      fetch(`${url}/healthz`).then(
        ({ status }) => status,
        () => 0,
      ),
    )
    .toBe(200);
});

test.each([
  ["no HTTP at all", "\u0000\u0001\u0002hello\r\n\r\n", /^HTTP\/1\.1 400 /],
  ["a TLS greeting", "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\r\n\r\n", /^HTTP\/1\.1 400 /],
  [
    "garbage behind a good request",
    "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n)(*&^\r\n\r\n",
    /^HTTP\/1\.1 200 [^]*\r\n\r\nok\n$/,
  ],
  [
    "two lengths",
    "POST /api/webhook HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
    /^HTTP\/1\.1 400 /,
  ],
  [
    "length and chunks",
    "POST /api/webhook HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    /^HTTP\/1\.1 400 /,
  ],
  ["an unknown method", "BREW /healthz HTTP/1.1\r\nhost: x\r\n\r\n", /^HTTP\/1\.1 400 /],
  [
    "a method no path has",
    "DELETE /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    /^HTTP\/1\.1 405 /,
  ],
  [
    "GET of the webhook",
    "GET /api/webhook HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    /^HTTP\/1\.1 405 /,
  ],
  ["CONNECT", "CONNECT evil.example:80 HTTP/1.1\r\nhost: x\r\n\r\n", /^$/],
  [
    "an upgrade",
    "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: upgrade, close\r\nupgrade: websocket\r\n\r\n",
    /^HTTP\/1\.1 200 /,
  ],
  [
    "dots in the path",
    "GET /../../etc/passwd HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    /^HTTP\/1\.1 404 /,
  ],
  [
    "a full URL",
    "GET http://evil.example/healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    /^HTTP\/1\.1 404 /,
  ],
  [
    "the name of a built-in",
    "GET __proto__ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    /^HTTP\/1\.1 4/,
  ],
  [
    "huge headers",
    `GET /healthz HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(70_000)}\r\n\r\n`,
    /^HTTP\/1\.1 431 /,
  ],
])("%s is answered or cut off", async (_what, bytes, answer) => {
  expect(await rawHttp(url, bytes).received()).toMatch(answer);
});

test("a defect in a handler is a 500 that says nothing, and is logged", async () => {
  const response = await fetch(`${url}/broken`);
  expect(response.status).toBe(500);
  expect(await response.text()).not.toMatch(/defect/);
  expect(logged.splice(0)).toEqual(["error: web request failed"]);
});
