import { createServer as createTcpServer } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../../src/client/clock.ts";
import { ingresses } from "../../../../src/kube/kinds/ingress.ts";
import { ingressClasses } from "../../../../src/kube/kinds/ingressclass.ts";
import { services } from "../../../../src/kube/kinds/service.ts";
import { IngressFixture } from "./ingress-fixture.ts";
import { classOf, ingressOf } from "./ingress-objects.ts";

let fixture: IngressFixture;
beforeEach(async () => {
  fixture = await IngressFixture.start();
});
afterEach(() => fixture.stop());

const named = (name: string) => fixture.app((_request, response) => response.end(name));
const wait = (timeoutMs: number) => ({ clock: systemClock, timeoutMs });

describe("an Ingress", () => {
  test("leads to the Services that its rules name, and says where it is reached", async () => {
    await fixture.service("shop", await named("shop"));
    await fixture.service("rest", await named("rest"));
    const { status } = await fixture.ingress({
      defaultTo: "rest:http",
      rules: [{ host: "shop.example.com", path: "/cart", to: "shop:80" }],
    });
    expect(status?.loadBalancer?.ingress).toEqual([
      { ip: "127.0.0.1", ports: [{ port: fixture.port(), protocol: "TCP" }] },
    ]);
    expect(await fixture.get("shop.example.com/cart/1?q")).toMatchObject({ body: "shop" });
    expect(await fixture.get("SHOP.example.com:80/cart")).toMatchObject({ body: "shop" });
    expect(await fixture.get("shop.example.com/about")).toMatchObject({ body: "rest" });
    expect(await fixture.get("other.org/")).toMatchObject({ body: "rest" });
  });

  test("answers 404 for what no rule matches, and 503 for a Service without endpoints", async () => {
    await fixture.service("empty");
    await fixture.ingress({ rules: [{ host: "a.org", path: "/x", to: "empty" }] });
    expect(await fixture.get("a.org/y")).toMatchObject({ status: 404 });
    expect(await fixture.get("a.org/x")).toMatchObject({ status: 503 });
  });

  test("holds a request for a moment while its Service has no endpoint", async () => {
    await fixture.service("late");
    await fixture.ingress({ rules: [{ host: "a.org", to: "late" }] });
    const answer = fixture.get("a.org/");
    await fixture.route("late", [{ port: await named("late") }]);
    expect(await answer).toMatchObject({ status: 200, body: "late" });
  });

  test("of another controller's class is left alone, until it becomes ours", async () => {
    await fixture.client.create(ingressClasses, classOf("nginx", "k8s.io/ingress-nginx"));
    await fixture.service("web", await named("web"));
    await fixture.client.create(
      ingresses,
      ingressOf({ name: "theirs", class: "nginx", rules: [{ host: "theirs.org", to: "web" }] }),
    );
    await fixture.ingress({ name: "ours", rules: [{ host: "ours.org", to: "web" }] });
    expect(await fixture.get("theirs.org/")).toMatchObject({ status: 404 });
    const key = { namespace: "default", name: "theirs" };
    expect((await fixture.client.get(ingresses, key)).status?.loadBalancer?.ingress ?? []).toEqual(
      [],
    );
    const body = { spec: { ingressClassName: "gantry" } };
    await fixture.client.patch(ingresses, key, { type: "merge", body });
    await fixture.published("theirs");
    expect(await fixture.get("theirs.org/")).toMatchObject({ status: 200 });
  });

  test("that is given to another controller loses the address that was written", async () => {
    await fixture.service("web", await named("web"));
    await fixture.ingress({ rules: [{ host: "a.org", to: "web" }] });
    const key = { namespace: "default", name: "web" };
    const body = { spec: { ingressClassName: "other" } };
    await fixture.client.patch(ingresses, key, { type: "merge", body });
    for await (const event of fixture.client.watch(ingresses, {
      namespace: "default",
      signal: AbortSignal.timeout(5_000),
    })) {
      if (event.type === "BOOKMARK") continue;
      if (event.object.status?.loadBalancer?.ingress?.length === 0) break;
    }
    expect(await fixture.get("a.org/")).toMatchObject({ status: 404 });
  });

  test("that leads nowhere is told once, and others work", async () => {
    await fixture.service("web", await named("web"));
    await fixture.client.create(
      ingresses,
      ingressOf({
        name: "bad",
        rules: [
          { host: "bad.org", path: "/missing", to: "missing" },
          { host: "bad.org", path: "/port", to: "web:8080" },
        ],
      }),
    );
    await fixture.ingress({ name: "good", rules: [{ host: "good.org", to: "web" }] });
    await fixture.told(/^bad BackendNotFound: there is no Service missing/);
    await fixture.told(/^bad BackendNotFound: the Service web has no TCP port 8080/);
    expect(await fixture.get("bad.org/port")).toMatchObject({ status: 503 });
    expect(await fixture.get("good.org/")).toMatchObject({ status: 200 });
    await fixture.ingress({ name: "more", rules: [{ host: "more.org", to: "web" }] });
    expect(fixture.events.filter((event) => event.startsWith("bad"))).toHaveLength(2);
  });

  test("of a class that does not exist is told, so that nobody waits for it", async () => {
    await fixture.client.create(ingresses, ingressOf({ class: "nginx", defaultTo: "web" }));
    expect(await fixture.told(/^web ClassNotFound/)).toContain("gantry.dev/ingress");
  });

  test("follows changes of its Service's port", async () => {
    await fixture.service("web", await named("web"));
    await fixture.ingress({ rules: [{ host: "a.org", to: "web:8080" }] });
    await fixture.told(/no TCP port 8080/);
    const key = { namespace: "default", name: "web" };
    const body = { spec: { ports: [{ name: "http", port: 8080 }] } };
    await fixture.client.patch(services, key, { type: "merge", body });
    expect(await fixture.get("a.org/")).toMatchObject({ status: 200 });
  });
});

describe("a pod that ends", () => {
  test("gets no further request once its revision is posted, on any connection", async () => {
    const [first, second] = [await named("first"), await named("second")];
    await fixture.service("web", first);
    await fixture.ingress({ rules: [{ host: "a.org", to: "web" }] });
    for (let round = 0; round < 3; round++)
      expect(await fixture.get("a.org/")).toMatchObject({ body: "first" });
    await fixture.route("web", [{ port: second }, { port: first, terminating: true }]);
    for (let round = 0; round < 6; round++)
      expect(await fixture.get("a.org/")).toMatchObject({ body: "second" });
  });

  test("is waited for while a request is on its way, and no longer", async () => {
    let finish = (): void => undefined;
    let arrived = (): void => undefined;
    const isThere = new Promise<void>((resolve) => (arrived = resolve));
    const port = await fixture.app((_request, response) => {
      response.write("begun ");
      finish = () => response.end("and finished");
      arrived();
    });
    await fixture.service("web", port);
    await fixture.ingress({ rules: [{ host: "a.org", to: "web" }] });
    const answer = fixture.get("a.org/");
    await isThere;
    await fixture.route("web", [{ port, terminating: true }]);
    expect(await fixture.board.waitDrained([`127.0.0.1:${port}`], wait(50))).toBe(false);
    const drained = fixture.board.waitDrained([`127.0.0.1:${port}`], wait(5_000));
    finish();
    expect(await drained).toBe(true);
    expect(await answer).toMatchObject({ body: "begun and finished" });
  });

  test("that still serves takes requests when there is no other for long", async () => {
    const port = await named("last");
    await fixture.service("web", port);
    await fixture.ingress({ rules: [{ host: "a.org", to: "web" }] });
    await fixture.route("web", [{ port, terminating: true }]);
    expect(await fixture.get("a.org/")).toMatchObject({ status: 200, body: "last" });
  });
});

describe("an address that is taken", () => {
  test("is told on the Ingress; one that was asked for is an error", async () => {
    const taken = createTcpServer();
    const port = await fixture.listenOn(taken);
    const http = { host: "127.0.0.1", port };
    const other = await IngressFixture.start({ http: { ...http, required: false } });
    try {
      await other.listenRequired();
      await other.client.create(ingresses, ingressOf({ defaultTo: "web" }));
      expect(await other.told(/AddressNotBound/)).toContain("EADDRINUSE");
    } finally {
      await other.stop();
    }
    const asked = await IngressFixture.start({ http: { ...http, required: true } });
    try {
      await expect(asked.listenRequired()).rejects.toMatchObject({
        protocol: "http",
        cause: { code: "EADDRINUSE" },
      });
    } finally {
      await asked.stop();
    }
  });
});
