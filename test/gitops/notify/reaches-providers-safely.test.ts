import { createServer as createHttpsServer, type Server as HttpsServer } from "node:https";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { redact } from "../../../src/gitops/notify/session.ts";
import { retryAfterMs } from "../../../src/gitops/notify/retry-after.ts";
import { ToldCluster } from "./told-cluster.ts";

let told: ToldCluster;
let directory: string;
let https: HttpsServer;
let clients: (string | undefined)[];
const pem = (name: string): string => readFileSync(join(directory, name), "utf8");
const openssl = (...args: string[]): void =>
  void execFileSync("openssl", args, { cwd: directory, stdio: "ignore" });

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "gantry-tls-"));
  const key = ["-newkey", "rsa:2048", "-nodes", "-days", "2"];
  openssl(
    "req",
    "-x509",
    ...key,
    "-keyout",
    "ca.key",
    "-out",
    "ca.crt",
    "-subj",
    "/CN=test authority",
  );
  for (const [name, subject] of [
    ["server", "/CN=127.0.0.1"],
    ["client", "/CN=gantry"],
  ] as const) {
    openssl(
      "req",
      "-x509",
      ...key,
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.crt`,
      "-subj",
      subject,
      "-addext",
      "subjectAltName=IP:127.0.0.1",
      "-CA",
      "ca.crt",
      "-CAkey",
      "ca.key",
    );
  }
  https = createHttpsServer(
    {
      key: pem("server.key"),
      cert: pem("server.crt"),
      ca: pem("ca.crt"),
      requestCert: true,
      rejectUnauthorized: false,
    },
    (request, response) => {
      const socket = request.socket as TLSSocket;
      clients.push(socket.authorized ? String(socket.getPeerCertificate().subject.CN) : undefined);
      response.end();
    },
  );
  await new Promise<void>((resolve) => https.listen(0, "127.0.0.1", resolve));
});
afterAll(async () => {
  https.closeAllConnections();
  await new Promise((resolve) => https.close(resolve));
  rmSync(directory, { recursive: true });
});
beforeEach(async () => {
  clients = [];
  told = await ToldCluster.start();
  await told.application();
  await told.alert();
});
afterEach(() => told.stop());

const port = (server: HttpsServer | Server): number => (server.address() as AddressInfo).port;
const ready = async (): Promise<string | undefined> =>
  (await told.alertNow()).status?.conditions?.[0]?.message;

describe("TLS", () => {
  test("an authority of one's own is trusted, and a client certificate shown", async () => {
    await told.secret("certificates", {
      "ca.crt": pem("ca.crt"),
      "tls.crt": pem("client.crt"),
      "tls.key": pem("client.key"),
    });
    await told.provider({
      address: `https://127.0.0.1:${port(https)}/hook`,
      certSecretRef: { name: "certificates" },
    });
    await told.synced();
    await told.until(() => clients.length > 0);
    expect(clients).toEqual(["gantry"]);
  });

  test("an authority that nobody vouches for is not", async () => {
    await told.provider({ address: `https://127.0.0.1:${port(https)}/hook` });
    await told.synced();
    await told.until(async () => (await ready())?.includes("cannot be reached") === true);
    expect(clients).toEqual([]);
  });
});

test("a proxy is used, with its credentials, and the target's are not shown to it", async () => {
  const seen: { readonly target: string; readonly authorization: string | undefined }[] = [];
  const proxy = createServer();
  proxy.on("connect", (request, socket) => {
    seen.push({ target: request.url ?? "", authorization: request.headers["proxy-authorization"] });
    const [host, to] = (request.url ?? "").split(":");
    const onward = connect(Number(to), host, () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      onward.pipe(socket).pipe(onward);
    });
    onward.on("error", () => socket.destroy());
    socket.on("error", () => onward.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  await told.secret("proxy", {
    address: `http://127.0.0.1:${port(proxy)}`,
    username: "robot",
    password: "proxy-secret",
  });
  await told.secret("certificates", { "ca.crt": pem("ca.crt") });
  await told.provider(
    {
      address: `https://127.0.0.1:${port(https)}/hook`,
      proxySecretRef: { name: "proxy" },
      certSecretRef: { name: "certificates" },
    },
    { headers: "Authorization: Bearer target-secret" },
  );
  await told.synced();
  await told.until(() => clients.length > 0);
  await told.quiet();
  expect(seen).toEqual([
    {
      target: `127.0.0.1:${port(https)}`,
      authorization: `Basic ${Buffer.from("robot:proxy-secret").toString("base64")}`,
    },
  ]);
  proxy.closeAllConnections();
  await new Promise((resolve) => proxy.close(resolve));
});

test.each([
  [{ "retry-after": "7" }, 7_000],
  [{ "retry-after": "Thu, 01 Jan 2026 00:01:00 GMT" }, 60_000],
  [{ "retry-after": "Thu, 01 Jan 2020 00:00:00 GMT" }, 0],
  [{ "retry-after": "999999999" }, 3_600_000],
  [{ "retry-after": "soon" }, undefined],
  [
    {
      "x-ratelimit-remaining": "0",
      "x-ratelimit-reset": String(Date.UTC(2026, 0, 1) / 1_000 + 30),
    },
    30_000,
  ],
  [{ "x-ratelimit-remaining": "5", "x-ratelimit-reset": "1" }, undefined],
  [{}, undefined],
])("%j asks for %s ms", (headers, expected) => {
  expect(retryAfterMs(headers, Date.UTC(2026, 0, 1))).toBe(expected);
});

test("a secret is taken out in every form in which it may come back", () => {
  const secrets = ["s3cr3t/with+signs", "https://host/services/T000/Bsecret99?key=abcd1234"];
  const text = [
    ...secrets,
    encodeURIComponent(secrets[0] ?? ""),
    Buffer.from(secrets[0] ?? "").toString("base64"),
    "path /services/T000/Bsecret99 and key abcd1234",
  ].join(" ");
  const shown = redact(text, secrets);
  expect(shown).not.toMatch(/s3cr3t|Bsecret99|abcd1234/);
  expect(redact("an ordinary sentence", ["", "a", "an"])).toBe("an ordinary sentence");
});
