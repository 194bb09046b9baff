import { afterEach, describe, expect, test } from "vitest";
import { configMaps } from "../../src/kube/kinds/configmap.ts";
import { secrets } from "../../src/kube/kinds/secret.ts";
import { deployments as deployed } from "../../src/kube/kinds/application.ts";
import { configMap, OperatedCluster } from "./operated-cluster.ts";

let cluster: OperatedCluster;
afterEach(() => cluster.stop());

const authors = {
  writerOf: (object: { plural: string; name: string }, manager: string) =>
    object.plural === "configmaps" && manager !== "gantry" ? { user: "ann", atMs: 0 } : undefined,
};

describe("drift", () => {
  test("is kept with what, who and when, after it was healed too", async () => {
    cluster = await OperatedCluster.start({ authors });
    await cluster.push([configMap("a")]);
    await cluster.createApplication();
    expect((await cluster.status()).drift).toBeUndefined();
    await cluster.meddle(configMaps, "a", { data: { key: "meddled" } });
    expect((await cluster.status()).drift).toEqual([
      {
        version: "v1",
        kind: "ConfigMap",
        namespace: "default",
        name: "a",
        change: "Changed",
        fields: [
          {
            path: "data.key",
            live: "meddled",
            git: "value",
            manager: expect.any(String) as string,
            user: "ann",
            at: expect.any(String) as string,
          },
        ],
        detectedAt: expect.any(String) as string,
        healedAt: expect.any(String) as string,
      },
    ]);
  });

  test("that is only reported stays open until it is gone", async () => {
    cluster = await OperatedCluster.start({ authors });
    await cluster.push([configMap("a")]);
    await cluster.createApplication({ syncPolicy: { automated: { selfHeal: false } } });
    await cluster.meddle(configMaps, "a", { data: { key: "meddled" } });
    const [open] = (await cluster.status()).drift ?? [];
    expect(open?.healedAt).toBeUndefined();
    await cluster.meddle(configMaps, "a", { data: { key: "value" } });
    const drift = (await cluster.status()).drift ?? [];
    expect(drift).toHaveLength(1);
    expect(drift[0]?.healedAt).toBeDefined();
  });

  test("a deletion is told as one, and a new commit is none", async () => {
    cluster = await OperatedCluster.start({ authors });
    await cluster.push([configMap("a")]);
    await cluster.createApplication();
    await cluster.push([{ ...configMap("a"), data: { key: "newer" } }]);
    expect((await cluster.status()).drift).toBeUndefined();
    await cluster.delete(configMaps, "a");
    expect((await cluster.status()).drift).toMatchObject([{ change: "Deleted", name: "a" }]);
  });

  test("never shows what a Secret holds", async () => {
    cluster = await OperatedCluster.start({ authors });
    const secret = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "s" },
      stringData: { password: "hunter2" },
    };
    await cluster.push([secret]);
    await cluster.createApplication();
    const changed = Buffer.from("letmein").toString("base64");
    await cluster.meddle(secrets, "s", { data: { password: changed } });
    const text = JSON.stringify(await cluster.status());
    expect(text).toContain('"path":"data.password"');
    for (const word of ["hunter2", "letmein", changed, Buffer.from("hunter2").toString("base64")])
      expect(text).not.toContain(word);
  });
});

describe("history", () => {
  test("has outcome, duration and plan of each revision; retries are one entry", async () => {
    cluster = await OperatedCluster.start();
    await cluster.push([configMap("a")]);
    await cluster.createApplication();
    const [first] = (await cluster.status()).history ?? [];
    expect(first).toMatchObject({
      id: 1,
      outcome: "Succeeded",
      plan: { create: 1, update: 0, replace: 0, prune: 0 },
      durationSeconds: expect.any(Number) as number,
      author: expect.any(String) as string,
    });
    // A name that the API server refuses.
    await cluster.push([
      { ...configMap("a"), metadata: { name: "a", labels: { "not a label": "x" } } },
    ]);
    await cluster.pass(60_000);
    const status = await cluster.status();
    const last = status.history?.at(-1);
    expect(status.history).toHaveLength(2);
    expect(last).toMatchObject({ id: 2, outcome: "Failed" });
    expect(last?.error).toBeDefined();
    expect(deployed(status)).toHaveLength(1);
    await cluster.push([{ ...configMap("a"), data: { key: "third" } }]);
    expect((await cluster.status()).history?.map(({ id, outcome }) => [id, outcome])).toEqual([
      [1, "Succeeded"],
      [2, "Failed"],
      [3, "Succeeded"],
    ]);
  });
});
