import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import { providers } from "../../../src/kube/kinds/provider.ts";
import { configMap } from "../operated-cluster.ts";
import { NotifiedCluster } from "./notified-cluster.ts";
import { containing, having, matching, someText } from "./matching.ts";

let notified: NotifiedCluster;
beforeEach(async () => {
  notified = await NotifiedCluster.start();
});
afterEach(() => notified.stop());

const triggers = (): unknown[] => notified.server.bodies.map(({ trigger }) => trigger);

describe("an Alert", () => {
  test("tells of a sync once, with commit, author and counts, and then is silent", async () => {
    await notified.provider({});
    await notified.alert({ eventMetadata: { cluster: "prod" }, summary: "shop" });
    await notified.cluster.push([configMap("one"), configMap("two")]);
    await notified.cluster.createApplication();
    await notified.told(1);
    expect(notified.server.bodies).toEqual([
      having({
        trigger: "on-sync-succeeded",
        reason: "SyncSucceeded",
        severity: "info",
        involvedObject: having({
          kind: "Application",
          name: "app",
          namespace: "default",
        }),
        message: matching(/^default\/app: synced to [0-9a-f]{12}: 2 created$/),
        plan: { create: 2, update: 0, replace: 0, prune: 0 },
        metadata: having({
          cluster: "prod",
          summary: "shop",
          author: someText(),
        }),
      }),
    ]);
    // Polls and looks that find nothing new say nothing.
    for (let poll = 0; poll < 5; poll++) await notified.cluster.pass(200_000);
    await notified.quiet();
    expect(triggers()).toEqual(["on-sync-succeeded"]);
  });

  test("tells of a failure with what failed, once however often it is tried again, and of its end", async () => {
    await notified.provider({});
    await notified.alert();
    const broken = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "bad" },
      data: { "a b": "" },
    };
    await notified.cluster.push([configMap("one"), broken]);
    await notified.cluster.createApplication();
    await notified.told(1);
    for (let retry = 0; retry < 10; retry++) await notified.cluster.pass(60_000);
    await notified.quiet();
    const failed = notified.server.bodies.filter(({ trigger }) => trigger === "on-sync-failed");
    expect(failed).toHaveLength(1);
    expect(failed[0]).toMatchObject({
      severity: "error",
      objects: [{ object: "ConfigMap default/bad", message: containing("a b") }],
    });
    await notified.cluster.push([configMap("one")]);
    await notified.told(2);
    expect(triggers().at(-1)).toBe("on-sync-succeeded");
  });

  test("tells of drift that was healed, and of drift that is left", async () => {
    await notified.provider({});
    await notified.alert({ triggers: ["on-drift-detected", "on-drift-healed"] });
    await notified.cluster.push([configMap("one")]);
    await notified.cluster.createApplication();
    await notified.cluster.meddle(configMaps, "one", { data: { key: "other" } });
    await notified.told(1);
    expect(notified.server.bodies[0]).toMatchObject({
      trigger: "on-drift-healed",
      severity: "info",
      message: containing("ConfigMap default/one"),
    });
    await notified.cluster.change({ spec: { syncPolicy: { automated: { selfHeal: false } } } });
    await notified.cluster.pass(1_000);
    await notified.cluster.meddle(configMaps, "one", { data: { key: "another" } });
    await notified.told(2);
    expect(notified.server.bodies[1]).toMatchObject({
      trigger: "on-drift-detected",
      severity: "error",
      objects: [{ object: "ConfigMap default/one" }],
    });
  });

  test("tells of trouble and of its end, not of an end alone", async () => {
    await notified.provider({});
    await notified.alert({ triggers: ["on-sync-status-unknown", "on-trouble-resolved"] });
    await notified.cluster.push([configMap("one")]);
    await notified.cluster.createApplication();
    await notified.cluster.push([configMap("one")], { errors: ["a.yaml:3:1: broken"] });
    await notified.told(1);
    expect(notified.server.bodies[0]).toMatchObject({
      trigger: "on-sync-status-unknown",
      reason: "InvalidManifests",
      message: "default/app: a.yaml:3:1: broken",
    });
    await notified.cluster.push([configMap("one", { key: "new" })]);
    await notified.told(2);
    expect(triggers()[1]).toBe("on-trouble-resolved");
  });

  test("leaves out what is less severe, and what its lists leave out", async () => {
    await notified.provider({});
    await notified.alert({ eventSeverity: "error" }, "errors");
    await notified.alert({ inclusionList: ["nothing like it"] }, "included");
    await notified.alert({ exclusionList: ["synced to [0-9a-f]+"] }, "excluded");
    await notified.alert({ eventSources: [{ kind: "Application", name: "other" }] }, "other");
    await notified.alert({ suspend: true }, "suspended");
    await notified.cluster.push([configMap("one")]);
    await notified.cluster.createApplication();
    await notified.quiet();
    expect(triggers()).toEqual([]);
    expect((await notified.alertNow("suspended")).status?.conditions).toMatchObject([
      { type: "Ready", status: "False", reason: "Suspended" },
    ]);
  });

  test("words the message as its template says", async () => {
    await notified.provider({});
    await notified.alert({
      template:
        '{"app":{{ .app.metadata.name | toJson }},"rev":"{{ .event.revision }}","who":{{ .event.author | toJson }}}',
    });
    const revision = await notified.cluster.push([configMap("one")]);
    await notified.cluster.createApplication();
    await notified.told(1);
    expect(notified.server.bodies[0]).toEqual({
      app: "app",
      rev: revision,
      who: someText(),
    });
    expect(notified.server.requests[0]?.headers["content-type"]).toBe("application/json");
  });

  test("says in its status that a template or a Provider is of no use", async () => {
    await notified.alert({ template: "{{ if .x }}" }, "template");
    expect((await notified.alertNow("template")).status?.conditions).toMatchObject([
      { type: "Ready", status: "False", reason: "ProviderNotFound" },
    ]);
    await notified.provider({});
    await notified.cluster.pass(2_000);
    expect((await notified.alertNow("template")).status?.conditions).toMatchObject([
      {
        type: "Ready",
        status: "False",
        reason: "InvalidTemplate",
        message: containing("if"),
      },
    ]);
  });
});

test("a Provider that never answers delays no sync, and stops with the notifier", async () => {
  notified.server.answer = () => ({ hang: true });
  await notified.provider({ timeout: "60s" });
  await notified.alert();
  await notified.cluster.push([configMap("one")]);
  await notified.cluster.createApplication();
  await notified.cluster.until(() => notified.server.requests.length === 1);
  for (const key of ["second", "third"]) {
    await notified.cluster.push([configMap("one", { key })]);
    expect(await notified.cluster.data("one")).toEqual({ key });
  }
  // The first is still on its way; of what came after, the newest waits.
  expect(notified.server.requests).toHaveLength(1);
  expect(notified.notifier?.pending).toBe(1);
});

describe("after a restart", () => {
  test("nothing is told again, and what was missed is told", async () => {
    await notified.provider({});
    await notified.alert();
    await notified.cluster.push([configMap("one")]);
    await notified.cluster.createApplication();
    await notified.told(1);
    await notified.stopNotifier();
    await notified.cluster.stopOperator();
    await notified.startNotifier();
    await notified.quiet();
    expect(triggers()).toEqual(["on-sync-succeeded"]);

    await notified.stopNotifier();
    await notified.cluster.push([configMap("one", { key: "missed" })]);
    await notified.startNotifier();
    await notified.told(2);
    expect(notified.server.bodies[1]).toMatchObject({
      trigger: "on-sync-succeeded",
      message: containing("1 changed"),
    });
  });

  test("an operator that starts anew tells nobody that all is as it was", async () => {
    await notified.provider({});
    await notified.alert({
      triggers: ["on-sync-succeeded", "on-deployed", "on-drift-healed", "on-sync-running"],
    });
    await notified.cluster.push([configMap("one")]);
    await notified.cluster.createApplication();
    await notified.cluster.until(() => triggers().includes("on-deployed"));
    await notified.quiet();
    const before = triggers().length;
    await notified.stopNotifier();
    await notified.cluster.stopOperator();
    await notified.startNotifier();
    await notified.cluster.pass(200_000);
    await notified.quiet();
    expect(triggers()).toHaveLength(before);
  });
});

describe("annotations of Argo CD", () => {
  test("subscribe an Application to a Provider by name, channel included", async () => {
    await notified.provider({ type: "slack" }, undefined, "slack");
    await notified.cluster.push([configMap("one")]);
    await notified.cluster.createApplication();
    await notified.cluster.change({
      metadata: {
        annotations: {
          "notifications.argoproj.io/subscribe.on-sync-succeeded.slack": "#shop;#ops",
          "notifications.argoproj.io/subscribe.on-sync-failed.slack": "#ops",
          "notifications.argoproj.io/subscribe.on-something-else.slack": "#never",
          "notifications.argoproj.io/subscribe.on-sync-succeeded.missing": "",
        },
      },
    });
    await notified.cluster.push([configMap("one", { key: "new" })]);
    await notified.told(2);
    expect(
      notified.server.bodies
        .map(({ channel }) => channel)
        .toSorted((a, b) => String(a).localeCompare(String(b))),
    ).toEqual(["#ops", "#shop"]);
    await notified.cluster.pass(2_000);
    const provider = await notified.cluster.client.get(providers, {
      namespace: "default",
      name: "slack",
    });
    expect(provider.status?.conditions).toMatchObject([{ type: "Ready", status: "True" }]);
    expect(provider.status?.delivered).toHaveLength(2);
  });
});
