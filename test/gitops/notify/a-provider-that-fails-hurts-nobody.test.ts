import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { providers } from "../../../src/kube/kinds/provider.ts";
import { failed, OTHER_REVISION, REVISION, ToldCluster } from "./told-cluster.ts";
import { containing, matching } from "./matching.ts";

let told: ToldCluster;
beforeEach(async () => {
  told = await ToldCluster.start();
  await told.application();
});
afterEach(() => told.stop());
const ready = async () =>
  (await told.alertNow()).status?.conditions?.find(({ type }) => type === "Ready");

describe("a Provider that is busy", () => {
  test("is asked again with growing pauses until it answers; its status says so meanwhile", async () => {
    let failures = 3;
    told.server.answer = () => (failures-- > 0 ? { status: 503, body: "overloaded" } : {});
    await told.provider({});
    await told.alert();
    await told.synced();
    await told.until(() => told.server.requests.length === 1);
    await told.settle();
    await told.until(async () => (await ready())?.reason === "DeliveryFailed", 10);
    expect((await ready())?.message).toMatch(
      /^Provider default\/to: 127\.0\.0\.1:\d+ answered 503: overloaded$/,
    );
    const startMs = told.clock.now();
    await told.told(4);
    // 1 s + 2 s + 4 s, without jitter.
    expect(told.clock.now() - startMs).toBeGreaterThan(5_500);
    expect(await ready()).toMatchObject({ status: "True" });
    expect(await told.events("DeliveryFailed")).toHaveLength(1);
  });

  test.each([
    ["seconds", () => "120"],
    ["a date", () => new Date(told.clock.now() + 120_000).toUTCString()],
  ])("is left alone for as long as it asks, in %s", async (_form, retryAfter) => {
    let failures = 1;
    told.server.answer = () =>
      failures-- > 0 ? { status: 429, headers: { "retry-after": retryAfter() } } : {};
    await told.provider({});
    await told.alert();
    await told.synced();
    await told.until(() => told.server.requests.length === 1);
    await told.settle();
    await told.clock.advance(110_000);
    await told.settle();
    expect(told.server.requests).toHaveLength(1);
    await told.told(2);
  });

  test("is told the newest only of what came meanwhile", async () => {
    let isDown = true;
    told.server.answer = () => (isDown ? { status: 500 } : {});
    await told.provider({});
    await told.alert();
    await told.status(failed(REVISION));
    for (let round = 0; round < 20; round++)
      await told.status(failed(OTHER_REVISION, `reason ${round}`));
    await told.until(() => told.server.requests.length >= 3, 500);
    expect(told.notifier?.pending).toBe(1);
    isDown = false;
    const before = told.server.requests.length;
    await told.until(() => told.server.requests.length > before, 5_000);
    await told.quiet();
    expect(told.server.requests).toHaveLength(before + 1);
    expect(told.server.bodies.at(-1)).toMatchObject({
      message: containing("reason 19"),
    });
  });
});

test("a Provider that never answers costs nobody else anything, and ends with its time limit", async () => {
  told.server.answer = ({ path }) => (path === "/hangs" ? { hang: true } : {});
  await told.provider({ address: `${told.server.url}/hangs`, timeout: "200ms" }, undefined, "dead");
  await told.provider({});
  await told.alert({ providerRef: { name: "dead" } }, "dead");
  await told.alert();
  await told.synced();
  await told.until(() => told.server.requests.some(({ path }) => path === "/"));
  await told.until(async () => {
    const condition = (await told.alertNow("dead")).status?.conditions?.[0];
    return condition?.message.includes("did not answer in time") === true;
  });
  expect(await ready()).toMatchObject({ status: "True" });
});

test("a Provider that refuses is not asked again for the same, and the next is tried", async () => {
  told.server.answer = () => ({ status: 404, body: "no such channel" });
  await told.provider({});
  await told.alert();
  await told.synced();
  await told.told(1);
  await told.clock.advance(3_600_000);
  await told.settle();
  expect(told.server.requests).toHaveLength(1);
  expect(await ready()).toMatchObject({ status: "False", reason: "DeliveryFailed" });
  told.server.answer = () => ({});
  await told.synced(OTHER_REVISION);
  await told.told(2);
  expect(await ready()).toMatchObject({ status: "True" });
});

test("what goes to and fro is told a few times, then now and then, and in the end as it is", async () => {
  await told.provider({});
  await told.alert();
  await told.synced();
  for (let round = 0; round < 20; round++) {
    await told.status({ health: { status: "Degraded", message: "Pod/web: crashes" } });
    await told.until(() => told.notifier?.pending === 0 || told.server.requests.length >= 6);
    await told.status({ health: { status: "Healthy" } });
    await told.clock.advance(100);
  }
  await told.status({ health: { status: "Degraded", message: "Pod/web: crashes" } });
  expect(told.server.requests.length).toBeLessThan(10);
  await told.until(() => told.notifier?.pending === 0, 10_000);
  const health = told.server.bodies.filter(({ trigger }) =>
    String(trigger).startsWith("on-health"),
  );
  expect(health.at(-1)).toMatchObject({ trigger: "on-health-degraded" });
});

test("redirects are not followed, answers are not read without end", async () => {
  told.server.answer = ({ path }) =>
    path === "/redirects"
      ? { status: 302, headers: { location: "/elsewhere" } }
      : { body: "x".repeat(6 * 1024 * 1024) };
  await told.provider({ address: `${told.server.url}/redirects` }, undefined, "redirects");
  await told.provider({});
  await told.alert({ providerRef: { name: "redirects" } }, "redirects");
  await told.alert();
  await told.synced();
  await told.until(async () => (await ready())?.message.includes("more than") === true);
  expect(told.server.requests.map(({ path }) => path)).not.toContain("/elsewhere");
  expect((await told.alertNow("redirects")).status?.conditions?.[0]?.message).toContain(
    "answered 302",
  );
});

describe("addresses of this machine and of clouds", () => {
  test.each([
    "http://169.254.169.254/latest/meta-data",
    "http://[fe80::1]/",
    "http://0.0.0.0:80/",
    "http://127.0.0.1:1/",
    "http://localhost:1/",
    "http://[::1]:1/",
    "http://[::ffff:127.0.0.1]:1/",
    "http://2130706433:1/",
  ])("%s is refused", async (address) => {
    await told.stopNotifier();
    await told.startNotifier({ allowLoopback: false });
    await told.provider({ address });
    await told.alert();
    await told.synced();
    await told.quiet();
    expect(await ready()).toMatchObject({
      reason: "DeliveryFailed",
      message: matching(/never sent to/),
    });
  });

  test("a proxy on such an address is refused too", async () => {
    await told.stopNotifier();
    await told.startNotifier({ allowLoopback: false });
    await told.secret("proxy", { address: "http://169.254.169.254:3128" });
    await told.provider({ address: "https://chat.example", proxySecretRef: { name: "proxy" } });
    await told.alert();
    await told.synced();
    await told.quiet();
    expect((await ready())?.message).toMatch(/169\.254\.169\.254:3128 is an address/);
  });
});

test("a Provider that is deleted or suspended is sent nothing more", async () => {
  told.server.answer = () => ({ status: 500 });
  await told.provider({});
  await told.alert();
  await told.synced();
  await told.until(() => told.server.requests.length > 0);
  await told.client.delete(providers, { namespace: "default", name: "to" });
  await told.settle();
  const before = told.server.requests.length;
  await told.clock.advance(3_600_000);
  await told.settle();
  expect(told.server.requests).toHaveLength(before);
  expect(await ready()).toMatchObject({ reason: "ProviderNotFound" });
});

describe("secrets", () => {
  const CANARY = "canary-4d1c9e";
  test("are shown nowhere, however the far side repeats them", async () => {
    const secret = {
      token: `${CANARY}-token`,
      address: `${told.server.url}/hooks/${CANARY}-path?key=${CANARY}-query`,
      headers: `X-Key: ${CANARY}-header`,
      username: "robot",
      password: `${CANARY}-password`,
    };
    told.server.answer = ({ path, headers, text }) => ({
      status: 403,
      body: `refused ${path} ${JSON.stringify(headers)} ${text} ${Buffer.from(secret.token).toString("base64")} ${encodeURIComponent(secret.address)}`,
    });
    for (const type of ["slack", "msteams", "discord", "generic", "generic-hmac"] as const) {
      await told.provider({ type, channel: "c" }, secret, type);
      await told.alert({ providerRef: { name: type } }, type);
    }
    await told.synced();
    await told.until(() => told.server.requests.length >= 5);
    await told.quiet();
    const shown = JSON.stringify([
      (await told.client.list((await import("../../../src/kube/kinds/alert.ts")).alerts)).items,
      (await told.client.list(providers)).items,
      (await told.client.list((await import("../../../src/kube/kinds/event.ts")).events)).items,
    ]);
    expect(shown).toContain("answered 403");
    expect(shown).not.toContain(CANARY);
    expect(shown).not.toContain(Buffer.from(secret.token).toString("base64"));
  });

  test("a Secret that is missing is said so", async () => {
    await told.provider({ secretRef: { name: "missing" } });
    await told.alert();
    await told.synced();
    await told.quiet();
    expect(await ready()).toMatchObject({
      message: "Provider default/to: Secret default/missing does not exist",
    });
  });
});
