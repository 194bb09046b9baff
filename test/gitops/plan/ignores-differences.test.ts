import { describe, expect, test } from "vitest";
import {
  ignoredDifferences,
  keepIgnored,
  leaveAlone,
} from "../../../src/gitops/plan/ignore-differences.ts";
import {
  ignoredFields,
  ignoreRuleProblem,
  NOTHING_IGNORED,
} from "../../../src/gitops/plan/ignore-rules.ts";
import { refOf } from "../../../src/gitops/plan/object-ref.ts";
import type { Application, IgnoreDifference } from "../../../src/kube/kinds/application.ts";
import type { KubeObject } from "../../../src/kube/object.ts";

const container = (name: string, image: string, more: object = {}): object => ({
  name,
  image,
  ...more,
});
const deployment = (containers: readonly object[], replicas?: number, managers: object[] = []) =>
  ({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web", namespace: "default", managedFields: managers },
    spec: {
      ...(replicas === undefined ? {} : { replicas }),
      template: { spec: { containers } },
    },
  }) as unknown as KubeObject;
const managed = (manager: string, operation: "Apply" | "Update", fieldsV1: object): object => ({
  manager,
  operation,
  apiVersion: "apps/v1",
  fieldsType: "FieldsV1",
  fieldsV1,
});
const rules = (rule: Partial<IgnoreDifference>) =>
  ignoredFields([{ group: "apps", kind: "Deployment", ...rule }], refOf(deployment([])));
const specOf = (
  object: KubeObject,
): { replicas?: number; template: { spec: { containers: object[] } } } =>
  (object as unknown as { spec: never }).spec;
const apply = (desired: KubeObject, live: KubeObject, rule: Partial<IgnoreDifference>) =>
  specOf(leaveAlone(desired, live, rules(rule), "gantry"));

const GANTRY_OWNS_REPLICAS = managed("gantry", "Apply", { "f:spec": { "f:replicas": {} } });
const HPA_OWNS_REPLICAS = managed("kube-controller-manager", "Update", {
  "f:spec": { "f:replicas": {} },
});

describe("fields that somebody else owns are left out", () => {
  test.each<[string, Partial<IgnoreDifference>]>([
    ["by JSON pointer", { jsonPointers: ["/spec/replicas"] }],
    ["by jq path", { jqPathExpressions: [".spec.replicas"] }],
    [
      "by jq path with a condition",
      { jqPathExpressions: ['select(.metadata.name == "web") | .spec.replicas'] },
    ],
    ["by manager", { managedFieldsManagers: ["kube-controller-manager"] }],
  ])("%s", (_name, rule) => {
    const live = deployment([container("web", "web:1")], 5, [HPA_OWNS_REPLICAS]);
    const desired = deployment([container("web", "web:2")], 1);
    const result = apply(desired, live, rule);
    expect(result.replicas).toBeUndefined();
    expect(result.template.spec.containers).toEqual([container("web", "web:2")]);
    expect(specOf(desired).replicas).toBe(1);
  });

  test("another manager's fields are not", () => {
    const live = deployment([], 5, [HPA_OWNS_REPLICAS]);
    expect(apply(deployment([], 1), live, { managedFieldsManagers: ["keda"] }).replicas).toBe(1);
  });
});

describe("fields that only we own keep their live value: leaving them out would remove them", () => {
  test.each<[string, Partial<IgnoreDifference>]>([
    ["by JSON pointer", { jsonPointers: ["/spec/replicas"] }],
    ["by jq path", { jqPathExpressions: [".spec.replicas"] }],
  ])("%s", (_name, rule) => {
    const live = deployment([], 5, [GANTRY_OWNS_REPLICAS]);
    expect(apply(deployment([], 1), live, rule).replicas).toBe(5);
    // Out of the manifest altogether.
    expect(apply(deployment([]), live, rule).replicas).toBe(5);
  });
});

describe("elements of lists go by what identifies them", () => {
  const live = deployment([
    container("istio-proxy", "istio/proxyv2:1.20"),
    container("web", "theirs:2", {
      env: [
        { name: "SUM", value: "live" },
        { name: "A", value: "1" },
      ],
    }),
  ]);
  const desired = deployment([
    container("web", "web:1", {
      env: [
        { name: "A", value: "1" },
        { name: "SUM", value: "git" },
      ],
    }),
  ]);

  test("the same field of the same element, at another index", () => {
    const rule = {
      jqPathExpressions: ['.spec.template.spec.containers[] | select(.name == "web") | .image'],
    };
    expect(apply(desired, live, rule).template.spec.containers[0]).not.toHaveProperty("image");
    expect(ignoredDifferences(desired, live, rules(rule))).toEqual([
      ["spec", "template", "spec", "containers", "0", "image"],
    ]);
  });

  test("in lists within lists", () => {
    const rule = {
      jqPathExpressions: ['.spec.template.spec.containers[].env[]? | select(.name == "SUM").value'],
    };
    expect(apply(desired, live, rule).template.spec.containers).toEqual([
      container("web", "web:1", { env: [{ name: "A", value: "1" }, { name: "SUM" }] }),
    ]);
  });

  test("an element that only the live object has is nothing to apply", () => {
    const rule = {
      jqPathExpressions: ['.spec.template.spec.containers[] | select(.name == "istio-proxy")'],
    };
    expect(leaveAlone(desired, live, rules(rule), "gantry")).toEqual(desired);
  });

  test("whole elements are left out, and the others stay as they are", () => {
    const four = deployment(["a", "b", "c", "d"].map((name) => container(name, "git")));
    const rule = {
      jqPathExpressions: ['.spec.template.spec.containers[] | select(.name | test("[bd]"))'],
    };
    expect(apply(four, live, rule).template.spec.containers).toEqual([
      container("a", "git"),
      container("c", "git"),
    ]);
  });

  test("what identifies an element is applied with it, whoever else owns it", () => {
    const fields = {
      "f:spec": {
        "f:template": {
          "f:spec": {
            "f:containers": { 'k:{"name":"web"}': { ".": {}, "f:name": {}, "f:image": {} } },
          },
        },
      },
    };
    const owned = deployment([container("web", "theirs:2")], undefined, [
      managed("tool", "Update", fields),
    ]);
    expect(
      apply(desired, owned, { managedFieldsManagers: ["tool"] }).template.spec.containers,
    ).toEqual([
      {
        name: "web",
        env: [
          { name: "A", value: "1" },
          { name: "SUM", value: "git" },
        ],
      },
    ]);
  });
});

test("what is created in the place of an object goes on with its ignored fields", () => {
  const live = deployment([], 5, [HPA_OWNS_REPLICAS]);
  const kept = keepIgnored(deployment([], 1), live, rules({ jsonPointers: ["/spec/replicas"] }));
  expect(specOf(kept).replicas).toBe(5);
});

test("rules of other objects are none of this one's", () => {
  const replicas = { jsonPointers: ["/spec/replicas"] };
  expect(rules({ ...replicas, kind: "StatefulSet" })).toBe(NOTHING_IGNORED);
  expect(rules({ ...replicas, group: "" })).toBe(NOTHING_IGNORED);
  expect(rules({ ...replicas, name: "other" })).toBe(NOTHING_IGNORED);
  expect(rules({ ...replicas, namespace: "other" })).toBe(NOTHING_IGNORED);
  expect(rules({ ...replicas, group: "*", kind: "*", name: "web" }).pointers).toHaveLength(1);
});

describe("a rule that cannot be understood is named", () => {
  const application = (rule: Partial<IgnoreDifference>) =>
    ({
      spec: { ignoreDifferences: [{ kind: "A" }, { kind: "B", ...rule }] },
    }) as unknown as Application;
  test.each<[Partial<IgnoreDifference>, string | undefined]>([
    [
      { jqPathExpressions: [".a", ".b | del(.c)"] },
      'spec.ignoreDifferences[1]: the jq path expression ".b | del(.c)" is not supported: del is not supported',
    ],
    [
      { jsonPointers: ["spec/replicas"] },
      'spec.ignoreDifferences[1]: JSON pointer "spec/replicas" must start with "/"',
    ],
    [{ jsonPointers: ["/spec/replicas"], jqPathExpressions: [".spec"] }, undefined],
  ])("%j", (rule, problem) => {
    const found = ignoreRuleProblem(application(rule));
    if (problem === undefined) expect(found).toBeUndefined();
    else expect(found).toContain(problem);
  });
});
