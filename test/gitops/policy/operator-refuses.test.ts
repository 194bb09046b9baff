/** Projects and Policies as the operator enforces them: nothing that they forbid is applied. */
import type { Condition } from "kubernetes-types/meta/v1";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import { policies, type PolicySpec } from "../../../src/kube/kinds/policy.ts";
import { projects, type ProjectSpec } from "../../../src/kube/kinds/project.ts";
import { configMap, OperatedCluster } from "../operated-cluster.ts";
import { policy, project } from "./rendered.ts";

let cluster: OperatedCluster;
beforeEach(async () => {
  cluster = await OperatedCluster.start();
});
afterEach(() => cluster.stop());

const makeProject = async (spec: ProjectSpec, name = "shop"): Promise<void> => {
  await cluster.client.create(projects, project(spec, name));
  await cluster.settle();
};
const makePolicy = async (spec: PolicySpec): Promise<void> => {
  await cluster.client.create(policies, policy(spec));
  await cluster.settle();
};
const condition = async (type: string): Promise<Condition | undefined> =>
  (await cluster.status()).conditions?.find((one) => one.type === type && one.status === "True");

const OPEN: ProjectSpec = {
  sourceRepos: ["*"],
  destinations: [{}],
  clusterResourceWhitelist: [{ group: "*", kind: "*" }],
};
const noSecrets: PolicySpec = {
  match: { kinds: ["ConfigMap"] },
  rules: [{ name: "small", expression: "size(object.data) < 2", message: "has too many keys" }],
};

describe("a Project", () => {
  it("that does not exist: nothing is applied until it does", async () => {
    await cluster.push([configMap("a")]);
    await cluster.createApplication({ project: "shop" });
    expect((await condition("NotPermitted"))?.reason).toBe("ProjectNotFound");
    expect(await cluster.data("a")).toBeUndefined();
    await makeProject(OPEN);
    await cluster.until(() => cluster.data("a"));
    await cluster.settle();
    expect(await condition("NotPermitted")).toBeUndefined();
  });

  it("that does not allow the source: it is not even fetched", async () => {
    await makeProject({ ...OPEN, sourceRepos: ["https://git.example/*"] });
    await cluster.push([configMap("a")]);
    await cluster.createApplication({ project: "shop" });
    expect(await condition("NotPermitted")).toMatchObject({
      reason: "SourceNotPermitted",
      message: expect.stringContaining("fake") as string,
    });
    expect(await cluster.data("a")).toBeUndefined();
  });

  it("that does not allow the namespace of one object: none is applied", async () => {
    await makeProject({ ...OPEN, destinations: [{ namespace: "default" }] });
    await cluster.push([
      configMap("a"),
      { ...configMap("b"), metadata: { name: "b", namespace: "kube-system" } },
    ]);
    await cluster.createApplication({ project: "shop" });
    const refused = await condition("PolicyViolation");
    expect(refused?.message).toContain("kube-system");
    expect(refused?.message).toContain("[project/namespace]");
    expect(await cluster.data("a")).toBeUndefined();
    await cluster.push([configMap("a")]);
    await cluster.until(() => cluster.data("a"));
  });

  it("that does not allow a kind, whatever namespace the object claims", async () => {
    await makeProject({ ...OPEN, clusterResourceWhitelist: [] });
    const metadata = { name: "mine", namespace: "default" };
    await cluster.push([{ apiVersion: "v1", kind: "Namespace", metadata }]);
    await cluster.createApplication({ project: "shop" });
    expect((await condition("PolicyViolation"))?.message).toContain("does not allow Namespace");
  });

  it("default restricts once somebody makes it", async () => {
    await cluster.push([configMap("a")]);
    await cluster.createApplication();
    await cluster.until(() => cluster.data("a"));
    await makeProject({ ...OPEN, sourceRepos: [] }, "default");
    await cluster.until(() => condition("NotPermitted"));
    // What is there stays: it is neither healed nor taken away.
    expect(await cluster.data("a")).toBeDefined();
  });

  it("refuses a sync that is asked for", async () => {
    await makeProject({ ...OPEN, sourceRepos: [] });
    await cluster.push([configMap("a")]);
    await cluster.createApplication({ project: "shop", syncPolicy: {} });
    await cluster.operate({});
    const state = await cluster.until(async () => (await cluster.status()).operationState);
    expect(state.phase).toBe("Error");
    expect(state.message).toContain("does not allow the repository");
    expect(await cluster.data("a")).toBeUndefined();
  });
});

describe("a Policy", () => {
  it("refuses a revision and keeps the last good one", async () => {
    await makePolicy(noSecrets);
    await cluster.push([configMap("a", { one: "1" })]);
    await cluster.createApplication();
    await cluster.until(() => cluster.data("a"));
    await cluster.push([configMap("a", { one: "1", two: "2" }), configMap("b")]);
    const refused = await cluster.until(() => condition("PolicyViolation"));
    expect(refused.message).toContain("has too many keys");
    expect(refused.message).toContain("[policy/test/small]");
    expect(await cluster.data("a")).toEqual({ one: "1" });
    expect(await cluster.data("b")).toBeUndefined();
    // The last good one is still kept as it was.
    await cluster.meddle(configMaps, "a", { data: { one: "changed" } });
    await cluster.until(async () => (await cluster.data("a"))?.["one"] === "1");
  });

  it("warns where that is its severity, and applies", async () => {
    const rules = (noSecrets.rules ?? []).map((rule) => ({
      ...rule,
      severity: "warning" as const,
    }));
    await makePolicy({ ...noSecrets, rules });
    await cluster.push([configMap("a", { one: "1", two: "2" })]);
    await cluster.createApplication();
    await cluster.until(() => cluster.data("a"));
    await cluster.settle();
    expect((await condition("ManifestWarning"))?.message).toContain("has too many keys");
  });

  it("counts from when it is made, changed or deleted", async () => {
    await cluster.push([configMap("a", { one: "1", two: "2" })]);
    await cluster.createApplication();
    await cluster.until(() => cluster.data("a"));
    await makePolicy(noSecrets);
    await cluster.until(() => condition("PolicyViolation"));
    await cluster.delete(policies, "test");
    await cluster.until(async () => (await condition("PolicyViolation")) === undefined);
  });

  it("that cannot be evaluated lets nothing through, and says so", async () => {
    const rules = [{ name: "x", expression: "object.(" }];
    await makePolicy({ rules, match: { applications: ["app"] } });
    await cluster.push([configMap("a")]);
    await cluster.createApplication();
    const refused = await cluster.until(() => condition("PolicyViolation"));
    expect(refused.message).toMatch(/the rule cannot be used: .*column.*\[policy\/test\/x\]/);
    expect(await cluster.data("a")).toBeUndefined();
    // Nobody else is held up.
    await cluster.createNamespace("other");
    await cluster.createApplication({ destination: { namespace: "other" } }, "other");
    await cluster.until(() => cluster.find(configMaps, "a", "other"));
  });

  it("that never ends refuses one Application and holds up no other", async () => {
    const list = Array.from({ length: 300 }, () => "x").join("");
    await makePolicy({
      match: { applications: ["slow"] },
      rules: [
        {
          name: "slow",
          expression:
            "object.data.l.split('').all(a, object.data.l.split('').all(b, object.data.l.split('').all(c, a + b + c != '')))",
        },
      ],
    });
    await cluster.push([configMap("a", { l: list })]);
    await cluster.createApplication({}, "slow");
    await cluster.createApplication({ destination: { namespace: "other" } }, "quick");
    await cluster.createNamespace("other");
    await cluster.until(() => cluster.find(configMaps, "a", "other"));
    const slow = await cluster.until(async () =>
      (await cluster.status("slow")).conditions?.find(({ type }) => type === "PolicyViolation"),
    );
    expect(slow.message).toContain("takes too long");
    expect(await cluster.data("a")).toBeUndefined();
  });
});
