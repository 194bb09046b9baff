/** What a sync has to do now: pure, from the plan's entries and live objects. */
import { describe, expect, test } from "vitest";
import { nextWork, type SyncView } from "../../../src/gitops/plan/step-work.ts";
import { stepsOf } from "../../../src/gitops/plan/steps.ts";
import type { PlanEntry } from "../../../src/gitops/plan/plan.ts";
import { applicationOptions } from "../../../src/gitops/plan/sync-options.ts";
import { healthOf } from "../../../src/gitops/health/rules.ts";
import type { KubeObject } from "../../../src/kube/object.ts";

const view: SyncView = {
  health: healthOf,
  progressOf: () => ({ is: "due" }),
  isApplied: () => false,
};
const options = applicationOptions(undefined);

function entry(live: object, wave: number, action: PlanEntry["action"] = "unchanged"): PlanEntry {
  const object = live as KubeObject;
  const [group = "", version = ""] = object.apiVersion.includes("/")
    ? object.apiVersion.split("/")
    : ["", object.apiVersion];
  const ref = {
    group,
    version,
    kind: object.kind,
    namespace: "default",
    name: object.metadata.name,
  };
  const resource = { group, version, kind: object.kind, plural: "", namespaced: true };
  const origin = { file: "", line: 1 };
  const ignored = { pointers: [], expressions: [], managers: [] };
  const desired = { ref, resource, object, hash: "", origin, options, wave, ignored };
  return { ref, action, changes: [], live: object, desired };
}
const claim = (phase: string): object => ({
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: { name: "data" },
  status: { phase },
});
const later = entry(
  { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "later" } },
  1,
  "update",
);
const workOf = (...entries: PlanEntry[]) => nextWork(stepsOf(entries, [], options), view);

describe("a claim", () => {
  test("that waits for its first consumer does not keep that from being made", () => {
    expect(workOf(entry(claim("Pending"), 0), later)?.entries).toEqual([later]);
  });
  test("whose volume is lost is a failure", () => {
    const work = workOf(entry(claim("Lost"), 0), later);
    expect(work?.entries).toEqual([]);
    expect(work?.failures).toMatchObject([{ ref: { name: "data" } }]);
  });
});

test("without anything after it health does not matter", () => {
  expect(workOf(entry(claim("Lost"), 0))).toBeUndefined();
});

test("what somebody else deletes is a failure where something comes after it", () => {
  const going = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "going", deletionTimestamp: "2026-01-01T00:00:00Z" },
  };
  expect(workOf(entry(going, 0), later)?.failures).toHaveLength(1);
  expect(workOf(entry(going, 0))).toBeUndefined();
});

test("pruning goes through the waves backwards, definitions come before their objects", () => {
  const pruned = (name: string, wave: string): PlanEntry => {
    const annotations = { "argocd.argoproj.io/sync-wave": wave };
    const live = { apiVersion: "v1", kind: "ConfigMap", metadata: { name, annotations } };
    const { desired: _none, ...rest } = entry(live, 0, "prune");
    return rest;
  };
  const definition = entry(
    {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "widgets.example.com" },
      spec: { group: "example.com", names: { kind: "Widget" } },
    },
    9,
    "create",
  );
  const widget = entry(
    { apiVersion: "example.com/v1", kind: "Widget", metadata: { name: "w" } },
    -3,
    "create",
  );
  const steps = stepsOf(
    [widget, definition, pruned("a", "-1"), pruned("b", "0"), pruned("c", "4")],
    [],
    options,
  );
  expect(steps.map(({ wave, entries }) => [wave, entries.map(({ ref }) => ref.name)])).toEqual([
    [-3, ["w", "widgets.example.com"]],
    [-1, ["c"]],
    [0, ["b"]],
    [4, ["a"]],
  ]);
});
