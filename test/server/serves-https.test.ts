import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { silentLogger } from "../../src/client/logger.ts";
import {
  ensureCertificates,
  type ServerCertificates,
} from "../../src/engine/apiserver/pki/certificates.ts";
import { readWebCertificate, WebCertificateError } from "../../src/server/web-certificate.ts";
import { sendText, startWebListener, type WebHandler } from "../../src/server/web-listener.ts";

let directory: string;
let certificates: ServerCertificates;
const file = (name: string): string => join(directory, name);
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "gantry-web-tls-"));
  certificates = await ensureCertificates({
    directory,
    names: ["127.0.0.1"],
    nowMs: Date.now(),
  });
  await writeFile(file("web.crt"), certificates.server.certificate);
  await writeFile(file("web.key"), certificates.server.key);
});
afterAll(() => rm(directory, { recursive: true }));

test("with a certificate the web listener speaks HTTPS, and nothing else", async () => {
  const certificate = await readWebCertificate(file("web.crt"), file("web.key"));
  const routes = new Map<string, WebHandler>([
    ["GET /healthz", (_request, response) => sendText(response, 200, "ok\n")],
  ]);
  const address = { host: "127.0.0.1", port: 0 };
  const listener = await startWebListener(
    address,
    routes,
    silentLogger,
    undefined,
    [],
    certificate,
  );
  try {
    const status = await new Promise((resolve, reject) => {
      const options = { ca: certificates.ca, agent: false };
      get(`https://127.0.0.1:${listener.port}/healthz`, options, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).once("error", reject);
    });
    expect(status).toBe(200);
    await expect(fetch(`http://127.0.0.1:${listener.port}/healthz`)).rejects.toThrow(
      "fetch failed",
    );
  } finally {
    await listener.close();
  }
});

test("files that are no certificate with its key are refused, without showing the key", async () => {
  await writeFile(
    file("other.key"),
    "-----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n-----END PRIVATE KEY-----\n",
  );
  const refused = (cert: string, key: string): Promise<unknown> =>
    readWebCertificate(file(cert), file(key)).catch((error: unknown) => error);
  for (const [cert, key] of [
    ["none.crt", "web.key"],
    ["web.crt", "other.key"],
    ["web.key", "web.crt"],
  ] as const) {
    const error = await refused(cert, key);
    expect(error).toBeInstanceOf(WebCertificateError);
    expect(String(error)).toContain(cert);
    expect(String(error)).not.toContain("Y2FuYXJ5");
  }
});
