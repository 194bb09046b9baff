import { describe, expect, it } from "vitest";
import { applicationsOf } from "../../../src/gitops/generators/application-of.ts";
import {
  APPROVAL_ANNOTATION,
  planApplications,
} from "../../../src/gitops/generators/plan-applications.ts";
import type { ApplicationSet, ApplicationSetSpec } from "../../../src/kube/kinds/applicationset.ts";
import type { KubeObject } from "../../../src/kube/object.ts";

const setWith = (spec: Partial<ApplicationSetSpec> = {}): ApplicationSet => ({
  apiVersion: "gantry.dev/v1",
  kind: "ApplicationSet",
  metadata: { name: "apps", namespace: "default", uid: "set-uid" },
  spec: {
    generators: [],
    template: {
      metadata: { name: "{{name}}" },
      spec: { source: { repoURL: "x", path: "apps/{{name}}" }, destination: {} },
    },
    ...spec,
  },
});
const names = (count: number): { name: string }[] =>
  Array.from({ length: count }, (_, at) => ({ name: `app-${at}` }));
const live = (set: ApplicationSet, count: number): Map<string, KubeObject> =>
  new Map(applicationsOf(set, names(count)).map((object) => [object.metadata.name, object]));
const plan = (
  set: ApplicationSet,
  wanted: number,
  existing: number,
): ReturnType<typeof planApplications> =>
  planApplications(set, applicationsOf(set, names(wanted)), live(set, existing));

describe("the Applications of a set", () => {
  it("are made from the template and belong to the set", () => {
    const [application] = applicationsOf(setWith(), [{ name: "web" }]);
    expect(application).toMatchObject({
      kind: "Application",
      metadata: {
        name: "web",
        namespace: "default",
        labels: { "gantry.dev/application-set": "apps" },
        finalizers: ["resources-finalizer.gantry.dev"],
        ownerReferences: [{ uid: "set-uid", controller: true }],
      },
      spec: { source: { path: "apps/web" } },
    });
  });

  it("may not share a name", () => {
    expect(() => applicationsOf(setWith(), [{ name: "a" }, { name: "a" }])).toThrow(/two sets/);
  });

  it("are left alone when they are as they should be", () => {
    const { apply, remove } = plan(setWith(), 5, 5);
    expect([apply, remove]).toEqual([[], []]);
  });

  it("are not taken from somebody else", () => {
    const set = setWith();
    const [wanted] = applicationsOf(set, names(1));
    const other = { ...wanted, metadata: { name: "app-0" } } as KubeObject;
    const { apply, foreign } = planApplications(
      set,
      applicationsOf(set, names(1)),
      new Map([["app-0", other]]),
    );
    expect(apply).toEqual([]);
    expect(foreign).toEqual(["app-0"]);
  });

  it.each([
    ["create-only", { apply: 1, remove: 0 }],
    ["create-update", { apply: 2, remove: 0 }],
    ["create-delete", { apply: 1, remove: 1 }],
    ["sync", { apply: 2, remove: 1 }],
  ] as const)("follow the policy %s", (applicationsSync, expected) => {
    const set = setWith({ syncPolicy: { applicationsSync } });
    const existing = live(set, 4);
    const changed = existing.get("app-0");
    if (changed !== undefined) existing.set("app-0", { ...changed, spec: {} } as KubeObject);
    const wanted = applicationsOf(set, [{ name: "new" }, ...names(3)]);
    const { apply, remove } = planApplications(set, wanted, existing);
    expect({ apply: apply.length, remove: remove.length }).toEqual(expected);
  });

  it("keep their objects when the set says so", () => {
    const [application] = applicationsOf(
      setWith({ syncPolicy: { preserveResourcesOnDeletion: true } }),
      names(1),
    );
    expect(application?.metadata.finalizers).toEqual([]);
  });
});

describe("the deletion guard", () => {
  it("lets a few go", () => {
    expect(plan(setWith(), 1, 4).remove).toHaveLength(3);
    expect(plan(setWith(), 10, 20).remove).toHaveLength(10);
  });

  it("holds more than half back", () => {
    const { remove, held } = plan(setWith(), 9, 20);
    expect(remove).toEqual([]);
    expect(held?.message).toMatch(/11 of 20 Applications would be deleted/);
  });

  it("holds everything back when the generators yield nothing", () => {
    expect(plan(setWith(), 0, 2).held?.message).toMatch(/yield nothing/);
    expect(plan(setWith({ deletionGuard: { allowEmpty: true } }), 0, 20).remove).toHaveLength(20);
  });

  it.each([
    [5, 5],
    ["25%", 5],
    ["nonsense", 0],
  ])("counts by maxDeletions %s", (maxDeletions, allowed) => {
    const set = setWith({ deletionGuard: { maxDeletions } });
    expect(plan(set, 20 - allowed, 20).held).toBeUndefined();
    expect(plan(set, 20 - allowed - 1, 20).held).toBeDefined();
  });

  it("lets go what was approved, and only that", () => {
    const set = setWith();
    const approval = /=(\w+)$/.exec(plan(set, 9, 20).held?.message ?? "")?.[1] ?? "";
    const approved = {
      ...set,
      metadata: { ...set.metadata, annotations: { [APPROVAL_ANNOTATION]: approval } },
    };
    expect(plan(approved, 9, 20).remove).toHaveLength(11);
    expect(plan(approved, 8, 20).remove).toEqual([]);
  });
});
