import { afterEach, beforeEach, expect, test } from "vitest";
import { configMap, OperatedCluster } from "./operated-cluster.ts";

let cluster: OperatedCluster;
beforeEach(async () => {
  cluster = await OperatedCluster.start();
});
afterEach(() => cluster.stop());

test.each([{ name: "production" }, { server: "https://10.1.2.3:6443" }])(
  "objects for another cluster (%j) are not applied here, and the status says why",
  async (destination) => {
    await cluster.push([configMap("a")]);
    await cluster.createApplication({ destination: { ...destination, namespace: "default" } });
    expect(await cluster.data("a")).toBeUndefined();
    expect(await cluster.status()).toMatchObject({
      sync: { status: "Unknown" },
      conditions: [
        {
          type: "InvalidDestination",
          message: expect.stringContaining(Object.values(destination)[0] ?? "") as string,
        },
      ],
    });
  },
);

test.each([{ name: "in-cluster" }, { server: "https://kubernetes.default.svc" }])(
  "Argo CD's names of the own cluster (%j) are known",
  async (destination) => {
    await cluster.push([configMap("a")]);
    await cluster.createApplication({ destination: { ...destination, namespace: "default" } });
    expect(await cluster.data("a")).toEqual({ key: "value" });
  },
);
