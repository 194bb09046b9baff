/** Bodies, upgrades, retries and answers of the proxy itself, over real sockets. */
import { randomBytes } from "node:crypto";
import { request as httpRequest } from "node:http";
import { connect as http2Connect } from "node:http2";
import { connect, createServer as createTcpServer, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ask, IngressFixture } from "./ingress-fixture.ts";

let fixture: IngressFixture;
beforeEach(async () => {
  fixture = await IngressFixture.start({
    limits: { answerTimeoutMs: 400, headersTimeoutMs: 300, checkIntervalMs: 50 },
  });
});
afterEach(() => fixture.stop());

async function serve(port: number): Promise<void> {
  await fixture.service("web", port);
  await fixture.ingress({ rules: [{ host: "a.org", to: "web" }] });
}
/** A backend that gets a connection and is told what came over it, piece by piece. */
function tcpApp(onData: (socket: Socket, text: string, connection: number) => void) {
  let connections = 0;
  return fixture.listenOn(
    createTcpServer((socket) => {
      const connection = ++connections;
      socket.on("error", () => undefined);
      socket.setEncoding("latin1").on("data", (text: string) => onData(socket, text, connection));
    }),
  );
}

describe("bodies", () => {
  test("large ones pass unchanged both ways, with a length and without", async () => {
    const port = await fixture.app((request, response) => {
      response.setHeader("x-framing", request.headers["transfer-encoding"] ?? "length");
      request.pipe(response);
    });
    await serve(port);
    const body = randomBytes(3_000_000).toString("base64");
    const sized = await fixture.get("a.org/", { method: "POST", body });
    expect(sized.headers["x-framing"]).toBe("length");
    expect(sized.body === body).toBe(true);
    const headers = { "transfer-encoding": "chunked" };
    const chunked = await fixture.get("a.org/", { method: "POST", body, headers });
    expect(chunked.headers["x-framing"]).toBe("chunked");
    expect(chunked.body === body).toBe(true);
  });

  test("an empty POST has length 0, and a GET has none", async () => {
    const port = await fixture.app((request, response) =>
      response.end(`${request.headers["content-length"]} ${request.headers["transfer-encoding"]}`),
    );
    await serve(port);
    expect((await fixture.get("a.org/", { method: "POST" })).body).toBe("0 undefined");
    expect((await fixture.get("a.org/")).body).toBe("undefined undefined");
  });

  test("an event stream arrives as it is sent, its head before the first event", async () => {
    let send = (_text: string): void => undefined;
    const port = await fixture.app((_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.flushHeaders();
      send = (text) => void response.write(text);
    });
    await serve(port);
    const outgoing = httpRequest({ port: fixture.port(), headers: { host: "a.org" } });
    outgoing.end();
    const response = await new Promise<NodeJS.ReadableStream>((resolve) =>
      outgoing.once("response", resolve),
    );
    for (const event of ["data: 1\n\n", "data: 2\n\n"]) {
      const came = new Promise((resolve) => response.once("data", resolve));
      send(event);
      expect(String(await came)).toBe(event);
    }
    outgoing.destroy();
  });

  test("a client that does not read holds back the backend", async () => {
    let sent = 0;
    const piece = Buffer.alloc(1 << 20);
    const port = await fixture.app((request, response) => {
      if (request.url === "/other") return void response.end();
      const write = (): void => {
        while (sent < 256) {
          sent++;
          if (!response.write(piece)) return void response.once("drain", write);
        }
      };
      write();
    });
    await serve(port);
    const client = connect(fixture.port(), "127.0.0.1");
    client.pause();
    client.write("GET / HTTP/1.1\r\nHost: a.org\r\n\r\n");
    // Held back: nothing more comes while many other requests go there and back.
    for (let before = -1; sent !== before; ) {
      before = sent;
      for (let other = 0; other < 50; other++) await fixture.get("a.org/other");
    }
    expect(sent).toBeGreaterThan(0);
    client.destroy();
    expect(sent).toBeLessThan(64);
  });

  test("a truncated answer does not look complete", async () => {
    const port = await tcpApp((socket) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
      setTimeout(() => socket.destroy(), 20);
    });
    await serve(port);
    await expect(fixture.get("a.org/")).rejects.toMatchObject({ code: "ECONNRESET" });
  });

  test.each([
    ["X-Sum: \x01", "a control character"],
    ["ETag: 1\r\nETag: 2", "a repeated field that HTTP/2 has once"],
  ])("trailers %j (%s) harm nobody but their own answer", async (trailers) => {
    const port = await tcpApp((socket) =>
      socket.write(
        `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n${trailers}\r\n\r\n`,
        "latin1",
      ),
    );
    await serve(port);
    await fixture.get("a.org/");
    const session = http2Connect(`http://127.0.0.1:${fixture.port()}`);
    session.on("error", () => undefined);
    const stream = session.request({ ":authority": "a.org" });
    stream.on("error", () => undefined);
    stream.resume();
    await new Promise((resolve) => stream.once("close", resolve));
    session.destroy();
    expect((await fixture.get("b.org/")).status).toBe(404);
  });

  test("a client that leaves ends the request to the backend", async () => {
    let left = (): void => undefined;
    const hasLeft = new Promise<void>((resolve) => (left = resolve));
    let arrived = (): void => undefined;
    const isThere = new Promise<void>((resolve) => (arrived = resolve));
    const port = await fixture.app((_request, response) => {
      response.once("close", left);
      arrived();
    });
    await serve(port);
    const outgoing = httpRequest({ port: fixture.port(), headers: { host: "a.org" } });
    outgoing.on("error", () => undefined);
    outgoing.end();
    await isThere;
    outgoing.destroy();
    await hasLeft;
  });
});

describe("upgrades", () => {
  const WANTED =
    "GET /chat HTTP/1.1\r\nHost: a.org\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";

  test("a WebSocket passes bytes both ways, from the first one on, after its pod drains", async () => {
    const port = await fixture.app(
      (_request, response) => response.end(),
      (server) =>
        server.on("upgrade", (request: { url: string }, socket: Socket) => {
          socket.write(
            `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Path: ${request.url}\r\n\r\nhello `,
          );
          socket.on("data", (bytes) => socket.write(`<${bytes.toString()}>`));
        }),
    );
    await serve(port);
    const client = connect(fixture.port(), "127.0.0.1");
    let text = "";
    let look = (): void => undefined;
    client.setEncoding("latin1").on("data", (piece: string) => {
      text += piece;
      look();
    });
    const until = (end: string) =>
      new Promise<void>((resolve) => {
        look = () => {
          if (text.endsWith(end)) resolve();
        };
        look();
      });
    client.write(`${WANTED}\r\nearly`);
    await until("<early>");
    expect(text).toMatch(/^HTTP\/1\.1 101 /);
    expect(text).toMatch(/x-path: \/chat/i);
    expect(text).toContain("\r\n\r\nhello ");
    await fixture.route("web", [{ port, terminating: true }]);
    client.write("late");
    await until("<late>");
    client.destroy();
  });

  test("a backend that does not want to is quoted", async () => {
    await serve(
      await fixture.app((_request, response) => {
        response.writeHead(426);
        response.end("no sockets here");
      }),
    );
    const text = await fixture.raw(`${WANTED}\r\n`);
    expect(text).toMatch(/^HTTP\/1\.1 426 /);
    expect(text).toContain("no sockets here");
  });

  test("an offer of HTTP/2 without TLS is passed over", async () => {
    await serve(
      await fixture.app((request, response) => response.end(`upgrade ${request.headers.upgrade}`)),
    );
    const text = await fixture.raw(
      "GET / HTTP/1.1\r\nHost: a.org\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
    );
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
    expect(text).toContain("upgrade undefined");
  });
});

test("connections that a backend closed while they were idle are neither used nor kept", async () => {
  let requests = 0;
  const port = await tcpApp((socket) => {
    requests++;
    socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
  await serve(port);
  for (let round = 0; round < 300; round++)
    expect(await fixture.get("a.org/")).toMatchObject({ body: "ok" });
  // Each was asked once: none came over a connection that was closed.
  expect(requests).toBe(300);
});

describe("a backend that fails", () => {
  test("refuses connections: the next one is asked, with the body", async () => {
    const gone = await fixture.app(() => undefined);
    const there = await fixture.app((request, response) => request.pipe(response));
    await serve(gone);
    await fixture.route("web", [{ port: there }]);
    await fixture.closeApp(gone);
    for (let round = 0; round < 4; round++)
      expect(await fixture.get("a.org/", { method: "POST", body: "kept" })).toMatchObject({
        status: 200,
        body: "kept",
      });
  });

  test("closes a kept connection: what may be sent twice is, what may not is answered 502", async () => {
    let requests = 0;
    const port = await tcpApp((socket, text, connection) => {
      requests++;
      // The first connection answers once; its second request finds it closed.
      if (connection === 1 && requests > 1) socket.destroy();
      else if (text.startsWith("POST")) socket.destroy();
      else socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    await serve(port);
    expect(await fixture.get("a.org/")).toMatchObject({ body: "ok" });
    expect(await fixture.get("a.org/")).toMatchObject({ body: "ok" });
    expect(requests).toBe(3);
    expect(await fixture.get("a.org/", { method: "POST", body: "x" })).toMatchObject({
      status: 502,
    });
    expect(requests).toBe(4);
  });

  test("always ends before it answers: 502, after a bounded number of times", async () => {
    let requests = 0;
    await serve(
      await tcpApp((socket) => {
        requests++;
        socket.destroy();
      }),
    );
    expect(await fixture.get("a.org/")).toMatchObject({ status: 502 });
    expect(requests).toBe(3);
  });

  test("is asked again for an empty PUT, which has the same effect twice", async () => {
    let requests = 0;
    await serve(
      await tcpApp((socket) => {
        if (++requests === 1) socket.destroy();
        else socket.write("HTTP/1.1 204 No Content\r\n\r\n");
      }),
    );
    expect(await fixture.get("a.org/", { method: "PUT" })).toMatchObject({ status: 204 });
  });

  test("answers nonsense: 502", async () => {
    await serve(await tcpApp((socket) => socket.end("NONSENSE\r\n\r\n")));
    expect(await fixture.get("a.org/")).toMatchObject({ status: 502 });
  });

  test("does not answer: 504", async () => {
    await serve(await fixture.app(() => undefined));
    expect(await fixture.get("a.org/")).toMatchObject({ status: 504 });
  });

  test("does not keep a client's connection from serving the next request", async () => {
    await serve(await fixture.app((_request, response) => response.end("fine")));
    const text = await fixture.raw(
      "GET / HTTP/1.1\r\nHost: b.org\r\n\r\nGET / HTTP/1.1\r\nHost: a.org\r\nConnection: close\r\n\r\n",
    );
    expect(text).toMatch(/^HTTP\/1\.1 404 [^]*HTTP\/1\.1 200 /);
  });
});

test("the access log has every request, whoever answered it, without the query", async () => {
  await serve(await fixture.app((_request, response) => response.end("fine")));
  await fixture.get("a.org/x?token=secret");
  await fixture.get("b.org/");
  await fixture.get("a.org/../x", { method: "POST" });
  await expect.poll(() => fixture.accesses.length).toBe(3);
  const client = "127.0.0.1";
  expect(fixture.accesses).toMatchObject([
    { client, method: "GET", host: "a.org", path: "/x", ingress: "default/web", status: 200 },
    { client, method: "GET", host: "b.org", path: "/", status: 404 },
    { client, method: "POST", status: 400 },
  ]);
  expect(JSON.stringify(fixture.accesses)).not.toContain("secret");
});

test("connections above the limit are closed at once, and those before them work on", async () => {
  const small = await IngressFixture.start({ limits: { maxConnections: 1 } });
  try {
    await small.service("web", await small.app((_request, response) => response.end("fine")));
    await small.ingress({ rules: [{ host: "a.org", to: "web" }] });
    const first = connect(small.port(), "127.0.0.1");
    await new Promise((resolve) => first.once("connect", resolve));
    expect(await small.raw("GET / HTTP/1.1\r\nHost: a.org\r\n\r\n")).toBe("");
    first.write("GET / HTTP/1.1\r\nHost: a.org\r\n\r\n");
    const answer = await new Promise((resolve) => first.once("data", resolve));
    expect(String(answer)).toMatch(/^HTTP\/1\.1 200 /);
    first.destroy();
  } finally {
    await small.stop();
  }
});

describe("clients that misbehave", () => {
  beforeEach(async () => {
    await serve(await fixture.app((_request, response) => response.end("reached")));
  });

  test.each([
    [
      "both lengths",
      "POST / HTTP/1.1\r\nHost: a.org\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    [
      "two lengths",
      "POST / HTTP/1.1\r\nHost: a.org\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    ],
    ["a signed length", "POST / HTTP/1.1\r\nHost: a.org\r\nContent-Length: +1\r\n\r\nx"],
    ["a bare line feed", "GET / HTTP/1.1\nHost: a.org\n\n"],
    ["a bare carriage return", "GET / HTTP/1.1\r\nHost: a.org\rX: y\r\n\r\n"],
    ["a folded header", "GET / HTTP/1.1\r\nHost: a.org\r\nX: y\r\n z\r\n\r\n"],
    ["a space before the colon", "GET / HTTP/1.1\r\nHost : a.org\r\n\r\n"],
    ["a NUL", "GET / HTTP/1.1\r\nHost: a.org\r\nX: \0\r\n\r\n"],
    ["two Hosts", "GET / HTTP/1.1\r\nHost: a.org\r\nHost: b.org\r\nConnection: close\r\n\r\n"],
    ["no Host", "GET / HTTP/1.1\r\nConnection: close\r\n\r\n"],
    ["a bad chunk", "POST / HTTP/1.1\r\nHost: b.org\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"],
    ["dot segments", "GET /x/../y HTTP/1.1\r\nHost: a.org\r\nConnection: close\r\n\r\n"],
    ["no HTTP", "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"],
  ])("%s: refused, and no backend is asked", async (_case, bytes) => {
    const text = await fixture.raw(bytes);
    expect(text).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(text).not.toContain("reached");
  });

  test("an unknown coding of the body: 501", async () => {
    const text = await fixture.raw(
      "POST / HTTP/1.1\r\nHost: a.org\r\nTransfer-Encoding: gzip, chunked\r\nConnection: close\r\n\r\n0\r\n\r\n",
    );
    expect(text).toMatch(/^HTTP\/1\.1 501 /);
  });

  test("headers above the limit: 431; many small ones below it all arrive", async () => {
    const large = await fixture.raw(
      `GET / HTTP/1.1\r\nHost: a.org\r\nX: ${"x".repeat(33_000)}\r\n\r\n`,
    );
    expect(large).toMatch(/^HTTP\/1\.1 431 /);
    const lines = Array.from({ length: 2_500 }, (_, at) => `h${at}:`).join("\r\n");
    const many = await fixture.raw(
      `GET / HTTP/1.1\r\nHost: a.org\r\nConnection: close\r\n${lines}\r\nHost: b.org\r\n\r\n`,
    );
    expect(many).toMatch(/^HTTP\/1\.1 400 /);
  });

  test("one that trickles its headers is given up: 408", async () => {
    const text = await fixture.raw("GET / HTTP/1.1\r\nHost: a.org\r\nX");
    expect(text).toMatch(/^HTTP\/1\.1 408 /);
  });

  test.each(["", "P", "PRI * HTTP/2."])(
    "one that says no more than %j, and may yet speak HTTP/2, is given up",
    async (bytes) => {
      expect(await fixture.raw(bytes)).toBe("");
    },
  );

  test("one that opens HTTP/2 and goes on with something else is let go of", async () => {
    await fixture.raw(`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${"junk".repeat(50)}`);
    expect(await ask(fixture.port(), "a.org/", {})).toMatchObject({ body: "reached" });
  });

  test("one that stops in the middle of a body: 504, and the backend is let go", async () => {
    await fixture.service("upload", await fixture.app((request) => request.resume()));
    await fixture.ingress({ name: "upload", rules: [{ host: "up.org", to: "upload" }] });
    const text = await fixture.raw(
      "POST / HTTP/1.1\r\nHost: up.org\r\nContent-Length: 10\r\n\r\nhalf",
    );
    expect(text).toMatch(/^HTTP\/1\.1 504 /);
  });

  test("the listener is as before for everybody else", async () => {
    await Promise.all(
      Array.from({ length: 50 }, (_, at) => fixture.raw(`${"junk".repeat(at)}\r\n\r\n`)),
    );
    expect(await ask(fixture.port(), "a.org/", {})).toMatchObject({ body: "reached" });
  });
});
