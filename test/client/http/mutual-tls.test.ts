import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ClusterAccess } from "../../../src/client/http/cluster-access.ts";
import { HttpClient } from "../../../src/client/http/http-client.ts";
import { ensureCertificates } from "../../../src/engine/apiserver/pki/certificates.ts";
import { namespaces } from "../../../src/kube/kinds/namespace.ts";
import { sendJson, startFakeApiServer } from "./fake-api-server.ts";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** A self-signed client certificate: its own authority. */
async function clientCertificate() {
  x509.cryptoProvider.set(webcrypto as never);
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=admin",
    keys: keys as never,
    signingAlgorithm: ALGORITHM,
    extensions: [new x509.BasicConstraintsExtension(true)],
  });
  const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  const clientKey = x509.PemConverter.encode(pkcs8, "PRIVATE KEY");
  return { clientCertificate: certificate.toString("pem"), clientKey };
}

const cleanups: (() => Promise<unknown>)[] = [];
let access: ClusterAccess;
beforeAll(async () => {
  const directory = await mkdtemp(join(tmpdir(), "gantry-mtls-"));
  const { ca, server } = await ensureCertificates({
    directory,
    names: ["127.0.0.1"],
    nowMs: Date.now(),
  });
  const own = await clientCertificate();
  const fake = await startFakeApiServer(
    (_, response) =>
      sendJson(response, { apiVersion: "v1", kind: "Namespace", metadata: { name: "a" } }),
    {
      cert: server.certificate,
      key: server.key,
      ca: own.clientCertificate,
      requestCert: true,
      rejectUnauthorized: true,
    },
  );
  access = { server: fake.url, namespace: "a", ca, ...own };
  cleanups.push(
    () => rm(directory, { recursive: true }),
    () => fake.stop(),
  );
});
afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

async function askWith(
  changed: Partial<ClusterAccess>,
  without: readonly (keyof ClusterAccess)[] = [],
) {
  const entries = Object.entries({ ...access, ...changed }).filter(
    ([key]) => !without.some((name) => name === key),
  );
  const client = new HttpClient(Object.fromEntries(entries) as unknown as ClusterAccess);
  try {
    return (await client.get(namespaces, { name: "a" })).metadata.name;
  } finally {
    await client.close();
  }
}

test("a client certificate and the cluster's CA make a connection", async () => {
  expect(await askWith({})).toBe("a");
});

test("a server that no known CA signed is refused, with the place to look", async () => {
  await expect(askWith({}, ["ca"])).rejects.toThrow("check certificate-authority-data");
});

test("insecure-skip-tls-verify is the only way around it", async () => {
  expect(await askWith({ insecureSkipTlsVerify: true }, ["ca"])).toBe("a");
});

test("a name that the certificate does not have is refused", async () => {
  await expect(askWith({ tlsServerName: "elsewhere" })).rejects.toThrow(/no answer from/);
});

test("a server that wants a certificate gets none from a client that has none", async () => {
  await expect(askWith({}, ["clientCertificate", "clientKey"])).rejects.toMatchObject({
    reason: "ServiceUnavailable",
  });
});
