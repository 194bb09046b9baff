/**
 * One Application, or one object, that nobody thought of: with words that are none, times that are
 * none, owners that own each other. Whatever comes of it, the others are synced, healed and follow
 * their commits, and so they are after a restart that finds the poison already there.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ManifestSource } from "../../src/gitops/application-manifests.ts";
import { TRACKING_ANNOTATION, APPLICATION_LABEL } from "../../src/gitops/plan/tracking.ts";
import { type Application, applications } from "../../src/kube/kinds/application.ts";
import { configMaps } from "../../src/kube/kinds/configmap.ts";
import { StatusError } from "../../src/kube/status-error.ts";
import { FakeRepository } from "./fake-repository.ts";
import { application, configMap, OperatedCluster } from "./operated-cluster.ts";

let cluster: OperatedCluster;
const bad = new FakeRepository();
/** Every Application but `app` follows the poisoned repository. */
const manifests = (): ManifestSource => {
  const of = ({ metadata }: Application): FakeRepository =>
    metadata.name === "app" ? cluster.repository : bad;
  return {
    manifestsOf: (asking, request) => of(asking).manifestsOf(asking, request),
    isWatched: () => true,
    forget: () => Promise.resolve(),
  };
};
beforeEach(async () => {
  cluster = new OperatedCluster();
  await cluster.createNamespace("default");
  await cluster.startOperator({ manifests: manifests() });
  cluster.repository.push([configMap("good", { key: "1" })]);
  bad.push([configMap("bad")]);
});
afterEach(() => cluster.stop());

/** That `app` does all that it should, before and after a restart. */
async function othersGoOn(): Promise<void> {
  await cluster.createApplication();
  expect(await cluster.data("good")).toEqual({ key: "1" });
  await cluster.push([configMap("good", { key: "2" })]);
  expect(await cluster.data("good")).toEqual({ key: "2" });
  await cluster.meddle(configMaps, "good", { data: { key: "meddled" } });
  expect(await cluster.data("good")).toEqual({ key: "2" });
  await cluster.stopOperator();
  await cluster.startOperator({ manifests: manifests() });
  await cluster.settle();
  await cluster.push([configMap("good", { key: "3" })]);
  expect(await cluster.data("good")).toEqual({ key: "3" });
  expect((await cluster.status()).sync?.status).toBe("Synced");
}

const poisoned = (metadata: object, rest: object = {}): object => ({
  ...configMap("poisoned"),
  metadata: { name: "poisoned", ...metadata },
  ...rest,
});
const annotated = (annotations: Readonly<Record<string, string>>): object =>
  poisoned({ annotations });
const NAMES = ["__proto__", "constructor", "toString", "hasOwnProperty", "=", ",,", "-", "/", " "];
const ANNOTATIONS = [
  "argocd.argoproj.io/sync-options",
  "argocd.argoproj.io/compare-options",
  "argocd.argoproj.io/hook",
  "argocd.argoproj.io/hook-delete-policy",
  "argocd.argoproj.io/sync-wave",
  "helm.sh/hook",
  "helm.sh/hook-delete-policy",
  "helm.sh/hook-weight",
  "helm.sh/resource-policy",
  "kapp.k14s.io/update-strategy",
  "kapp.k14s.io/delete-strategy",
  "kustomize.toolkit.fluxcd.io/ssa",
  TRACKING_ANNOTATION,
  "gantry.dev/manifest-hash",
  "gantry.dev/hook-run",
];

describe("objects", () => {
  test.each<[string, readonly object[]]>([
    [
      "words that are none",
      ANNOTATIONS.flatMap((name) => NAMES.map((word) => annotated({ [name]: word }))),
    ],
    [
      "options whose values are none",
      NAMES.map((word) =>
        annotated({
          "argocd.argoproj.io/sync-options": `Prune=${word},PrunePropagationPolicy=${word},${word}=${word},Delete=${word}`,
        }),
      ),
    ],
    [
      "waves beyond all numbers",
      ["9".repeat(400), "1e999", "-0", "0x10", "NaN", "Infinity", "1.5", "\u0660"].map((wave) =>
        annotated({ "argocd.argoproj.io/sync-wave": wave }),
      ),
    ],
    [
      "annotations without a slash, or of slashes only",
      [annotated({ a: "x", "//": "y", "/": "z", "": "e" })],
    ],
    ["an annotation larger than an object", [annotated({ huge: "x".repeat(3_000_000) })]],
    [
      "owners that own themselves",
      [
        poisoned({
          uid: "u",
          ownerReferences: [{ apiVersion: "v1", kind: "ConfigMap", name: "poisoned", uid: "u" }],
        }),
        poisoned({ ownerReferences: [{}] }),
        poisoned({ ownerReferences: "text" }),
      ],
    ],
    [
      "data that is none",
      [
        poisoned({}, { data: null }),
        poisoned({}, { data: [1] }),
        poisoned({}, { data: { "../../x": "y" } }),
      ],
    ],
    [
      "names of a prototype",
      ["__proto__", "constructor", "prototype"].map((kind) => ({ ...configMap("poisoned"), kind })),
    ],
    ["nothing but a name", [{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "" } }]],
  ])("with %s", async (_what, objects) => {
    await cluster.createApplication({}, "poison");
    for (const object of objects) {
      const revision = bad.push([configMap("beside"), object]);
      cluster.operator?.refresh(["default/poison"]);
      await cluster.settle();
      // It was looked at to the end, whatever came of it.
      expect((await cluster.status("poison")).sync?.revision).toBe(revision);
    }
    await othersGoOn();
    // What is wrong is said of the Application that has it, or it does what it can.
    const { conditions, operationState, sync } = await cluster.status("poison");
    expect([conditions, operationState, sync].some((told) => told !== undefined)).toBe(true);
    bad.push([configMap("mended")]);
    cluster.operator?.refresh(["default/poison"]);
    await cluster.settle();
    expect(await cluster.data("mended")).toBeDefined();
  });

  test("that others left in the cluster, with our marks and without sense", async () => {
    for (const [at, id] of ["", "/", "no-slash", ":", "a:b:c:d", "x".repeat(100_000)].entries())
      await cluster.client.create(configMaps, {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: {
          namespace: "default",
          name: `left-${at}`,
          labels: { [APPLICATION_LABEL]: at % 2 === 0 ? "default.app" : "" },
          annotations: { [TRACKING_ANNOTATION]: id, "gantry.dev/hook-run": id.slice(0, 100) },
        },
      });
    const circle = await Promise.all(
      ["one", "two"].map((name) =>
        cluster.client.create(configMaps, {
          apiVersion: "v1",
          kind: "ConfigMap",
          metadata: { namespace: "default", name, labels: { [APPLICATION_LABEL]: "default.app" } },
        }),
      ),
    );
    for (const [at, { metadata }] of circle.entries()) {
      const owner = circle[1 - at]?.metadata;
      const ownerReferences = [owner, metadata].map((of) => ({
        apiVersion: "v1",
        kind: "ConfigMap",
        name: of?.name ?? "",
        uid: of?.uid ?? "",
      }));
      await cluster.meddle(configMaps, metadata.name, { metadata: { ownerReferences } });
    }
    await othersGoOn();
    // Copies of our marks make nobody's object ours.
    expect(await cluster.data("left-0")).toBeUndefined();
    expect(await cluster.find(configMaps, "left-0")).toBeDefined();
  });
});

const TIMES = [
  "1 parsec",
  "",
  "-1h",
  "1e309h",
  "9".repeat(400) + "h",
  "h",
  "NaNs",
  "1h1h1h",
  "\u0660s",
];
const policy = (more: object): object => ({
  syncPolicy: { automated: { prune: true, selfHeal: true }, ...more },
});

describe("Applications", () => {
  test.each<[string, readonly object[]]>([
    ["timeouts that are none", TIMES.map((timeout) => policy({ timeout }))],
    [
      "pauses that are none",
      TIMES.flatMap((duration) => [
        policy({ retry: { limit: 3, backoff: { duration, factor: 0, maxDuration: duration } } }),
        policy({
          automated: { selfHeal: true, selfHealBackoff: { duration, maxDuration: duration } },
        }),
        policy({ automaticRollback: { timeout: duration } }),
      ]),
    ],
    [
      "factors and limits out of bounds",
      [-1, 0, 1e9, 1.5].flatMap((number) => [
        policy({ retry: { limit: number, backoff: { factor: number } } }),
        { revisionHistoryLimit: number },
      ]),
    ],
    [
      "windows that are none",
      TIMES.map((duration) =>
        policy({
          windows: [{ kind: "deny", schedule: duration, duration, timeZone: "Mars/Base" }],
        }),
      ),
    ],
    [
      "options that are names of a prototype",
      NAMES.map((word) => policy({ syncOptions: [word, `${word}=${word}`, `Prune=${word}`] })),
    ],
    [
      "rules that are none",
      [
        { ignoreDifferences: [{ kind: "*", jqPathExpressions: [".[", "(", "recurse(.)", "."] }] },
        { ignoreDifferences: [{ kind: "*", jsonPointers: ["", "/__proto__/x", "/~2", "no"] }] },
        { healthChecks: [{ apiVersion: "v1", kind: "ConfigMap", current: "((((" }] },
        { healthChecks: [{ apiVersion: "v1", kind: "ConfigMap", current: "[1].map(x, x / 0)" }] },
      ],
    ],
    [
      "dependencies that make no sense",
      [
        { dependsOn: [{ name: "poison" }] },
        { dependsOn: [{ name: "__proto__" }, { name: "", namespace: "/" }] },
        { dependsOn: [{ name: "app", readyExpr: "while(true)" }] },
      ],
    ],
    [
      "destinations and Projects that are none",
      [
        { destination: { namespace: "../x" } },
        { destination: { namespace: "__proto__" } },
        { project: "__proto__" },
        { project: "../default" },
        { destination: {} },
      ],
    ],
  ])("with %s", async (_what, specs) => {
    let taken = 0;
    for (const [at, spec] of specs.entries()) {
      try {
        await cluster.client.create(applications, application(spec, `poison-${at}`));
        taken++;
      } catch (error) {
        // Refused by the API server: nobody ever sees it.
        if (!(error instanceof StatusError)) throw error;
        expect(error.reason).toBe("Invalid");
      }
    }
    await cluster.settle();
    await othersGoOn();
    for (const { metadata, status } of (await cluster.client.list(applications)).items.slice(
      0,
      taken,
    ))
      expect([metadata.name, status]).toEqual([metadata.name, expect.anything()]);
  });
});
