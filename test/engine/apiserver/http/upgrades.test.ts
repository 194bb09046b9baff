/** Upgraded connections as other clients than kubectl make them, and those that nobody should make. */
import { once } from "node:events";
import { request as httpsRequest } from "node:https";
import { PassThrough } from "node:stream";
import fc from "fast-check";
import { beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import type {
  ContainerStreams,
  NodeConnection,
  TerminalSize,
} from "../../../../src/engine/apiserver/node-connection.ts";
import { type Pod, pods } from "../../../../src/kube/kinds/pod.ts";
import { systemClock } from "../../../../src/client/clock.ts";
import { simulatedConnection } from "../../../../src/engine/simulation/simulated-connection.ts";
import { served, startServer } from "../test-server.ts";
import { TOKEN, useHttpsServer } from "./https-fixture.ts";

/** A process that gives back what it gets and ends with 4 when its input does. */
class Echo implements ContainerStreams {
  readonly stdin = new PassThrough();
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly ended: Promise<number>;
  readonly sizes: TerminalSize[] = [];
  isClosed = false;

  constructor() {
    this.stdin.pipe(this.stdout);
    this.ended = once(this.stdin, "end").then(() => {
      this.stderr.end("done");
      return 4;
    });
  }
  resize(size: TerminalSize): void {
    this.sizes.push(size);
  }
  close(): void {
    this.isClosed = true;
  }
}

type Containers = NonNullable<Pod["spec"]>["containers"];
const POD = "/api/v1/namespaces/default/pods/web";
const EXEC = `${POD}/exec?command=cat&stdin=true&stdout=true&stderr=true&container=main`;
/** What the JavaScript client offers for everything. */
const OFFERED = ["v5", "v4", "v3", "v2"].map((version) => `${version}.channel.k8s.io`);

const server = useHttpsServer();
let echo: Echo;
let asked: unknown[] = [];

beforeAll(async () => {
  const node: NodeConnection = {
    ...simulatedConnection(systemClock),
    exec: async (_pod, container, options) => {
      asked.push([container, options.command]);
      return async () => {
        if (options.command[0] === "missing") throw new Error("no such program");
        return echo;
      };
    },
    attach: async () => async () => echo,
    portForward: async () => async (port) => {
      if (port === 81) throw new Error("connection refused");
      return new PassThrough();
    },
    async *logs() {
      yield new Uint8Array();
      yield Buffer.from("one\n");
      yield Buffer.from("two\n");
    },
  };
  server.server.nodes.connect("n1", node);
  const container = { name: "main", image: "x", command: ["true"] };
  const object = (name: string, containers: Containers, nodeName?: string): Pod => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default" },
    spec: { containers, ...(nodeName === undefined ? {} : { nodeName }) },
  });
  await server.client.create(pods, object("web", [container], "n1"));
  await server.client.create(pods, object("pair", [container, { ...container, name: "b" }], "n1"));
  await server.client.create(pods, object("waiting", [container]));
});
beforeEach(() => {
  echo = new Echo();
  asked = [];
});

function open(path: string, protocols: readonly string[], token = TOKEN): WebSocket {
  return new WebSocket(`${server.url.replace("https", "wss")}${path}`, [...protocols], {
    ca: server.ca,
    headers: { authorization: `Bearer ${token}` },
  });
}

/** Everything that came, by channel, until the server closed. */
async function collect(
  socket: WebSocket,
  byChannel: string[] = [],
): Promise<{ byChannel: string[]; code: number }> {
  socket.on("message", (data: Buffer) => {
    const channel = data[0] ?? 0;
    byChannel[channel] = (byChannel[channel] ?? "") + data.subarray(1).toString("latin1");
  });
  const [code] = (await once(socket, "close")) as [number];
  return { byChannel, code };
}

/** The Status with which an upgrade is refused. */
async function refusal(
  path: string,
  headers: Readonly<Record<string, string>>,
  method = "GET",
): Promise<{ code: number; message: string }> {
  const { hostname, port } = new URL(server.url);
  const request = httpsRequest({
    hostname,
    port,
    path,
    method,
    ca: server.ca,
    headers: { authorization: `Bearer ${TOKEN}`, connection: "Upgrade", ...headers },
  });
  request.end();
  const answer = await Promise.race([
    once(request, "response"),
    once(request, "upgrade").then(([, socket]) => {
      (socket as { destroy(): void }).destroy();
      throw new Error("it was upgraded");
    }),
  ]);
  const [response] = answer as [AsyncIterable<Buffer> & { statusCode: number }];
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece);
  const status = JSON.parse(Buffer.concat(pieces).toString()) as { code: number; message: string };
  expect(status.code).toBe(response.statusCode);
  return status;
}
const WEB_SOCKET = {
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
};
const SPDY = { upgrade: "SPDY/3.1", "x-stream-protocol-version": "v4.channel.k8s.io" };

describe("exec over a WebSocket", () => {
  test("takes the best of what is offered, and lets the input end alone", async () => {
    const socket = open(EXEC, OFFERED);
    await once(socket, "open");
    expect(socket.protocol).toBe("v5.channel.k8s.io");
    const collected = collect(socket);
    socket.send(Buffer.from("\0hello"));
    socket.send(Buffer.from([4, ...Buffer.from('{"Width":80,"Height":24}')]));
    socket.send(Buffer.from([77, 1, 2, 3]));
    socket.send(Buffer.alloc(0));
    socket.send(Buffer.of(255, 0));
    const { byChannel, code } = await collected;
    expect(byChannel[1]).toBe("hello");
    expect(byChannel[2]).toBe("done");
    expect(JSON.parse(byChannel[3] ?? "")).toMatchObject({
      status: "Failure",
      reason: "NonZeroExitCode",
      details: { causes: [{ reason: "ExitCode", message: "4" }] },
    });
    expect(code).toBe(1000);
    // Without a terminal there is nothing to resize.
    expect(echo.sizes).toEqual([]);
    expect(asked).toEqual([["main", ["cat"]]]);
  });

  test("speaks older versions, and base64 to who cannot have bytes", async () => {
    const old = open(EXEC, ["v4.channel.k8s.io"]);
    await once(old, "open");
    const collected = collect(old);
    // Of version 5 only: here the channel 255 is nobody's.
    old.send(Buffer.of(255, 0));
    old.send(Buffer.from("\0four"));
    await vi.waitFor(() => expect(echo.stdout.readableFlowing).toBe(true));
    old.close();
    expect((await collected).byChannel[1]).toBe("four");
    await vi.waitFor(() => expect(echo.isClosed).toBe(true));

    echo = new Echo();
    const text = open(EXEC, ["base64.channel.k8s.io"]);
    const first = new Promise<string>((resolve) =>
      text.on("message", (data: Buffer) => data.length > 1 && resolve(data.toString())),
    );
    await once(text, "open");
    text.send(`0${Buffer.from("bytes").toString("base64")}`);
    expect(await first).toBe(`1${Buffer.from("bytes").toString("base64")}`);
    text.close();
  });

  test("resizes the terminal, whatever else is on its channel", async () => {
    const socket = open(`${POD}/exec?command=sh&stdin=1&stdout=1&tty=1`, ["v5.channel.k8s.io"]);
    await once(socket, "open");
    const resize = (text: string): void => socket.send(Buffer.from(`\u0004${text}`));
    for (const text of ['{"Width":80,', '"Height":24}{"Width":-1}nonsense', "}{", "x".repeat(5000)])
      resize(text);
    resize('{"Width":101,"Height":33}\n');
    await vi.waitFor(() =>
      expect(echo.sizes).toEqual([
        { columns: 80, rows: 24 },
        { columns: 101, rows: 33 },
      ]),
    );
    socket.terminate();
    await vi.waitFor(() => expect(echo.isClosed).toBe(true));
  });

  test("tells on the error channel why nothing was started", async () => {
    const socket = open(EXEC.replace("cat", "missing"), OFFERED);
    const { byChannel } = await collect(socket);
    expect(JSON.parse(byChannel[3] ?? "")).toMatchObject({
      status: "Failure",
      reason: "InternalError",
      message: "no such program",
    });
  });

  test("ends who sends too much at once", async () => {
    const socket = open(EXEC, OFFERED);
    await once(socket, "open");
    const collected = collect(socket);
    socket.send(Buffer.alloc(5 * 1024 * 1024));
    expect((await collected).code).toBe(1009);
  });
});

test("port-forward on pairs of channels, each with its port first", async () => {
  const socket = open(`${POD}/portforward?ports=80&ports=81`, OFFERED);
  const byChannel: string[] = [];
  const collected = collect(socket, byChannel);
  await once(socket, "open");
  socket.send(Buffer.from("\0ping"));
  const port = (number: number): string => String.fromCharCode(number & 255, number >> 8);
  await vi.waitFor(() =>
    expect(byChannel).toEqual([
      `${port(80)}ping`,
      port(80),
      port(81),
      `${port(81)}error forwarding port 81: connection refused`,
    ]),
  );
  socket.close();
  await collected;
});

test("the log comes in messages, as bytes or base64", async () => {
  for (const [protocol, decode] of [
    ["binary.k8s.io", "latin1"],
    ["base64.binary.k8s.io", "base64"],
  ] as const) {
    const socket = open(`${POD}/log`, [protocol]);
    let text = "";
    socket.on("message", (data: Buffer) => {
      text += Buffer.from(data.toString("latin1"), decode).toString();
    });
    const [code] = (await once(socket, "close")) as [number];
    expect([code, text]).toEqual([1000, "one\ntwo\n"]);
  }
});

describe("an upgrade that cannot be", () => {
  test.each([
    [404, EXEC.replace("/web/", "/nothing/"), WEB_SOCKET, "GET"],
    [404, `${POD}/nothing`, WEB_SOCKET, "GET"],
    [404, "/api/v1/namespaces/default/pods", WEB_SOCKET, "GET"],
    [404, "/api/v1/namespaces/default/configmaps/web/exec?command=x&stdout=1", WEB_SOCKET, "GET"],
    [400, EXEC.replace("container=main", "container=other"), WEB_SOCKET, "GET"],
    [400, EXEC.replace("/web/", "/pair/").replace("&container=main", ""), WEB_SOCKET, "GET"],
    [400, EXEC.replace("/web/", "/waiting/"), WEB_SOCKET, "GET"],
    [400, EXEC.replace("command=cat&", ""), WEB_SOCKET, "GET"],
    [400, `${POD}/exec?command=cat`, WEB_SOCKET, "GET"],
    [400, `${EXEC}&tty=true`, WEB_SOCKET, "GET"],
    [400, `${POD}/portforward`, WEB_SOCKET, "GET"],
    [400, `${POD}/portforward?ports=0`, WEB_SOCKET, "GET"],
    [400, EXEC, { ...WEB_SOCKET, "sec-websocket-protocol": "soap, v9.channel.k8s.io" }, "GET"],
    [400, EXEC, { ...WEB_SOCKET, "sec-websocket-key": "short" }, "GET"],
    [400, EXEC, { ...SPDY, "x-stream-protocol-version": "v9.channel.k8s.io" }, "POST"],
    [400, EXEC, { upgrade: "h2c" }, "POST"],
    [400, "/api/v1/namespaces/..%2fdefault/pods/web/exec", WEB_SOCKET, "GET"],
    [401, EXEC, { ...WEB_SOCKET, authorization: "Bearer nobody" }, "GET"],
    [405, EXEC, WEB_SOCKET, "POST"],
    [405, EXEC, SPDY, "DELETE"],
  ] as const)("is answered with %i: %s", async (code, path, headers, method) => {
    expect(await refusal(path, headers, method)).toMatchObject({ code });
  });

  test("is one that the client has no right to", async () => {
    const context = { user: { name: "eve", groups: ["system:authenticated"] } };
    const kind = served(server.server, pods);
    const target = { kind, namespace: "default", name: "web", stdin: false };
    for (const verb of ["get", "create"] as const) {
      await expect(server.server.portForward(context, { ...target, verb })).rejects.toMatchObject({
        code: 403,
      });
      await expect(server.server.attach(context, { ...target, verb })).rejects.toMatchObject({
        code: 403,
      });
    }
    // Who may get may not yet run something by a GET.
    const onlyGet = await startServer({
      authorizer: {
        authorize: ({ verb, user }) => ({ allowed: verb === "get" || user.name === "admin" }),
        authorizePath: () => ({ allowed: true }),
      },
    });
    const exec = { ...target, command: ["true"], tty: false, verb: "get" } as const;
    await expect(onlyGet.server.exec(context, exec)).rejects.toMatchObject({
      code: 403,
      message: expect.stringContaining('cannot create resource "pods/exec"') as string,
    });
    await onlyGet.server.close();
  });

  test("is told to who does not ask for one", async () => {
    const answer = await server.ask(EXEC, { method: "POST" });
    expect(answer.code).toBe(400);
    expect(answer.text).toContain("Upgrade request required");
  });

  test("never fails the server, whatever is asked", async () => {
    const word = fc.constantFrom("exec", "attach", "portforward", "log", "web", "..", "%2e%2e", "");
    const header = fc.stringMatching(/^[ -~]{0,40}$/);
    await fc.assert(
      fc.asyncProperty(word, word, header, header, async (name, subresource, query, protocol) => {
        const path = `/api/v1/namespaces/default/pods/${name}/${subresource}?${encodeURI(query).replaceAll("#", "")}`;
        const headers = { ...WEB_SOCKET, "sec-websocket-protocol": protocol };
        const status = await refusal(path, headers).catch((error: Error) => error);
        if (status instanceof Error) expect(status.message).toBe("it was upgraded");
        else expect(status.code).toBeLessThan(500);
      }),
      { numRuns: 40 },
    );
    expect(server.faults).toEqual([]);
  });
});
