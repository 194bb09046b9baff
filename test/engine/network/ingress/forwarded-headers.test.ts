import { expect, test } from "vitest";
import {
  type Origin,
  requestHeaders,
  responseHeaderMap,
  responseHeaders,
} from "../../../../src/engine/network/ingress/forwarded-headers.ts";

const ORIGIN: Origin = { client: "10.0.0.9", protocol: "https", authority: "a.org", port: 8444 };

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
      "none",
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
    connection: ["keep-alive"],
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
  const sent = asMap(requestHeaders([...hop, "Authorization", "kept"], ORIGIN, "none"));
  for (const name of ["x-secret", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"])
    expect(sent.has(name), name).toBe(false);
  for (const name of ["proxy-authorization", "http2-settings", "expect"])
    expect(sent.has(name), name).toBe(false);
  expect(sent.get("authorization")).toEqual(["kept"]);
  expect(sent.get("connection")).toEqual(["keep-alive"]);
  const back = responseHeaders(["Connection", "X-Hop", "X-Hop", "1", "Set-Cookie", "a=1"]);
  expect(back).toEqual(["Set-Cookie", "a=1"]);
});

test("the body is framed once, whatever the client sent", () => {
  const both = ["Content-Length", "5", "Transfer-Encoding", "chunked"];
  expect(asMap(requestHeaders(both, ORIGIN, "chunked")).has("content-length")).toBe(false);
  const length = asMap(requestHeaders(both, ORIGIN, { length: "7" }));
  expect(length.get("content-length")).toEqual(["7"]);
  expect(length.has("transfer-encoding")).toBe(false);
});

test("cookies that HTTP/2 splits are one header, and its pseudo-headers are none", () => {
  const sent = asMap(
    requestHeaders([":method", "GET", "cookie", "a=1", "cookie", "b=2"], ORIGIN, "none"),
  );
  expect(sent.get("cookie")).toEqual(["a=1; b=2"]);
  expect([...sent.keys()].filter((name) => name.startsWith(":"))).toEqual([]);
});

test("an upgrade is asked for as the client did", () => {
  const headers = ["Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Key", "k"];
  const sent = asMap(requestHeaders(headers, ORIGIN, "none", "websocket"));
  expect(sent.get("upgrade")).toEqual(["websocket"]);
  expect(sent.get("connection")).toEqual(["Upgrade"]);
  expect(sent.get("sec-websocket-key")).toEqual(["k"]);
});

test("a response's repeated headers stay apart for HTTP/2, and names are never of a prototype", () => {
  const map = responseHeaderMap(["Set-Cookie", "a", "set-cookie", "b", "__proto__", "x", "X", "y"]);
  expect(Object.entries(map)).toEqual([
    ["set-cookie", ["a", "b"]],
    ["__proto__", "x"],
    ["x", "y"],
  ]);
});
