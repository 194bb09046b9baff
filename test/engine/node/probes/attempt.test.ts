import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server as TcpServer,
} from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import {
  type AttemptContext,
  attempt,
  type ProbeHandler,
} from "../../../../src/engine/node/probes/attempt.ts";
import type { Container } from "../../../../src/engine/node/pod-model.ts";
import { NOT_OK, OK } from "../fake-runtime.ts";

const servers: { close: () => unknown }[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listen(server: Server | TcpServer): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  servers.push(server);
  return (server.address() as AddressInfo).port;
}
const serve = (listener: RequestListener): Promise<number> => listen(createServer(listener));
async function unusedPort(): Promise<number> {
  const server = createTcpServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}
/** Container port 80 is at `port`. */
const context = (port: number, extra: Partial<Container> = {}): AttemptContext => ({
  container: { name: "web", ports: [{ name: "http", containerPort: 80 }], ...extra },
  podIP: "127.0.0.1",
  portMap: new Map([[80, port]]),
  containerId: "fake://1",
  runtime: { exec: async (_id, [program]) => (program === "good" ? OK : NOT_OK) },
});
const ask = (handler: ProbeHandler, port = 0, timeoutMs = 2_000) =>
  attempt(handler, context(port), timeoutMs);

describe("httpGet", () => {
  it.each([
    [200, true],
    [204, true],
    [302, true],
    [399, true],
    [400, false],
    [404, false],
    [503, false],
  ])("status %i: %s", async (status, success) => {
    const port = await serve((_request, response) => response.writeHead(status).end("body"));
    const outcome = await ask({ httpGet: { port: 80 } }, port);
    expect(outcome.success).toBe(success);
    if (!success) expect(outcome.message).toBe(`HTTP probe failed with statuscode: ${status}`);
  });
  it("asks for the path, by named port, as a kubelet", async () => {
    let seen = "";
    const port = await serve((request, response) => {
      const { host, "user-agent": agent, accept, "x-check": check, connection } = request.headers;
      seen = [request.url, host, agent, accept, String(check), connection].join(" | ");
      response.end();
    });
    const httpHeaders = [
      { name: "Host", value: "example.com" },
      { name: "X-Check", value: "1" },
      { name: "X-Check", value: "2" },
    ];
    const outcome = await ask({ httpGet: { port: "http", path: "ready?full", httpHeaders } }, port);
    expect(outcome.success).toBe(true);
    expect(seen).toMatch(
      /^\/ready\?full \| example\.com \| kube-probe\/\S+ \| \*\/\* \| 1, 2 \| close$/,
    );
  });
  it("fails when nobody listens, nobody answers, or the port has no such name", async () => {
    const refused = await ask({ httpGet: { port: 80, path: "/x" } }, await unusedPort());
    expect(refused).toMatchObject({ success: false });
    expect(refused.message).toMatch(/^Get "http:\/\/127\.0\.0\.1:\d+\/x": .*ECONNREFUSED/);
    const silent = await serve(() => undefined);
    expect((await ask({ httpGet: { port: 80 } }, silent, 100)).message).toMatch(
      /deadline exceeded$/,
    );
    expect((await ask({ httpGet: { port: "other" } })).message).toBe(
      'couldn\'t find port: "other" in container "web"',
    );
  });
  it("does not read an endless body", async () => {
    const port = await serve((_request, response) => {
      const write = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
      };
      response.on("drain", write).on("error", () => undefined);
      write();
    });
    expect((await ask({ httpGet: { port: 80 } }, port)).success).toBe(true);
  });
  it("leaves the port alone when another host is named", async () => {
    const port = await serve((_request, response) => response.end());
    const httpGet = { host: "localhost", port };
    expect((await attempt({ httpGet }, context(1), 2_000)).success).toBe(true);
  });
});

describe("tcpSocket", () => {
  it("succeeds when the connection opens", async () => {
    const port = await listen(createTcpServer((socket) => socket.destroy()));
    expect((await ask({ tcpSocket: { port: "http" } }, port)).success).toBe(true);
  });
  it("fails when it does not", async () => {
    const outcome = await ask({ tcpSocket: { port: 80 } }, await unusedPort());
    expect(outcome.success).toBe(false);
    expect(outcome.message).toMatch(/^dial tcp 127\.0\.0\.1:\d+: .*ECONNREFUSED/);
  });
});

describe("exec", () => {
  it("succeeds with exit code 0, and quotes the output otherwise", async () => {
    expect((await ask({ exec: { command: ["good"] } })).success).toBe(true);
    expect(await ask({ exec: { command: ["bad"] } })).toEqual({
      success: false,
      message: "not well",
    });
  });
});

describe("grpc", () => {
  /** `HealthCheckResponse{status}` with trailers. */
  async function health(
    answer: (service: Buffer) => { status?: number; grpcStatus?: number },
  ): Promise<number> {
    const server = createHttp2Server();
    server.on("stream", (stream, headers) => {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        const { status, grpcStatus = 0 } = answer(Buffer.concat(chunks));
        stream.respond(
          { ":status": 200, "content-type": "application/grpc" },
          { waitForTrailers: true },
        );
        stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": String(grpcStatus) }));
        const known = headers[":path"] === "/grpc.health.v1.Health/Check";
        const message = status === undefined || !known ? [] : [0x08, status];
        stream.end(Buffer.from([0, 0, 0, 0, message.length, ...message]));
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    servers.push(server);
    return (server.address() as AddressInfo).port;
  }
  const grpc = (service?: string): ProbeHandler => ({
    grpc: { port: 80, ...(service === undefined ? {} : { service }) },
  });

  it("succeeds when the service says SERVING", async () => {
    const port = await health(() => ({ status: 1 }));
    expect((await ask(grpc(), port)).success).toBe(true);
  });
  it("names the service it asks for", async () => {
    let asked = Buffer.alloc(0);
    const port = await health((body) => {
      asked = Buffer.from(body);
      return { status: 1 };
    });
    await ask(grpc("shop"), port);
    expect(asked).toEqual(Buffer.from([0, 0, 0, 0, 6, 0x0a, 4, ...Buffer.from("shop")]));
  });
  it.each([
    [{ status: 2 }, "service unhealthy (responded with status 2)"],
    [{}, "service unhealthy (responded with status 0)"],
    [{ grpcStatus: 12 }, "error: gRPC status 12"],
  ])("fails with %j", async (answer, message) => {
    expect(await ask(grpc(), await health(() => answer))).toEqual({ success: false, message });
  });
  it("fails when nobody listens or nobody answers", async () => {
    expect((await ask(grpc(), await unusedPort())).success).toBe(false);
    const silent = await listen(createTcpServer());
    expect((await ask(grpc(), silent, 100)).message).toMatch(/^timeout: failed to connect/);
  });
});

it("fails without a handler", async () => {
  expect(await ask({})).toEqual({ success: false, message: "missing probe handler" });
});
