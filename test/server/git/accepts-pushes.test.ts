import { afterAll, beforeAll, expect, test } from "vitest";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import { configMap, gitIn, PushedServer } from "./pushed-server.ts";

let fixture: PushedServer;
beforeAll(async () => {
  fixture = await PushedServer.start();
});
afterAll(() => fixture.stop());

test("a push is deployed, and can be cloned", async () => {
  const commit = await fixture.commit({ "a.yaml": configMap("a", "1") });
  const pushed = await fixture.push("main");
  expect(pushed).toMatchObject({ code: 0 });
  expect(await fixture.ref()).toBe(commit);
  const { client } = fixture.server;
  await expect
    .poll(() => client.get(configMaps, { namespace: "default", name: "a" }).catch(() => undefined))
    .toMatchObject({ data: { key: "1" } });
  const cloned = await gitIn(fixture.dataDir, ["clone", "-q", await fixture.url(), "cloned"]);
  expect(cloned).toMatchObject({ code: 0 });
});
