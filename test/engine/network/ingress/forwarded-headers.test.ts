import { expect, test } from "vitest";
import {
  checkSendable,
  type OutgoingRequest,
  UnsendableError,
} from "../../../../src/engine/network/ingress/exchange.ts";
import {
  headerMap,
  type Origin,
  requestHeaders,
  responseHeaders,
  trailerFields,
} from "../../../../src/engine/network/ingress/forwarded-headers.ts";
import { requestHead } from "../../../../src/engine/network/ingress/http1-request-head.ts";

const ORIGIN: Origin = { client: "10.0.0.9", protocol: "https", authority: "a.org", port: 8444 };
const SENT: OutgoingRequest = {
  method: "GET",
  url: "/x",
  headers: [],
  framing: "none",
  upgrade: undefined,
  trailers: false,
  answerTimeoutMs: 0,
};

function asMap(headers: readonly string[]): Map<string, string[]> {
  const map = new Map<string, string[]>();
  for (let at = 0; at < headers.length; at += 2) {
    const name = (headers[at] ?? "").toLowerCase();
    map.set(name, [...(map.get(name) ?? []), headers[at + 1] ?? ""]);
  }
  return map;
}

test("where the request came from is written anew: what the client says of it is dropped", () => {
  const sent = asMap(
    requestHeaders(
      [
        "Host",
        "evil.org",
        "X-Forwarded-For",
        "1.2.3.4",
        "x-forwarded-proto",
        "ftp",
        "X-Forwarded-Host",
        "evil.org",
        "X-Real-IP",
        "1.2.3.4",
        "Forwarded",
        "for=1.2.3.4",
        "X-Forwarded-Port",
        "1",
        "Accept",
        "a",
        "Accept",
        "b",
      ],
      ORIGIN,
    ),
  );
  expect(Object.fromEntries(sent)).toEqual({
    host: ["a.org"],
    accept: ["a", "b"],
    "x-forwarded-for": ["10.0.0.9"],
    "x-forwarded-host": ["a.org"],
    "x-forwarded-port": ["8444"],
    "x-forwarded-proto": ["https"],
    "x-real-ip": ["10.0.0.9"],
  });
});

test("headers of the connection end here, those that Connection names included", () => {
  const hop = [
    "Connection",
    "close, X-Secret",
    "X-Secret",
    "1",
    "Keep-Alive",
    "timeout=5",
    "TE",
    "trailers",
    "Trailer",
    "x",
    "Transfer-Encoding",
    "chunked",
    "Upgrade",
    "h2c",
    "Proxy-Authorization",
    "x",
    "HTTP2-Settings",
    "x",
    "Expect",
    "100-continue",
  ];
  const sent = asMap(requestHeaders([...hop, "Authorization", "kept"], ORIGIN));
  for (const name of ["x-secret", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"])
    expect(sent.has(name), name).toBe(false);
  for (const name of ["proxy-authorization", "http2-settings", "expect"])
    expect(sent.has(name), name).toBe(false);
  expect(sent.get("authorization")).toEqual(["kept"]);
  expect(sent.has("connection")).toBe(false);
  const back = responseHeaders(["Connection", "X-Hop", "X-Hop", "1", "Set-Cookie", "a=1"]);
  expect(back).toEqual(["Set-Cookie", "a=1"]);
});

test("the body is framed once, whatever the client sent", () => {
  const both = ["Content-Length", "5", "Transfer-Encoding", "chunked"];
  const headers = requestHeaders(both, ORIGIN);
  expect(asMap(headers).has("content-length")).toBe(false);
  expect(asMap(headers).has("transfer-encoding")).toBe(false);
  const sent = { ...SENT, headers };
  expect(requestHead({ ...sent, framing: "chunked" })).toMatch(
    /^GET \/x HTTP\/1\.1\r\nHost: [^]*Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n$/,
  );
  const length = requestHead({ ...sent, framing: { length: "7" } });
  expect(length).toContain("\r\nContent-Length: 7\r\n");
  expect(length).not.toMatch(/transfer-encoding/i);
});

test("cookies that HTTP/2 splits are one header, and its pseudo-headers are none", () => {
  const sent = asMap(requestHeaders([":method", "GET", "cookie", "a=1", "cookie", "b=2"], ORIGIN));
  expect(sent.get("cookie")).toEqual(["a=1; b=2"]);
  expect([...sent.keys()].filter((name) => name.startsWith(":"))).toEqual([]);
});

test("an upgrade is asked for as the client did", () => {
  const came = ["Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Key", "k"];
  const headers = requestHeaders(came, ORIGIN);
  expect(asMap(headers).get("sec-websocket-key")).toEqual(["k"]);
  expect(requestHead({ ...SENT, headers, upgrade: "websocket" })).toMatch(
    /\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n$/,
  );
});

test.each([
  ["a line feed in a value", { headers: ["X", "a\nb"] }],
  ["a carriage return in a value", { headers: ["X", "a\r\nInjected: 1"] }],
  ["a space in a name", { headers: ["X Y", "a"] }],
  ["a space in the URL", { url: "/a HTTP/1.1" }],
  ["a line end in the URL", { url: "/a\r\nX: y" }],
  ["a space in the method", { method: "GET /" }],
])("%s is never sent", (_what, part) => {
  expect(() => checkSendable({ ...SENT, ...part })).toThrow(UnsendableError);
});

test("trailers pass, except those that would frame or route a message", () => {
  const trailers = [
    "Grpc-Status",
    "0",
    "Content-Length",
    "5",
    "Host",
    "x",
    "Transfer-Encoding",
    "y",
  ];
  expect(trailerFields(trailers)).toEqual(["Grpc-Status", "0"]);
});

test("a response's repeated headers stay apart for HTTP/2, and names are never of a prototype", () => {
  const map = headerMap(["Set-Cookie", "a", "set-cookie", "b", "__proto__", "x", "X", "y"]);
  expect(Object.entries(map)).toEqual([
    ["set-cookie", ["a", "b"]],
    ["__proto__", "x"],
    ["x", "y"],
  ]);
});
