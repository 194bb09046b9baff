import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Backoff } from "../../../src/kube/kinds/application.ts";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import { configMap, OperatedCluster } from "../operated-cluster.ts";

let cluster: OperatedCluster;
beforeEach(async () => {
  cluster = await OperatedCluster.start();
});
afterEach(() => cluster.stop());

const condition = async () =>
  (await cluster.status()).conditions?.find(({ type }) => type === "FieldDispute");
const isHealed = async () => (await cluster.data("a"))?.["key"] === "value";
const meddle = () => cluster.meddle(configMaps, "a", { data: { key: "theirs" } });
const healing = (selfHealBackoff: Backoff) => ({
  syncPolicy: { automated: { selfHeal: true, selfHealBackoff } },
});

describe("somebody who keeps changing a field", () => {
  test("is named once, with the field and the way out; no hot loop", async () => {
    await cluster.push([configMap("a")]);
    await cluster.createApplication();
    // Sets it again whenever it is healed, for ten minutes.
    let writes = 0;
    const deadlineMs = cluster.clock.now() + 600_000;
    while (cluster.clock.now() < deadlineMs) {
      if (await isHealed()) {
        await meddle();
        writes++;
      }
      await cluster.pass(1_000);
    }
    // At once, then after 2, 6, 18, 54, 162 and 300 seconds.
    expect(writes).toBeLessThanOrEqual(8);
    expect(await condition()).toMatchObject({
      reason: "ChangedAgainAndAgain",
      message: expect.stringContaining("ConfigMap default/a data.key (by somebody)") as string,
    });
    expect(await cluster.events("ChangedAgainAndAgain")).toHaveLength(1);
  });

  test("is forgotten after ten quiet minutes", async () => {
    await cluster.push([configMap("a")]);
    await cluster.createApplication();
    for (const pauseMs of [0, 3_000, 10_000]) {
      await meddle();
      await cluster.pass(pauseMs);
    }
    expect(await isHealed()).toBe(true);
    expect(await condition()).toBeDefined();
    await cluster.pass(590_000);
    expect(await condition()).toBeDefined();
    await cluster.pass(20_000);
    expect(await condition()).toBeUndefined();
    await meddle();
    expect(await isHealed()).toBe(true);
  });

  test("now and then is no dispute", async () => {
    await cluster.push([configMap("a")]);
    await cluster.createApplication();
    for (let time = 0; time < 5; time++) {
      await meddle();
      expect(await isHealed()).toBe(true);
      await cluster.pass(700_000);
    }
    expect(await condition()).toBeUndefined();
  });

  test("a field given up is settled: the others are healed, and it is theirs", async () => {
    const ignoreDifferences = [{ kind: "ConfigMap", managedFieldsManagers: ["somebody"] }];
    await cluster.push([configMap("a", { key: "value", other: "ours" })]);
    await cluster.createApplication({ ignoreDifferences });
    await meddle();
    await cluster.meddle(configMaps, "a", {
      metadata: { labels: { "gantry.dev/application": null } },
    });
    await cluster.pass(60_000);
    expect(await cluster.data("a")).toEqual({ key: "theirs", other: "ours" });
    expect(await condition()).toBeUndefined();
  });
});

describe("selfHealBackoff", () => {
  test("sets the pauses", async () => {
    await cluster.push([configMap("a")]);
    await cluster.createApplication(healing({ duration: "10s", factor: 2, maxDuration: "15s" }));
    await meddle();
    expect(await isHealed()).toBe(true);
    for (const pauseMs of [10_000, 15_000, 15_000]) {
      await meddle();
      await cluster.pass(pauseMs - 1_000);
      expect(await isHealed()).toBe(false);
      await cluster.pass(1_100);
      expect(await isHealed()).toBe(true);
    }
  });

  test("what makes no sense falls back to the default", async () => {
    await cluster.push([configMap("a")]);
    await cluster.createApplication(healing({ duration: "soon", factor: 0 }));
    await meddle();
    await meddle();
    await cluster.pass(2_100);
    expect(await isHealed()).toBe(true);
  });
});

test("the first change is healed within half a second", async () => {
  await cluster.push([configMap("a")]);
  await cluster.createApplication();
  const beforeMs = cluster.clock.now();
  await meddle();
  expect(await isHealed()).toBe(true);
  expect(cluster.clock.now() - beforeMs).toBeLessThan(500);
});
