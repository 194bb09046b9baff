/** StatefulSets and ControllerRevisions: rules, defaults, columns. */
import { describe, expect, test } from "vitest";
import { controllerRevisions } from "../../../src/kube/kinds/controllerrevision.ts";
import { type StatefulSet, statefulSets } from "../../../src/kube/kinds/statefulset.ts";
import { cells, completed, type Draft, draft, problems, shown } from "./checked.ts";

const labels = { app: "db" };
const container = { name: "app", image: "db:1" };
const template = { metadata: { labels }, spec: { containers: [container] } };
const spec = { serviceName: "db", selector: { matchLabels: labels }, template };
const check = (changed: Draft) =>
  problems<StatefulSet>(statefulSets, { spec: { ...spec, ...changed } });
const rolling = (rollingUpdate: object) => ({
  updateStrategy: { type: "RollingUpdate", rollingUpdate },
});

describe("a StatefulSet", () => {
  test("is fine with claims that its containers mount", () => {
    const volumeMounts = [{ name: "data", mountPath: "/data" }];
    const mounting = { ...template, spec: { containers: [{ ...container, volumeMounts }] } };
    const volumeClaimTemplates = [{ metadata: { name: "data" }, spec: {} }];
    expect(check({ template: mounting, volumeClaimTemplates })).toEqual([]);
    expect(check({ template: mounting }).join()).toContain('Not found: "data"');
    expect(check(rolling({ maxUnavailable: "50%", partition: 1 }))).toEqual([]);
  });

  test.each<[string, Draft, string]>([
    ["negative replicas", { replicas: -1 }, "spec.replicas: Invalid value: -1"],
    ["a negative start", { ordinals: { start: -1 } }, "spec.ordinals.start: Invalid value: -1"],
    ["an unknown management", { podManagementPolicy: "Fast" }, "spec.podManagementPolicy"],
    ["an unknown strategy", { updateStrategy: { type: "Recreate" } }, "spec.updateStrategy.type"],
    [
      "bounds of another strategy",
      { updateStrategy: { type: "OnDelete", rollingUpdate: { partition: 1 } } },
      "only allowed for updateStrategy 'RollingUpdate'",
    ],
    ["a negative partition", rolling({ partition: -1 }), "rollingUpdate.partition"],
    ["no pod that may be away", rolling({ maxUnavailable: "0%" }), "cannot be 0"],
    ["more than all away", rolling({ maxUnavailable: "101%" }), "must not be greater than 100%"],
    ["a share that is none", rolling({ maxUnavailable: "many" }), "must be a number of pods"],
    ["an empty selector", { selector: {} }, "empty selector is invalid for statefulset"],
    ["a service that is no label", { serviceName: "a.b" }, "spec.serviceName: Invalid value"],
    [
      "a policy for claims that there is not",
      { persistentVolumeClaimRetentionPolicy: { whenScaled: "Archive" } },
      "spec.persistentVolumeClaimRetentionPolicy.whenScaled",
    ],
    [
      "pods that end",
      { template: { ...template, spec: { ...template.spec, restartPolicy: "Never" } } },
      "spec.template.spec.restartPolicy: Unsupported value",
    ],
    [
      "two claims of one name",
      { volumeClaimTemplates: [1, 2].map(() => ({ metadata: { name: "data" }, spec: {} })) },
      "spec.volumeClaimTemplates[1].metadata.name: Duplicate value",
    ],
  ])("may not have %s", (_what, changed, message) => {
    expect(check(changed).join("\n")).toContain(message);
  });

  test("has a name that can be part of a host name", () => {
    expect(problems(statefulSets, { metadata: { name: "my.db" }, spec }).join()).toContain(
      "metadata.name",
    );
  });

  test("has upstream's defaults", () => {
    expect(completed<StatefulSet>(statefulSets, { spec }).spec).toMatchObject({
      replicas: 1,
      podManagementPolicy: "OrderedReady",
      revisionHistoryLimit: 10,
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 0 } },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
    });
    const onDelete = { ...spec, updateStrategy: { type: "OnDelete" } };
    expect(completed<StatefulSet>(statefulSets, { spec: onDelete }).spec?.updateStrategy).toEqual({
      type: "OnDelete",
    });
  });

  test("kubectl get statefulsets -o wide", () => {
    const object = draft(statefulSets, {
      spec: { ...spec, replicas: 3 },
      status: { replicas: 3, readyReplicas: 2 },
    });
    expect(cells(statefulSets, object)).toEqual({
      Name: "web",
      Ready: "2/3",
      Age: "<unknown>",
      Containers: "app",
      Images: "db:1",
    });
  });
});

describe("a ControllerRevision", () => {
  test("has data, and keeps it for ever", () => {
    expect(problems(controllerRevisions, { revision: 1 }).join()).toContain("data: Required value");
    expect(problems(controllerRevisions, { revision: -1, data: {} }).join()).toContain("revision");
    const before = completed(controllerRevisions, { revision: 1, data: { spec: { a: 1 } } });
    expect(before.data).toEqual({ spec: { a: 1 } });
    const check = (next: typeof before) =>
      shown(controllerRevisions.strategy.validateUpdate?.(next, before) ?? []);
    expect(check({ ...before, revision: 2 })).toEqual([]);
    expect(check({ ...before, data: { spec: { a: 2 } } })).toEqual([
      'data: Invalid value: {"spec":{"a":2}}: field is immutable',
    ]);
  });

  test("kubectl get controllerrevisions", () => {
    const owner = { apiVersion: "apps/v1", kind: "StatefulSet", name: "db", uid: "1" };
    const object = draft(controllerRevisions, {
      metadata: { ownerReferences: [{ ...owner, controller: true }] },
      data: {},
      revision: 3,
    });
    expect(cells(controllerRevisions, object)).toMatchObject({
      Controller: "statefulset.apps/db",
      Revision: 3,
    });
  });
});
