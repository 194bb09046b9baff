/** What a plan says of each object, against a real API server. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sha256, toDesired } from "../../../src/gitops/plan/desired.ts";
import { compareForApply } from "../../../src/gitops/plan/kind-order.ts";
import { FetchedObjects } from "../../../src/gitops/plan/live-objects.ts";
import { refOf } from "../../../src/gitops/plan/object-ref.ts";
import { isInSync, type Plan } from "../../../src/gitops/plan/plan.ts";
import { makePlan } from "../../../src/gitops/plan/planner.ts";
import { applicationOptions, objectOptions } from "../../../src/gitops/plan/sync-options.ts";
import { trackedBy, trackingLabel, withTracking } from "../../../src/gitops/plan/tracking.ts";
import { applyPlan } from "../../../src/gitops/apply/apply-plan.ts";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import { secrets } from "../../../src/kube/kinds/secret.ts";
import type { KubeObject } from "../../../src/kube/object.ts";
import { startServer, type TestServer } from "../../engine/apiserver/test-server.ts";

let server: TestServer;
beforeEach(async () => {
  server = await startServer();
});
afterEach(() => server.server.close());

const options = applicationOptions(undefined);
async function planOf(...objects: object[]): Promise<Plan> {
  const { client } = server;
  const manifests = objects.map((object, line) => ({
    object: object as KubeObject,
    origin: { file: "all.yaml", line },
  }));
  const applicationKey = "default/app";
  const derived = await toDesired(manifests, {
    client,
    applicationKey,
    namespace: "default",
    options,
  });
  return makePlan({
    client,
    live: new FetchedObjects(client),
    owner: trackingLabel(applicationKey, sha256),
    desired: derived.desired,
    inventory: [],
    prune: { options, forbidden: undefined },
  });
}
async function apply(...objects: object[]): Promise<Plan> {
  const plan = await planOf(...objects);
  await applyPlan(plan, { client: server.client, clock: server.clock, options });
  return plan;
}
const actions = (plan: Plan): string[] =>
  plan.entries.map(({ action, ref }) => `${action} ${ref.name}`);
const configMap = (name: string, more: object = {}): object => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name },
  data: { key: "value" },
  ...more,
});

describe("an object", () => {
  test("that does not exist is created, one that is as it should be is left unchanged", async () => {
    expect(actions(await apply(configMap("a")))).toEqual(["create a"]);
    const again = await planOf(configMap("a"));
    expect(actions(again)).toEqual(["unchanged a"]);
    expect(isInSync(again)).toBe(true);
  });

  test("that differs is updated, and the plan says in what", async () => {
    await apply(configMap("a"));
    const plan = await planOf(configMap("a", { data: { key: "new", more: "1" } }));
    expect(plan.entries[0]).toMatchObject({
      action: "update",
      changes: [
        { path: "data.key", type: "change", from: "value", to: "new" },
        { path: "data.more", type: "add", to: "1" },
      ],
    });
  });

  test("made by somebody else is adopted", async () => {
    await server.client.create(configMaps, {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "a", namespace: "default" },
      data: { key: "theirs", own: "1" },
    });
    const plan = await apply(configMap("a"));
    expect(plan.entries[0]?.changes.map(({ path }) => path)).toEqual(["data.key"]);
    const live = await server.client.get(configMaps, { namespace: "default", name: "a" });
    expect(live.data).toEqual({ key: "value", own: "1" });
    expect(trackedBy(live)).toBe("default.app");
  });

  test("whose update is refused as immutable is refused, with what to do", async () => {
    const secret = (value: string, annotations = {}): object => ({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "s", annotations },
      immutable: true,
      data: { key: Buffer.from(value).toString("base64") },
    });
    await apply(secret("one"));
    const [entry] = (await planOf(secret("two"))).entries;
    expect(entry?.action).toBe("refuse");
    expect(entry?.reason).toContain("Force=true");
    const forced = { "argocd.argoproj.io/sync-options": "Force=true" };
    const before = await server.client.get(secrets, { namespace: "default", name: "s" });
    expect(actions(await apply(secret("two", forced)))).toEqual(["replace s"]);
    const after = await server.client.get(secrets, { namespace: "default", name: "s" });
    expect(after.metadata.uid).not.toBe(before.metadata.uid);
    expect(after.data).toEqual({ key: Buffer.from("two").toString("base64") });
  });

  test.each([
    ["ssa: IfNotPresent", "kustomize.toolkit.fluxcd.io/ssa", "IfNotPresent"],
    ["reconcile: disabled", "kustomize.toolkit.fluxcd.io/reconcile", "disabled"],
  ])("with Flux's %s is created and then left alone", async (_name, key, value) => {
    const manifest = (data: object): object => ({
      ...configMap("a"),
      metadata: { name: "a", annotations: { [key]: value } },
      data,
    });
    expect(actions(await apply(manifest({ n: "1" })))).toEqual(["create a"]);
    expect(actions(await planOf(manifest({ n: "2" })))).toEqual(["skip a"]);
  });

  test("defined twice is taken once, and the other one is reported", async () => {
    const { client } = server;
    const manifests = [configMap("a"), configMap("a")].map((object, line) => ({
      object: object as KubeObject,
      origin: { file: "all.yaml", line },
    }));
    const applicationKey = "default/app";
    const derived = await toDesired(manifests, {
      client,
      applicationKey,
      namespace: "default",
      options,
    });
    expect(derived.desired).toHaveLength(1);
    expect(derived.unusable[0]?.reason).toContain("also defined at all.yaml:0");
  });
});

test("what others need is applied first, and pruned last", () => {
  const kinds = [
    "Widget",
    "Ingress",
    "Deployment",
    "Service",
    "ConfigMap",
    "Secret",
    "ServiceAccount",
    "CustomResourceDefinition",
    "Namespace",
  ];
  const refs = kinds.map((kind) => refOf({ apiVersion: "v1", kind, metadata: { name: "x" } }));
  expect([...refs].sort(compareForApply).map(({ kind }) => kind)).toEqual([...kinds].reverse());
});

describe("sync options", () => {
  const of = (annotations: Record<string, string>, words?: string[]) =>
    objectOptions(
      { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", annotations } },
      applicationOptions(words),
    );
  const argo = (value: string): Record<string, string> => ({
    "argocd.argoproj.io/sync-options": value,
  });

  test.each([
    ["Prune=false", { prune: false, delete: true }],
    ["Delete=confirm", { prune: true, delete: "confirm" }],
    [" Prune=false , Force=true", { prune: false, force: true }],
    ["replace=TRUE", { replace: true }],
    ["SomethingElse=true", { prune: true }],
  ])("%s", (value, expected) => {
    expect(of(argo(value))).toMatchObject(expected);
  });

  test("of the object win over the Application's", () => {
    expect(of(argo("Prune=true"), ["Prune=false"]).prune).toBe(true);
    expect(of({}, ["Prune=false"]).prune).toBe(false);
    expect(applicationOptions(["PrunePropagationPolicy=foreground"]).prunePropagation).toBe(
      "Foreground",
    );
  });
});

describe("tracking", () => {
  test("labels of long names are shortened without becoming equal", () => {
    const [a, b] = ["a", "b"].map((end) =>
      trackingLabel(`namespace/${"x".repeat(80)}${end}`, sha256),
    );
    expect(a?.length).toBeLessThanOrEqual(63);
    expect(a).not.toBe(b);
  });

  test("a copy under another name is not ours", () => {
    const ours = withTracking(configMap("a") as KubeObject, { label: "default.app", hash: "h" });
    expect(trackedBy(ours)).toBe("default.app");
    expect(trackedBy({ ...ours, metadata: { ...ours.metadata, name: "copy" } })).toBeUndefined();
  });
});
