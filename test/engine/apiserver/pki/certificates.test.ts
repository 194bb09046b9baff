import { X509Certificate } from "node:crypto";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createServer } from "node:tls";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ensureCertificates } from "../../../../src/engine/apiserver/pki/certificates.ts";

const NOW = Date.now();
const DAY_MS = 86_400_000;
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "gantry-pki-"));
});
afterEach(() => rm(directory, { recursive: true }));

test("a TLS client that knows the CA accepts the server under each of its names", async () => {
  const names = ["localhost", "127.0.0.1"];
  const { ca, server } = await ensureCertificates({ directory, names, nowMs: NOW });
  const listener = createServer({ key: server.key, cert: server.certificate }, (socket) => {
    socket.on("error", () => socket.destroy());
    socket.end("hello");
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const { port } = listener.address() as AddressInfo;
  for (const name of names) {
    const socket = connect({ host: name, port, ca });
    let text = "";
    for await (const bytes of socket) text += String(bytes);
    expect(text).toBe("hello");
  }
  listener.close();
});

test("certificates and keys are kept, and private", async () => {
  const options = { directory, names: ["localhost"], nowMs: NOW };
  const first = await ensureCertificates(options);
  expect(await ensureCertificates(options)).toEqual(first);
  expect((await stat(join(directory, "ca.key"))).mode & 0o777).toBe(0o600);
  expect((await stat(join(directory, "apiserver.key"))).mode & 0o777).toBe(0o600);
});

test("the server's certificate is renewed when it expires soon or lacks a name; the CA stays", async () => {
  const first = await ensureCertificates({ directory, names: ["localhost"], nowMs: NOW });
  const named = await ensureCertificates({
    directory,
    names: ["localhost", "10.1.2.3"],
    nowMs: NOW,
  });
  expect(named.ca).toBe(first.ca);
  expect(named.server).not.toEqual(first.server);
  const nowMs = NOW + 320 * DAY_MS;
  const renewed = await ensureCertificates({ directory, names: ["localhost", "10.1.2.3"], nowMs });
  expect(renewed.ca).toBe(first.ca);
  expect(Date.parse(new X509Certificate(renewed.server.certificate).validTo)).toBeGreaterThan(
    nowMs + 300 * DAY_MS,
  );
});
