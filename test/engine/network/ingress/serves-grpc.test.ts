/** gRPC through Ingresses and GRPCRoutes, with the well-known client and server, over HTTP/2 all the way. */
import {
  type ClientDuplexStream,
  type ClientReadableStream,
  credentials,
  makeGenericClientConstructor,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { connect, createServer } from "node:http2";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { gateways } from "../../../../src/kube/kinds/gateway.ts";
import type { GRPCRoute } from "../../../../src/kube/kinds/gateway/gateway-types.ts";
import { grpcRoutes } from "../../../../src/kube/kinds/grpcroute.ts";
import { gatewayOf, told } from "../gateway/gateway-objects.ts";
import { IngressFixture } from "./ingress-fixture.ts";

const text = {
  serialize: (value: string) => Buffer.from(value),
  deserialize: (bytes: Buffer) => bytes.toString(),
};
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/demo.Echo/${name}`,
  requestStream,
  responseStream,
  requestSerialize: text.serialize,
  requestDeserialize: text.deserialize,
  responseSerialize: text.serialize,
  responseDeserialize: text.deserialize,
});
const DEFINITION = {
  Say: method("Say", false, false),
  Fail: method("Fail", false, false),
  Count: method("Count", false, true),
  Chat: method("Chat", true, true),
};
const EchoClient = makeGenericClientConstructor(DEFINITION, "Echo");

let fixture: IngressFixture;
const closing: (() => void)[] = [];
beforeEach(async () => {
  fixture = await IngressFixture.start();
});
afterEach(async () => {
  for (const close of closing.splice(0)) close();
  await fixture.stop();
});

/** A server of gRPC without TLS; its port. */
async function backend(name: string): Promise<number> {
  const server = new Server();
  server.addService(DEFINITION, {
    Say: (call: ServerUnaryCall<string, string>, done: sendUnaryData<string>) => {
      call.sendMetadata(new Metadata());
      const trailers = new Metadata();
      trailers.set("served-by", name);
      done(null, `${name}: ${call.request} for ${call.getHost()}`, trailers);
    },
    Fail: (_call: ServerUnaryCall<string, string>, done: sendUnaryData<string>) =>
      done({ code: status.FAILED_PRECONDITION, details: "not now" }),
    Count: (call: ServerWritableStream<string, string>) => {
      for (let at = 1; at <= Number(call.request); at++) call.write(String(at));
      call.end();
    },
    Chat: (call: ServerDuplexStream<string, string>) => {
      call.on("data", (said: string) => call.write(`${name} heard ${said}`));
      call.on("end", () => call.end());
    },
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  closing.push(() => server.forceShutdown());
  return port;
}

interface Calls {
  say(what: string): Promise<{ answer: string; trailers: Metadata }>;
  fail(): Promise<ServiceError>;
  count(upTo: number): Promise<string[]>;
  chat(): ClientDuplexStream<string, string>;
}
/** A client that speaks HTTP/2 without TLS from the first byte on. */
function client(host: string): Calls {
  const stub = new EchoClient(`127.0.0.1:${fixture.port()}`, credentials.createInsecure(), {
    "grpc.default_authority": host,
  });
  closing.push(() => stub.close());
  const unary = (name: string, what: string): Promise<{ answer: string; trailers: Metadata }> =>
    new Promise((resolve, reject) => {
      let trailers = new Metadata();
      const call = stub.makeUnaryRequest(
        `/demo.Echo/${name}`,
        text.serialize,
        text.deserialize,
        what,
        (error: ServiceError | null, answer?: string) =>
          // The status comes after the answer.
          setImmediate(() =>
            error === null ? resolve({ answer: answer ?? "", trailers }) : reject(error),
          ),
      );
      call.on("status", ({ metadata }) => (trailers = metadata));
    });
  return {
    say: (what) => unary("Say", what),
    fail: () =>
      unary("Fail", "x").then(
        () => {
          throw new Error("did not fail");
        },
        (error: ServiceError) => error,
      ),
    count: (upTo) =>
      new Promise((resolve, reject) => {
        const stream: ClientReadableStream<string> = stub.makeServerStreamRequest(
          "/demo.Echo/Count",
          text.serialize,
          text.deserialize,
          String(upTo),
        );
        const all: string[] = [];
        stream.on("data", (one: string) => all.push(one));
        stream.on("error", reject);
        stream.on("end", () => resolve(all));
      }),
    chat: () => stub.makeBidiStreamRequest("/demo.Echo/Chat", text.serialize, text.deserialize),
  };
}

describe.each([
  ["appProtocol kubernetes.io/h2c", "kubernetes.io/h2c", {}],
  ["appProtocol grpc", "grpc", {}],
  ["an annotation", undefined, { "gantry.dev/backend-protocol": "grpc" }],
  [
    "ingress-nginx's annotation",
    undefined,
    { "nginx.ingress.kubernetes.io/backend-protocol": "GRPC" },
  ],
])("an Ingress, by %s", (_how, appProtocol, annotations) => {
  test("passes calls, streams both ways, trailers and failures", async () => {
    const options = appProtocol === undefined ? {} : { appProtocol };
    await fixture.serviceOf("echo", options, await backend("one"));
    await fixture.ingress({ annotations, rules: [{ host: "grpc.org", to: "echo" }] });
    const calls = client("grpc.org");
    const { answer, trailers } = await calls.say("hello");
    expect(answer).toBe("one: hello for grpc.org");
    expect(trailers.get("served-by")).toEqual(["one"]);
    expect(await calls.fail()).toMatchObject({
      code: status.FAILED_PRECONDITION,
      details: "not now",
    });
    expect(await calls.count(500)).toHaveLength(500);
    const chat = calls.chat();
    const next = () => new Promise((resolve) => chat.once("data", resolve));
    for (const word of ["a", "b"]) {
      const heard = next();
      chat.write(word);
      expect(await heard).toBe(`one heard ${word}`);
    }
    const ended = new Promise((resolve) => chat.once("status", resolve));
    chat.end();
    expect(await ended).toMatchObject({ code: status.OK });
  });
});

test("a client of HTTP/1.1 reaches a backend of HTTP/2, and its trailers it", async () => {
  const { createServer } = await import("node:http2");
  const server = createServer((request, response) => {
    response.addTrailers({ "x-sum": "7" });
    request.on("data", (piece: Buffer) => response.write(piece));
    request.on("end", () => response.end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  closing.push(() => server.close());
  const port = typeof address === "object" && address !== null ? address.port : 0;
  await fixture.serviceOf("h2", { appProtocol: "kubernetes.io/h2c" }, port);
  await fixture.ingress({ rules: [{ host: "a.org", to: "h2" }] });
  const body = "x".repeat(500_000);
  const answer = await fixture.get("a.org/", { method: "POST", body });
  expect(answer).toMatchObject({ status: 200 });
  expect(answer.body === body).toBe(true);
  const raw = await fixture.raw(
    "POST / HTTP/1.1\r\nHost: a.org\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
  );
  expect(raw).toMatch(/\r\n0\r\nx-sum: 7\r\n\r\n$/i);
  const upgrade = await fixture.raw(
    "GET / HTTP/1.1\r\nHost: a.org\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
  );
  expect(upgrade).toMatch(/^HTTP\/1\.1 502 /);
});

test("trailers that HTTP/2 cannot carry are left out, and harm nobody", async () => {
  const seen: unknown[] = [];
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => {
      seen.push(Object.keys(request.trailers), request.trailers["etag"], request.trailers["x-sum"]);
      response.end("got it");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => server.close());
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  await fixture.serviceOf("h2", { appProtocol: "kubernetes.io/h2c" }, port);
  await fixture.ingress({ rules: [{ host: "h2.org", to: "h2" }] });
  const post =
    "POST / HTTP/1.1\r\nHost: h2.org\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n" +
    "1\r\na\r\n0\r\nConnection: close\r\nETag: 1\r\nETag: 2\r\nX-Sum: 7\r\n\r\n";
  expect(await fixture.raw(post)).toContain("got it");
  expect(seen).toEqual([["etag", "x-sum"], "1, 2", "7"]);
});

test("what the proxy answers itself is a status of gRPC for its clients", async () => {
  await fixture.serviceOf("echo", { appProtocol: "grpc" });
  await fixture.ingress({ rules: [{ host: "grpc.org", to: "echo" }] });
  await expect(client("grpc.org").say("x")).rejects.toMatchObject({ code: status.UNAVAILABLE });
  await expect(client("other.org").say("x")).rejects.toMatchObject({ code: status.UNIMPLEMENTED });
});

test("calls under way end where they are, and new ones go to the new pod: none fails", async () => {
  const first = await backend("old");
  await fixture.serviceOf("echo", { appProtocol: "grpc" }, first);
  await fixture.ingress({ rules: [{ host: "grpc.org", to: "echo" }] });
  const calls = client("grpc.org");
  const chat = calls.chat();
  const heard = () => new Promise((resolve) => chat.once("data", resolve));
  let next = heard();
  chat.write("a");
  expect(await next).toBe("old heard a");
  const answers: string[] = [];
  let isRunning = true;
  const load = (async () => {
    while (isRunning) answers.push((await calls.say("x")).answer.slice(0, 3));
  })();
  await fixture.route("echo", [{ port: await backend("new") }, { port: first, terminating: true }]);
  const before = answers.length;
  await expect.poll(() => answers.length).toBeGreaterThan(before + 20);
  isRunning = false;
  await load;
  expect(new Set(answers.slice(before + 1))).toEqual(new Set(["new"]));
  next = heard();
  chat.write("b");
  expect(await next).toBe("old heard b");
  const ended = new Promise((resolve) => chat.once("status", resolve));
  chat.end();
  expect(await ended).toMatchObject({ code: status.OK });
});

test("a backend that takes few calls at once gets further connections, and no call fails", async () => {
  const { createServer } = await import("node:http2");
  let sessions = 0;
  const waiting: (() => void)[] = [];
  const server = createServer({ settings: { maxConcurrentStreams: 2 } }, (_request, response) => {
    waiting.push(() => response.end("done"));
    if (waiting.length === 6) for (const end of waiting) end();
  });
  server.on("session", () => sessions++);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  closing.push(() => server.close());
  const port = typeof address === "object" && address !== null ? address.port : 0;
  await fixture.serviceOf("h2", { appProtocol: "kubernetes.io/h2c" }, port);
  await fixture.ingress({ rules: [{ host: "a.org", to: "h2" }] });
  const first = fixture.get("a.org/");
  await expect.poll(() => waiting.length).toBe(1);
  const answers = await Promise.all([
    first,
    ...Array.from({ length: 5 }, () => fixture.get("a.org/")),
  ]);
  expect(answers.map(({ body }) => body)).toEqual(Array.from({ length: 6 }, () => "done"));
  expect(sessions).toBeGreaterThanOrEqual(3);
});

describe("GRPCRoutes", () => {
  const route = (spec: GRPCRoute["spec"]): GRPCRoute => ({
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "GRPCRoute",
    metadata: { name: "calls", namespace: "default" },
    spec: { parentRefs: [{ name: "web" }], ...spec },
  });
  const isRouted = ({ status: now }: GRPCRoute): boolean =>
    told(now?.parents[0]?.conditions)["Accepted"] === "True Accepted";

  test("choose by service, method and header; the Service need not say what it speaks", async () => {
    await fixture.service("one", await backend("one"));
    await fixture.service("two", await backend("two"));
    await fixture.client.create(gateways, gatewayOf());
    await fixture.settled(
      grpcRoutes,
      route({
        rules: [
          {
            matches: [{ method: { service: "demo.Echo", method: "Say" } }],
            backendRefs: [{ name: "one", port: 80 }],
          },
          {
            matches: [{ method: { type: "RegularExpression", method: "C[a-z]+" } }],
            backendRefs: [{ name: "two", port: 80 }],
          },
        ],
      }),
      isRouted,
    );
    await fixture.until(
      gateways,
      "web",
      ({ status: now }) => told(now?.conditions)["Programmed"] === "True Programmed",
    );
    const calls = client("any.org");
    expect((await calls.say("x")).answer).toBe("one: x for any.org");
    expect(await calls.count(3)).toEqual(["1", "2", "3"]);
    expect(await calls.fail()).toMatchObject({ code: status.UNIMPLEMENTED });
    // What is no call of gRPC is not for it.
    expect((await fixture.get("any.org/demo.Echo/Say", { method: "POST" })).status).toBe(404);
  });
});

test("a client that opens HTTP/2 and asks nothing is let go of when the proxy ends", async () => {
  await fixture.service("web", await fixture.app((_request, response) => response.end("fine")));
  await fixture.ingress({ rules: [{ host: "a.org", to: "web" }] });
  const session = connect(`http://127.0.0.1:${fixture.port()}`);
  session.on("error", () => undefined);
  await new Promise((resolve) => session.once("remoteSettings", resolve));
  const closed = new Promise((resolve) => session.once("close", resolve));
  await fixture.stop();
  await closed;
});
