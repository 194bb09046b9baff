/** What is left out of a render, with no more than a warning, must not be taken for deleted. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { configMap, OperatedCluster } from "../operated-cluster.ts";

let cluster: OperatedCluster;
beforeEach(async () => {
  cluster = await OperatedCluster.start();
});
afterEach(() => cluster.stop());

test("objects of a folder that is no longer rendered stay, and go once it is excluded", async () => {
  await cluster.push([configMap("kept"), configMap("elsewhere")]);
  await cluster.createApplication();
  const warnings = ["overlay/kustomization.yaml:1:1: overlay is for Kustomize"];
  await cluster.push([configMap("kept")], { complete: false, warnings });
  expect(await cluster.data("elsewhere")).toBeDefined();
  expect((await cluster.status()).resources?.map(({ message }) => message).join()).toContain(
    "not rendered",
  );
  await cluster.push([configMap("kept")]);
  expect(await cluster.data("elsewhere")).toBeUndefined();
});
