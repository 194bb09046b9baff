import { once } from "node:events";
import { connect as connectHttp2, type IncomingHttpHeaders } from "node:http2";
import type { IncomingMessage } from "node:http";
import { connect, type TLSSocket } from "node:tls";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { issueSelfSigned } from "../../../../src/engine/apiserver/pki/certificates.ts";
import { type Secret, secrets } from "../../../../src/kube/kinds/secret.ts";
import { IngressFixture } from "./ingress-fixture.ts";

let fixture: IngressFixture;
beforeEach(async () => {
  fixture = await IngressFixture.start({ limits: { maxConcurrentStreams: 8 } });
  const port = await fixture.app((request, response) => {
    if (request.url === "/echo") request.pipe(response);
    else response.end(describeRequest(request));
  });
  await fixture.service("web", port);
});
afterEach(() => fixture.stop());

const describeRequest = ({ method, url, headers }: IncomingMessage): string =>
  JSON.stringify({
    method,
    url,
    host: headers.host,
    proto: headers["x-forwarded-proto"],
    cookie: headers.cookie,
  });

async function pair(...names: string[]) {
  const { certificate, key } = await issueSelfSigned(names[0] ?? "x", names, Date.now());
  return { certificate, key };
}
const secretOf = (name: string, certificate: string, key: string): Secret => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name, namespace: "default" },
  type: "kubernetes.io/tls",
  data: {
    "tls.crt": Buffer.from(certificate).toString("base64"),
    "tls.key": Buffer.from(key).toString("base64"),
  },
});
async function storeCertificate(name: string, ...names: string[]): Promise<void> {
  const { certificate, key } = await pair(...names);
  await fixture.client.create(secrets, secretOf(name, certificate, key));
}
const rule = (host: string) => ({ host, to: "web" });

function handshake(servername?: string): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: "127.0.0.1",
      port: fixture.port("https"),
      rejectUnauthorized: false,
      ALPNProtocols: ["http/1.1"],
      ...(servername === undefined ? {} : { servername }),
    });
    socket.once("secureConnect", () => resolve(socket));
    socket.once("error", reject);
  });
}
/** The common name of the certificate that a client gets. */
async function certificateFor(servername?: string): Promise<string> {
  const socket = await handshake(servername);
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}
/** Asks until the answer is as wanted: a change of a Secret takes effect soon, not at once. */
async function untilCertificate(servername: string, commonName: string): Promise<void> {
  await expect
    .poll(() => certificateFor(servername), { timeout: 5_000, interval: 20 })
    .toBe(commonName);
}
async function get(socket: TLSSocket, host: string): Promise<string> {
  socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  return new Promise((resolve) => socket.once("data", (bytes) => resolve(String(bytes))));
}

describe("certificates", () => {
  test("go by the host that the client names", async () => {
    await storeCertificate("shop", "shop.example.com");
    await storeCertificate("wild", "wild.example.com", "*.example.com");
    await storeCertificate("any", "other.org");
    const { status } = await fixture.ingress({
      tls: [
        { hosts: ["Shop.example.com".toLowerCase()], secretName: "shop" },
        { hosts: ["*.example.com"], secretName: "wild" },
        { secretName: "any" },
      ],
      rules: [rule("shop.example.com")],
    });
    expect(status?.loadBalancer?.ingress?.[0]?.ports?.map(({ port }) => port)).toEqual([
      fixture.port(),
      fixture.port("https"),
    ]);
    await untilCertificate("shop.example.com", "shop.example.com");
    expect(await certificateFor("SHOP.example.com")).toBe("shop.example.com");
    expect(await certificateFor("blog.example.com")).toBe("wild.example.com");
    expect(await certificateFor("other.org")).toBe("other.org");
    expect(await certificateFor()).toBe("default");
    const socket = await handshake("shop.example.com");
    expect(await get(socket, "shop.example.com")).toContain('"proto":"https"');
    socket.destroy();
  });

  test("change without a connection being dropped", async () => {
    await storeCertificate("tls", "old.example.com", "a.org");
    await fixture.ingress({
      tls: [{ hosts: ["a.org"], secretName: "tls" }],
      rules: [rule("a.org")],
    });
    await untilCertificate("a.org", "old.example.com");
    const kept = await handshake("a.org");
    expect(await get(kept, "a.org")).toMatch(/^HTTP\/1\.1 200 /);
    const { certificate, key } = await pair("new.example.com", "a.org");
    await fixture.client.update(secrets, secretOf("tls", certificate, key));
    await untilCertificate("a.org", "new.example.com");
    expect(await get(kept, "a.org")).toMatch(/^HTTP\/1\.1 200 /);
    kept.destroy();
  });

  test.each<[string, RegExp, () => Promise<Secret | undefined>]>([
    ["is missing", /CertificateNotFound: there is no Secret tls/, () => Promise.resolve(undefined)],
    [
      "has a key of another certificate",
      /BadCertificate: the Secret tls holds no certificate .* with its key: .*mismatch/,
      async () => secretOf("tls", (await pair("a.org")).certificate, (await pair("a.org")).key),
    ],
    [
      "is for another host",
      /BadCertificate: the certificate in the Secret tls is not for a\.org/,
      async () => {
        const { certificate, key } = await pair("b.org");
        return secretOf("tls", certificate, key);
      },
    ],
    [
      "holds no certificate",
      /BadCertificate: the Secret tls holds no certificate in PEM format/,
      () => Promise.resolve(secretOf("tls", "nonsense", "nonsense")),
    ],
  ])("a Secret that %s is told, and only its hosts are affected", async (_case, told, make) => {
    const secret = await make();
    if (secret !== undefined) await fixture.client.create(secrets, secret);
    await storeCertificate("good", "good.org");
    await fixture.ingress({
      tls: [
        { hosts: ["a.org"], secretName: "tls" },
        { hosts: ["good.org"], secretName: "good" },
      ],
      rules: [rule("a.org"), rule("good.org")],
    });
    const event = await fixture.told(told);
    expect(event).not.toMatch(/PRIVATE KEY/);
    await untilCertificate("good.org", "good.org");
    expect(await certificateFor("a.org")).toBe("default");
    const socket = await handshake("a.org");
    expect(await get(socket, "a.org")).toMatch(/^HTTP\/1\.1 200 /);
    socket.destroy();
  });

  test("an expired one is served and told", async () => {
    const year = 366 * 86_400_000;
    const { certificate, key } = await issueSelfSigned("a.org", ["a.org"], Date.now() - year);
    await fixture.client.create(secrets, secretOf("tls", certificate, key));
    await fixture.ingress({
      tls: [{ hosts: ["a.org"], secretName: "tls" }],
      rules: [rule("a.org")],
    });
    await fixture.told(/CertificateExpired: the certificate in the Secret tls was valid until/);
    expect(await certificateFor("a.org")).toBe("a.org");
  });
});

describe("HTTP/2", () => {
  const session = () =>
    connectHttp2(`https://127.0.0.1:${fixture.port("https")}`, {
      rejectUnauthorized: false,
      servername: "a.org",
    });
  interface Http2Answer {
    readonly headers: IncomingHttpHeaders;
    readonly body: string;
  }
  function ask(
    client: ReturnType<typeof session>,
    headers: Record<string, string | string[]>,
    body?: string,
  ): Promise<Http2Answer> {
    return new Promise((resolve, reject) => {
      const stream = client.request({ ":authority": "a.org", ...headers });
      let text = "";
      let received: IncomingHttpHeaders = {};
      stream.once("response", (head) => (received = head));
      stream.setEncoding("utf8").on("data", (piece: string) => (text += piece));
      stream.once("end", () => resolve({ headers: received, body: text }));
      stream.once("error", reject);
      stream.end(body);
    });
  }
  beforeEach(async () => {
    await fixture.ingress({ tls: [{ hosts: ["a.org"] }], rules: [rule("a.org")] });
  });

  test("many requests share a connection, and become HTTP/1.1", async () => {
    const client = session();
    // Until then a client may ask for more at once than it is allowed.
    await once(client, "remoteSettings");
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, at) =>
        ask(client, { ":path": `/${at}?x`, cookie: ["a=1", "b=2"] }),
      ),
    );
    expect(answers.map(({ body }) => JSON.parse(body) as unknown)).toEqual(
      Array.from({ length: 40 }, (_, at) => ({
        method: "GET",
        url: `/${at}?x`,
        host: "a.org",
        proto: "https",
        cookie: "a=1; b=2",
      })),
    );
    expect(answers[0]?.headers[":status"]).toBe(200);
    expect(Object.keys(answers[0]?.headers ?? {})).not.toContain("connection");
    client.close();
  });

  test("bodies stream both ways", async () => {
    const client = session();
    const body = "0123456789".repeat(200_000);
    const answer = await ask(client, { ":method": "POST", ":path": "/echo" }, body);
    expect(answer.body === body).toBe(true);
    client.close();
  });

  test("what is wrong with a request is answered, and the connection goes on", async () => {
    const client = session();
    const statusOf = async (headers: Record<string, string>) =>
      (await ask(client, { ":path": "/", ...headers })).headers[":status"];
    expect(await statusOf({ ":authority": "b.org" })).toBe(404);
    expect(await statusOf({ host: "b.org" })).toBe(400);
    expect(await statusOf({ ":path": "/x/../y" })).toBe(400);
    expect(await statusOf({ ":path": "/ok" })).toBe(200);
    client.close();
  });

  test("a pod that drains costs no request of a session under way", async () => {
    const other = await fixture.app((_request, response) => response.end("other"));
    const client = session();
    const first = await fixture.portsOf("web");
    expect((await ask(client, { ":path": "/" })).headers[":status"]).toBe(200);
    await fixture.route("web", [
      { port: other },
      ...first.map((port) => ({ port, terminating: true })),
    ]);
    for (let round = 0; round < 5; round++)
      expect((await ask(client, { ":path": "/" })).body).toBe("other");
    client.close();
  });
});
