/** Services of type ExternalName as backends, and where they may not lead. */
import { afterEach, describe, expect, test } from "vitest";
import { externalAddresses } from "../../../../src/engine/network/ingress/external-addresses.ts";
import { services } from "../../../../src/kube/kinds/service.ts";
import { IngressFixture } from "./ingress-fixture.ts";

describe("addresses", () => {
  test.each([
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",
    "169.254.169.254",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "fd00:ec2::254",
    "64:ff9b::7f00:1",
    "no address",
  ])("%s is refused", (address) => {
    expect(externalAddresses()(address)).toBe(false);
  });
  test.each(["93.184.216.34", "10.0.0.7", "2606:2800:220:1::1", "::ffff:10.0.0.7"])(
    "%s may be asked",
    (address) => {
      expect(externalAddresses()(address)).toBe(true);
    },
  );
  test("what is allowed is, and nothing beside it", () => {
    const isAllowed = externalAddresses(["127.0.0.2/32", "fe80::/64"]);
    expect(["127.0.0.2", "::ffff:127.0.0.2", "fe80::7"].every(isAllowed)).toBe(true);
    expect(["127.0.0.1", "fe81::7"].some(isAllowed)).toBe(false);
  });
});

let fixture: IngressFixture;
let started: IngressFixture | undefined;
afterEach(async () => {
  await started?.stop();
  started = undefined;
});

async function external(externalName: string, port: number): Promise<void> {
  await fixture.client.create(services, {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "outside", namespace: "default" },
    spec: { type: "ExternalName", externalName, ports: [{ name: "http", port }] },
  });
  await fixture.ingress({ rules: [{ host: "a.org", to: "outside:http" }] });
}

test("a name that leads where it may is asked, with the client's host", async () => {
  fixture = started = await IngressFixture.start({ allowedExternal: ["127.0.0.0/8", "::1/128"] });
  const port = await fixture.app((request, response) => response.end(request.headers.host));
  await external("localhost", port);
  expect(await fixture.get("a.org/")).toMatchObject({ status: 200, body: "a.org" });
});

test.each(["localhost", "127.0.0.1", "2130706433"])(
  "%s is not asked unless it is allowed: 503, and nobody is connected to",
  async (name) => {
    fixture = started = await IngressFixture.start({ limits: { backendWaitMs: 50 } });
    let connections = 0;
    const port = await fixture.app(
      (_request, response) => response.end("secret"),
      (server) => server.on("connection", () => connections++),
    );
    await external(name, port);
    const { status, body } = await fixture.get("a.org/");
    expect(status).toBe(503);
    expect(body).not.toContain("secret");
    expect(connections).toBe(0);
  },
);

test("a port that nobody names is told", async () => {
  fixture = started = await IngressFixture.start({ limits: { backendWaitMs: 50 } });
  await fixture.client.create(services, {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "outside", namespace: "default" },
    spec: { type: "ExternalName", externalName: "a.example" },
  });
  await fixture.ingress({ rules: [{ host: "a.org", to: "outside:http" }] });
  expect(await fixture.told(/BackendNotFound/)).toContain("has no port http");
});
