/** Conditions of classes, Gateways, listeners and routes, and what they mean for requests. */
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { issueSelfSigned } from "../../../../src/engine/apiserver/pki/certificates.ts";
import type {
  Gateway,
  HTTPRoute,
  Listener,
  ListenerStatus,
  ReferenceGrant,
} from "../../../../src/kube/kinds/gateway/gateway-types.ts";
import { gateways } from "../../../../src/kube/kinds/gateway.ts";
import { gatewayClasses } from "../../../../src/kube/kinds/gatewayclass.ts";
import { httpRoutes } from "../../../../src/kube/kinds/httproute.ts";
import { namespaces } from "../../../../src/kube/kinds/namespace.ts";
import { referenceGrants } from "../../../../src/kube/kinds/referencegrant.ts";
import { secrets } from "../../../../src/kube/kinds/secret.ts";
import { ask, IngressFixture } from "../ingress/ingress-fixture.ts";
import { asJson, gatewayOf, HTTP, routeOf, to, told } from "./gateway-objects.ts";

let fixture: IngressFixture;
beforeEach(async () => {
  fixture = await IngressFixture.start({ limits: { addressRetryMs: 50 } });
});
afterEach(() => fixture.stop());

const GOOD = {
  Accepted: "True Accepted",
  Conflicted: "False NoConflicts",
  Programmed: "True Programmed",
  ResolvedRefs: "True ResolvedRefs",
};
const listenerOf = ({ status }: Gateway, name = "http"): ListenerStatus | undefined =>
  status?.listeners?.find((listener) => listener.name === name);
const says =
  (type: string, value: string, name?: string) =>
  (gateway: Gateway): boolean =>
    told(listenerOf(gateway, name)?.conditions)[type] === value;
const routeSays =
  (type: string, value: string) =>
  ({ status }: HTTPRoute): boolean =>
    told(status?.parents[0]?.conditions)[type] === value;

async function app(name = "app"): Promise<void> {
  const port = await fixture.app((_request, response) => response.end(name));
  await fixture.service(name, port);
}
async function secret(name: string, namespace: string, certificate: string, key: string) {
  await fixture.client.create(secrets, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace },
    type: "kubernetes.io/tls",
    data: {
      "tls.crt": Buffer.from(certificate).toString("base64"),
      "tls.key": Buffer.from(key).toString("base64"),
    },
  });
}
const https = (hostname: string, ...names: string[]): Listener => ({
  name: hostname.replaceAll(/\W/g, "-").replace(/^-+/, ""),
  hostname,
  port: 443,
  protocol: "HTTPS",
  tls: {
    certificateRefs: names.map((one) => {
      const [namespace, name = ""] = one.includes("/") ? one.split("/") : [undefined, one];
      return { name, ...(namespace === undefined ? {} : { namespace }) };
    }),
  },
});

test("the class gantry is accepted, with what it can do; another controller's is not touched", async () => {
  const accepted = await fixture.until(gatewayClasses, "gantry", ({ status }) =>
    Boolean(status?.conditions?.length),
  );
  expect(told(accepted.status?.conditions)).toEqual({ Accepted: "True Accepted" });
  expect(accepted.status?.supportedFeatures).toContainEqual({ name: "HTTPRouteRequestMirror" });
  const other = { ...accepted, metadata: { name: "other" }, spec: { controllerName: "a.org/b" } };
  const { status: _, ...unset } = other;
  await fixture.client.create(gatewayClasses, unset);
  await fixture.client.create(gateways, {
    ...gatewayOf("theirs"),
    spec: { ...gatewayOf().spec, gatewayClassName: "other" },
  });
  await app();
  await fixture.settled(gateways, gatewayOf(), says("Programmed", "True Programmed"));
  const { items } = await fixture.client.list(gateways, { namespace: "default" });
  expect(items.find(({ metadata }) => metadata.name === "theirs")?.status).toBeUndefined();
});

test("a Gateway says where it is reached, and how many routes each listener has", async () => {
  await app();
  await fixture.settled(gateways, gatewayOf(), says("Programmed", "True Programmed"));
  await fixture.settled(
    httpRoutes,
    routeOf({ rules: [to("app")] }),
    routeSays("Accepted", "True Accepted"),
  );
  const gateway = await fixture.until(
    gateways,
    "web",
    (one) => listenerOf(one)?.attachedRoutes === 1,
  );
  expect(gateway.status).toMatchObject({
    addresses: [{ type: "IPAddress", value: "127.0.0.1" }],
    listeners: [
      {
        name: "http",
        supportedKinds: [
          { group: "gateway.networking.k8s.io", kind: "HTTPRoute" },
          { group: "gateway.networking.k8s.io", kind: "GRPCRoute" },
        ],
      },
    ],
  });
  expect(told(gateway.status?.conditions)).toEqual({
    Accepted: "True Accepted",
    Programmed: "True Programmed",
  });
  expect(told(listenerOf(gateway)?.conditions)).toEqual(GOOD);
  expect(await fixture.get("a.org/")).toMatchObject({ status: 200, body: "app" });
  await fixture.client.delete(httpRoutes, { namespace: "default", name: "route" });
  await fixture.until(gateways, "web", (one) => listenerOf(one)?.attachedRoutes === 0);
  expect((await fixture.get("a.org/")).status).toBe(404);
});

describe("ports", () => {
  test("other than 80 and 443 are opened as they are, and closed with their Gateway", async () => {
    await app();
    const free = createServer();
    await new Promise<void>((resolve) => free.listen(0, "127.0.0.1", resolve));
    const { port } = free.address() as AddressInfo;
    const gateway = gatewayOf("web", { ...HTTP, port });
    // Taken: told by condition and Event, and tried again.
    await fixture.settled(gateways, gateway, says("Accepted", "False PortUnavailable"));
    await fixture.told(
      new RegExp(`web PortUnavailable: listener http: port ${port}: .*EADDRINUSE`),
    );
    await new Promise((resolve) => free.close(resolve));
    await fixture.until(gateways, "web", says("Programmed", "True Programmed"));
    await fixture.settled(
      httpRoutes,
      routeOf({ rules: [to("app")] }),
      routeSays("Accepted", "True Accepted"),
    );
    expect(await ask(port, "a.org/", {})).toMatchObject({ body: "app" });
    const key = { namespace: "default", name: "web" };
    await fixture.client.delete(gateways, key);
    await expect
      .poll(() => ask(port, "a.org/", {}).catch(({ code }: { code: string }) => code))
      .toBe("ECONNREFUSED");
  });

  test("for two protocols are a conflict: the older Gateway has it, within one none", async () => {
    const port = 39_080;
    const both = gatewayOf(
      "both",
      { ...HTTP, port },
      { ...https("a.org", "cert"), port },
      { ...HTTP, name: "fine" },
    );
    const settled = await fixture.settled(
      gateways,
      both,
      says("Programmed", "True Programmed", "fine"),
    );
    for (const name of ["http", "a-org"])
      expect(told(listenerOf(settled, name)?.conditions)).toMatchObject({
        Conflicted: "True ProtocolConflict",
        Programmed: "False Invalid",
      });
    expect(told(settled.status?.conditions)).toEqual({
      Accepted: "True ListenersNotValid",
      Programmed: "True Programmed",
    });
    await fixture.told(/both ProtocolConflict: listener http: /);
  });

  test("for protocols that are not served are told", async () => {
    const tcp: Listener = { name: "http", port: 5432, protocol: "TCP" };
    const gateway = await fixture.settled(
      gateways,
      gatewayOf("web", tcp),
      says("Accepted", "False UnsupportedProtocol"),
    );
    expect(told(gateway.status?.conditions)).toEqual({
      Accepted: "False ListenersNotValid",
      Programmed: "False Invalid",
    });
    expect(listenerOf(gateway)?.supportedKinds).toEqual([]);
  });
});

describe("certificates", () => {
  const handshake = (servername: string): Promise<TLSSocket> =>
    new Promise((resolve, reject) => {
      const socket = connect({
        host: "127.0.0.1",
        port: fixture.port("https"),
        rejectUnauthorized: false,
        servername,
      });
      socket.once("secureConnect", () => resolve(socket));
      socket.once("error", reject);
    });
  async function namesServed(servername: string): Promise<string> {
    const socket = await handshake(servername);
    const { subjectaltname = "" } = socket.getPeerCertificate();
    socket.destroy();
    return subjectaltname;
  }

  test("a key that does not match spoils its own listener only: condition, Event, others serve", async () => {
    await app();
    const [good, other] = [
      await issueSelfSigned("good.org", ["good.org"], Date.now()),
      await issueSelfSigned("bad.org", ["bad.org"], Date.now()),
    ];
    await secret("good", "default", good.certificate, good.key);
    await secret("bad", "default", other.certificate, good.key);
    const gateway = gatewayOf("web", https("good.org", "good"), https("bad.org", "bad"));
    const settled = await fixture.settled(
      gateways,
      gateway,
      says("Programmed", "True Programmed", "good-org"),
    );
    const bad = listenerOf(settled, "bad-org");
    expect(told(bad?.conditions)).toEqual({
      ...GOOD,
      Programmed: "False Invalid",
      ResolvedRefs: "False InvalidCertificateRef",
    });
    expect(bad?.conditions.find(({ type }) => type === "ResolvedRefs")?.message).toMatch(
      /mismatch/,
    );
    const event = await fixture.told(/web InvalidCertificateRef: listener bad-org: /);
    expect(event).not.toContain(good.key.slice(40, 80));
    await fixture.settled(
      httpRoutes,
      routeOf({ rules: [to("app")] }),
      routeSays("Accepted", "True Accepted"),
    );
    expect(await namesServed("good.org")).toBe("DNS:good.org");
    // Mended: served from the next handshake on.
    await fixture.client.delete(secrets, { namespace: "default", name: "bad" });
    await secret("bad", "default", other.certificate, other.key);
    await fixture.until(gateways, "web", says("Programmed", "True Programmed", "bad-org"));
    expect(await namesServed("bad.org")).toBe("DNS:bad.org");
  });

  test("of another namespace need a ReferenceGrant there", async () => {
    const { certificate, key } = await issueSelfSigned("a.org", ["a.org"], Date.now());
    await fixture.client.create(namespaces, {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "vault" },
    });
    await secret("cert", "vault", certificate, key);
    await fixture.settled(
      gateways,
      gatewayOf("web", https("a.org", "vault/cert")),
      says("ResolvedRefs", "False RefNotPermitted", "a-org"),
    );
    const grant: ReferenceGrant = {
      apiVersion: "gateway.networking.k8s.io/v1beta1",
      kind: "ReferenceGrant",
      metadata: { name: "certificates", namespace: "vault" },
      spec: {
        from: [{ group: "gateway.networking.k8s.io", kind: "Gateway", namespace: "default" }],
        to: [{ group: "", kind: "Secret" }],
      },
    };
    await fixture.client.create(referenceGrants, grant);
    await fixture.until(gateways, "web", says("ResolvedRefs", "True ResolvedRefs", "a-org"));
    await fixture.client.delete(referenceGrants, { namespace: "vault", name: "certificates" });
    await fixture.until(gateways, "web", says("ResolvedRefs", "False RefNotPermitted", "a-org"));
  });
});

describe("routes", () => {
  test.each([
    ["a section that is not there", { name: "web", sectionName: "nope" }, {}, "NoMatchingParent"],
    ["a port that is not there", { name: "web", port: 8080 }, {}, "NoMatchingParent"],
    ["hosts of nobody", { name: "web" }, { hostnames: ["b.org"] }, "NoMatchingListenerHostname"],
  ])("%s: told, and not served", async (_what, parent, spec, reason) => {
    await app();
    await fixture.client.create(gateways, gatewayOf("web", { ...HTTP, hostname: "a.org" }));
    await fixture.settled(
      httpRoutes,
      routeOf({ parentRefs: [parent], ...spec, rules: [to("app")] }),
      routeSays("Accepted", `False ${reason}`),
    );
    await fixture.until(gateways, "web", says("Programmed", "True Programmed"));
    expect((await fixture.get("a.org/")).status).toBe(404);
  });

  test("of other namespaces: by label when the listener selects them; to their Services with a grant", async () => {
    await app();
    await fixture.client.create(namespaces, {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "team" },
    });
    const selector = { matchLabels: { shared: "yes" } };
    await fixture.client.create(
      gateways,
      gatewayOf("web", {
        ...HTTP,
        allowedRoutes: { namespaces: { from: "Selector", selector } },
      }),
    );
    const route = routeOf({
      namespace: "team",
      parentRefs: [{ name: "web", namespace: "default" }],
      rules: [{ backendRefs: [{ name: "app", namespace: "default", port: 80 }] }],
    });
    await fixture.client.create(httpRoutes, route);
    const now = async () => {
      const found = await fixture.client.get(httpRoutes, { namespace: "team", name: "route" });
      return told(found.status?.parents[0]?.conditions);
    };
    await expect.poll(now).toMatchObject({ Accepted: "False NotAllowedByListeners" });
    await fixture.client.patch(
      namespaces,
      { name: "team" },
      { type: "merge", body: { metadata: { labels: { shared: "yes" } } } },
    );
    await expect
      .poll(now)
      .toEqual({ Accepted: "True Accepted", ResolvedRefs: "False RefNotPermitted" });
    expect((await fixture.get("a.org/")).status).toBe(500);
    await fixture.client.create(referenceGrants, {
      apiVersion: "gateway.networking.k8s.io/v1beta1",
      kind: "ReferenceGrant",
      metadata: { name: "apps", namespace: "default" },
      spec: {
        from: [{ group: "gateway.networking.k8s.io", kind: "HTTPRoute", namespace: "team" }],
        to: [{ group: "", kind: "Service", name: "app" }],
      },
    });
    await expect.poll(now).toMatchObject({ ResolvedRefs: "True ResolvedRefs" });
    await expect.poll(() => fixture.get("a.org/")).toMatchObject({ body: "app" });
  });

  test("keep what other controllers wrote; without their parent ours goes", async () => {
    await app();
    await fixture.settled(gateways, gatewayOf(), says("Programmed", "True Programmed"));
    const theirs = {
      parentRef: { name: "mesh" },
      controllerName: "a.org/mesh",
      conditions: [],
    };
    await fixture.settled(
      httpRoutes,
      routeOf({ rules: [to("app")] }),
      routeSays("Accepted", "True Accepted"),
    );
    const key = { namespace: "default", name: "route" };
    const { status } = await fixture.client.get(httpRoutes, key);
    await fixture.client.patch(
      httpRoutes,
      key,
      {
        type: "merge",
        body: asJson({ status: { parents: [theirs, ...(status?.parents ?? [])] } }),
      },
      { subresource: "status" },
    );
    await fixture.client.delete(gateways, { namespace: "default", name: "web" });
    const left = await fixture.until(
      httpRoutes,
      "route",
      (one) => one.status?.parents.length === 1,
    );
    expect(left.status?.parents).toMatchObject([{ controllerName: "a.org/mesh" }]);
  });
});

test.each([
  [{ type: "IPAddress", value: "127.0.0.1" }, "True Accepted", "True Programmed"],
  [{ type: "IPAddress" }, "True Accepted", "True Programmed"],
  [{ type: "IPAddress", value: "192.0.2.7" }, "True Accepted", "False AddressNotUsable"],
  [{ type: "Hostname", value: "a.org" }, "False UnsupportedAddress", "False Invalid"],
])(
  "the address %j is answered by Accepted=%s and Programmed=%s",
  async (address, accepted, programmed) => {
    const gateway = gatewayOf();
    const settled = await fixture.settled(
      gateways,
      { ...gateway, spec: { ...gateway.spec, addresses: [address] } },
      (one) => told(one.status?.conditions)["Programmed"] === programmed,
    );
    expect(told(settled.status?.conditions)["Accepted"]).toBe(accepted);
  },
);

test("two Gateways share a port: each serves its own host", async () => {
  await Promise.all([app("one"), app("two")]);
  for (const name of ["one", "two"]) {
    await fixture.client.create(gateways, gatewayOf(name, { ...HTTP, hostname: `${name}.org` }));
    await fixture.settled(
      httpRoutes,
      routeOf({ name, parentRefs: [{ name }], rules: [to(name)] }),
      routeSays("Accepted", "True Accepted"),
    );
    await fixture.until(gateways, name, says("Programmed", "True Programmed"));
  }
  expect(await ask(fixture.port(), "one.org/", {})).toMatchObject({ body: "one" });
  expect(await ask(fixture.port(), "two.org/", {})).toMatchObject({ body: "two" });
});
