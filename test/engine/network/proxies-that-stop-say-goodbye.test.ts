/** A proxy that stops answers what it has accepted, and tells the client that it was the last answer. */
import { once } from "node:events";
import {
  Agent,
  createServer,
  type IncomingMessage,
  request,
  type RequestListener,
  type ServerResponse,
} from "node:http";
import { connect, constants } from "node:http2";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../src/client/clock.ts";
import { Informers } from "../../../src/client/informers.ts";
import { silentLogger } from "../../../src/client/logger.ts";
import { issueSelfSigned } from "../../../src/engine/apiserver/pki/certificates.ts";
import { ConnectionBudget } from "../../../src/engine/network/connection-budget.ts";
import { createRoutingBoard } from "../../../src/engine/network/in-process-board.ts";
import { InFlightCounter } from "../../../src/engine/network/in-flight-counter.ts";
import { createIngressProxy } from "../../../src/engine/network/ingress/ingress-proxy.ts";
import { TcpPort } from "../../../src/engine/network/tcp-port.ts";
import { IngressFixture } from "./ingress/ingress-fixture.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Holds answers back until they are released. */
class HeldAnswers {
  readonly #held: ServerResponse[] = [];
  #arrived: () => void = () => undefined;
  readonly arrived = new Promise<void>((resolve) => {
    this.#arrived = resolve;
  });
  readonly listener: RequestListener = (incoming, response) => {
    incoming.resume();
    this.#held.push(response);
    this.#arrived();
  };
  release(): void {
    for (const response of this.#held.splice(0)) response.end("done");
  }
}

interface Said {
  readonly status: number | undefined;
  readonly connection: string | undefined;
  readonly body: string;
}

/** A POST over a connection that the client would keep: nobody sends it a second time. */
function post(port: number): Promise<Said> {
  const agent = new Agent({ keepAlive: true });
  cleanups.push(() => agent.destroy());
  return new Promise((resolve, reject) => {
    const outgoing = request({ port, agent, method: "POST" }, (response: IncomingMessage) => {
      let body = "";
      response.setEncoding("utf8").on("data", (piece: string) => (body += piece));
      response.on("error", reject);
      response.on("end", () =>
        resolve({ status: response.statusCode, connection: response.headers.connection, body }),
      );
    });
    outgoing.on("error", reject);
    outgoing.end("body");
  });
}
const LAST: Said = { status: 200, connection: "close", body: "done" };

test("the port of a Service", async () => {
  const held = new HeldAnswers();
  const app = createServer(held.listener).listen(0, "127.0.0.1");
  await once(app, "listening");
  cleanups.push(() => app.close());
  const backend = { address: "127.0.0.1", port: (app.address() as AddressInfo).port };
  const port = new TcpPort({
    clock: systemClock,
    inFlight: new InFlightCounter(() => undefined),
    budget: new ConnectionBudget(),
  });
  const both = { active: [backend], lastResort: [] };
  port.update(
    {
      portName: "http",
      protocol: "TCP",
      port: 80,
      nodePort: undefined,
      http: true,
      internal: both,
      external: both,
    },
    undefined,
  );
  const at = { host: "127.0.0.1", port: 0 };
  const number = (await port.listen("test", at, { audience: "internal" })) ?? 0;
  const answer = post(number);
  await held.arrived;
  const drained = port.drain();
  await expect(post(number)).rejects.toThrow(/ECONNREFUSED/);
  held.release();
  // Beside what the backend says of a connection that the client never sees: close wins.
  expect(await answer).toEqual({ ...LAST, connection: "close, keep-alive" });
  await drained;
  port.close();
});

describe("the proxy of Ingresses", () => {
  const start = async (tls: boolean) => {
    const held = new HeldAnswers();
    const fixture = await IngressFixture.start();
    cleanups.push(() => fixture.stop());
    await fixture.service("web", await fixture.app(held.listener));
    await fixture.ingress({
      defaultTo: "web",
      ...(tls ? { tls: [{ hosts: ["web.example"] }] } : {}),
    });
    return { held, fixture };
  };

  test("over HTTP/1.1", async () => {
    const { held, fixture } = await start(false);
    const port = fixture.port();
    const answer = post(port);
    await held.arrived;
    const stopped = fixture.stopProxy();
    await expect.poll(() => post(port).catch(String)).toMatch(/ECONNREFUSED/);
    held.release();
    expect(await answer).toEqual(LAST);
    await stopped;
  });

  test("over HTTP/2", async () => {
    const { held, fixture } = await start(true);
    const session = connect(`https://127.0.0.1:${fixture.port("https")}`, {
      rejectUnauthorized: false,
    });
    const goodbye = once(session, "goaway");
    const stream = session.request({ ":method": "POST", ":path": "/" });
    const status = once(stream, "response");
    stream.end("body");
    await held.arrived;
    const stopped = fixture.stopProxy();
    const [code] = (await goodbye) as [number];
    held.release();
    expect([code, (await status)[0]]).toMatchObject([
      constants.NGHTTP2_NO_ERROR,
      { ":status": 200 },
    ]);
    stream.resume();
    await once(stream, "close");
    await stopped;
  });

  test("listens only once it knows where to send what comes", async () => {
    const { held, fixture } = await start(false);
    const informers = new Informers(fixture.client);
    cleanups.push(() => informers.stop());
    const address = { host: "127.0.0.1", port: 0 };
    let port = 0;
    const second = createIngressProxy({
      client: fixture.client,
      informers,
      board: createRoutingBoard(),
      recorder: { record: () => undefined, flush: () => Promise.resolve(), dropped: 0 },
      clock: systemClock,
      logger: silentLogger,
      http: { ...address, required: true },
      https: { ...address, required: false },
      defaultCertificate: () => issueSelfSigned("test", ["test.invalid"], systemClock.now()),
      // The first client is there at this very moment.
      onListen: (_protocol, listener) => {
        port = listener.port;
        answer = post(port);
      },
    });
    let answer: Promise<Said> | undefined;
    cleanups.push(() => second.stop());
    informers.start();
    await second.listen();
    await held.arrived;
    held.release();
    expect(await answer).toMatchObject({ status: 200, body: "done" });
  });
});
