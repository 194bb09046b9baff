/** Whatever HTTP/1.1 says, said by Node's own client and server, arrives as it was sent. */
import { Agent, createServer, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Backend } from "../../../src/engine/network/service-routes.ts";
import { later, startPort, tcpRoute } from "./tcp-port-fixture.ts";

interface Exchange {
  readonly method: string;
  /** Pieces that are written one by one; the length is announced, or chunks are used. */
  readonly sends: readonly string[];
  readonly announces: boolean;
  readonly status: number;
  readonly answers: readonly string[];
  readonly answerAnnounces: boolean;
  readonly hint: boolean;
  readonly closes: boolean;
}

const pieces = fc.array(
  fc.oneof(
    fc.string({ minLength: 1, maxLength: 50 }),
    fc.constantFrom("\r\n\r\n", "0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    fc.integer({ min: 1_000, max: 200_000 }).map((length) => "x".repeat(length)),
  ),
  { maxLength: 4 },
);
const exchange: fc.Arbitrary<Exchange> = fc.record({
  method: fc.constantFrom("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"),
  sends: pieces,
  announces: fc.boolean(),
  status: fc.constantFrom(200, 201, 204, 304, 404, 500),
  answers: pieces,
  answerAnnounces: fc.boolean(),
  hint: fc.boolean(),
  closes: fc.boolean(),
});
const isBodyless = ({ method, status }: Exchange): boolean =>
  method === "HEAD" || status === 204 || status === 304;
const hasRequestBody = ({ method, sends }: Exchange): boolean =>
  sends.length > 0 && !["GET", "HEAD", "DELETE"].includes(method);

async function textOf(stream: IncomingMessage): Promise<string> {
  const read: Buffer[] = [];
  for await (const bytes of stream) read.push(bytes as Buffer);
  return Buffer.concat(read).toString();
}
const size = (texts: readonly string[]): number => Buffer.byteLength(texts.join(""));

/** Answers what the exchange with the number in the path says, after it has read everything. */
async function startScripted(script: () => readonly Exchange[], seen: string[]): Promise<Backend> {
  const app = createServer((incoming, response) => {
    void (async () => {
      const index = Number(incoming.url?.slice(1));
      const said = script()[index];
      if (said === undefined) throw new Error(`no exchange ${incoming.url}`);
      seen[index] = `${incoming.method} ${await textOf(incoming)}`;
      if (said.hint) response.writeProcessing();
      const headers = said.closes ? { connection: "close" } : {};
      const length = said.answerAnnounces ? { "content-length": size(said.answers) } : {};
      response.writeHead(said.status, { ...headers, ...(isBodyless(said) ? {} : length) });
      if (!isBodyless(said)) for (const piece of said.answers) response.write(piece);
      response.end();
    })();
  });
  await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
  later(() => {
    app.close();
    app.closeAllConnections();
  });
  return { address: "127.0.0.1", port: (app.address() as AddressInfo).port };
}

function send(port: number, agent: Agent, index: number, said: Exchange): Promise<string> {
  return new Promise((resolve, reject) => {
    const body = hasRequestBody(said);
    const length = body && said.announces ? { "content-length": size(said.sends) } : {};
    const outgoing = request(
      { host: "127.0.0.1", port, agent, method: said.method, path: `/${index}`, headers: length },
      (response) => {
        textOf(response).then((text) => resolve(`${response.statusCode} ${text}`), reject);
      },
    );
    outgoing.on("error", reject);
    if (body) for (const piece of said.sends) outgoing.write(piece);
    outgoing.end();
  });
}

test("requests and responses of every shape, over connections that are used again", async () => {
  let script: readonly Exchange[] = [];
  const seen: string[] = [];
  const backends = [
    await startScripted(() => script, seen),
    await startScripted(() => script, seen),
  ];
  const { number, inFlight } = await startPort(tcpRoute(true, backends));
  const agent = new Agent({ keepAlive: true, maxSockets: 3 });
  later(() => agent.destroy());
  await fc.assert(
    fc.asyncProperty(fc.array(exchange, { minLength: 1, maxLength: 8 }), async (exchanges) => {
      script = exchanges;
      seen.length = 0;
      const answers = await Promise.all(
        exchanges.map((said, index) => send(number, agent, index, said)),
      );
      expect(answers).toEqual(
        exchanges.map((said) => `${said.status} ${isBodyless(said) ? "" : said.answers.join("")}`),
      );
      expect(seen).toEqual(
        exchanges.map(
          (said) => `${said.method} ${hasRequestBody(said) ? said.sends.join("") : ""}`,
        ),
      );
      for (const { address, port } of backends) expect(inFlight.has(address, port)).toBe(false);
    }),
    { numRuns: 60, timeout: 10_000 },
  );
});
