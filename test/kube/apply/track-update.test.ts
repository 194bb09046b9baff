import { describe, expect, test } from "vitest";
import { isNoOpWrite, MAX_UPDATE_MANAGERS } from "../../../src/kube/apply/managed-fields.ts";
import type { Web } from "./web-deployment.ts";
import { applied, containers, entryOf, fieldsOf, stored, updated, web } from "./web-deployment.ts";

const withSpec = (live: Web, spec: object): Web => ({
  ...live,
  spec: { ...live.spec, ...spec } as NonNullable<Web["spec"]>,
});

describe("creation", () => {
  test("makes the creator own every field, and every object, map and list element by itself", () => {
    const live = updated(
      undefined,
      "kubectl-create",
      web(containers({ name: "web", image: "i" }), { labels: { a: "1" } }),
    );
    expect(live.metadata.managedFields).toEqual([
      {
        manager: "kubectl-create",
        operation: "Update",
        apiVersion: "apps/v1",
        time: "2026-01-01T00:00:00Z",
        fieldsType: "FieldsV1",
        fieldsV1: {
          "f:metadata": { "f:labels": { ".": {}, "f:a": {} } },
          "f:spec": {
            ".": {},
            "f:template": {
              ".": {},
              "f:spec": {
                ".": {},
                "f:containers": {
                  ".": {},
                  'k:{"name":"web"}': { ".": {}, "f:image": {}, "f:name": {} },
                },
              },
            },
          },
        },
      },
    ]);
  });
});

describe("updates", () => {
  const live = updated(undefined, "creator", web({ replicas: 1, paused: true }));

  test("give the writer what changed and take it from everybody else", () => {
    const next = updated(live, "scaler", withSpec(live, { replicas: 2 }), { at: 1 });
    expect(fieldsOf(next, "scaler")).toEqual({ "f:spec": { "f:replicas": {} } });
    expect(fieldsOf(next, "creator")).toEqual({ "f:spec": { ".": {}, "f:paused": {} } });
    expect(entryOf(next, "creator")?.time).toBe("2026-01-01T00:00:00Z");
    expect(entryOf(next, "scaler")?.time).toBe("2026-01-01T00:01:00Z");
  });

  test("without a change keep every entry as it is", () => {
    const next = updated(live, "scaler", structuredClone(live), { at: 1 });
    expect(next.metadata.managedFields).toEqual(live.metadata.managedFields);
    expect(isNoOpWrite(live, next)).toBe(true);
  });

  test("that only remove do not make the writer an owner", () => {
    const { paused: _, ...spec } = live.spec ?? {};
    const next = updated(live, "remover", { ...live, spec }, { at: 1 });
    expect(entryOf(next, "remover")).toBeUndefined();
    expect(fieldsOf(next, "creator")).toEqual({ "f:spec": { ".": {}, "f:replicas": {} } });
  });

  test("of the same manager extend its entry", () => {
    const next = updated(live, "creator", withSpec(live, { minReadySeconds: 5 }), { at: 1 });
    expect(next.metadata.managedFields).toHaveLength(1);
    expect(fieldsOf(next, "creator")).toEqual({
      "f:spec": { ".": {}, "f:minReadySeconds": {}, "f:paused": {}, "f:replicas": {} },
    });
  });

  test("through a subresource get an entry of their own, and cannot set the owners", () => {
    const next = updated(
      live,
      "creator",
      { ...live, status: { replicas: 1 }, metadata: { ...live.metadata, managedFields: [] } },
      { subresource: "status", at: 1 },
    );
    expect(next.metadata.managedFields).toHaveLength(2);
    expect(next.metadata.managedFields?.[1]).toMatchObject({
      subresource: "status",
      fieldsV1: { "f:status": { ".": {}, "f:replicas": {} } },
    });
  });

  test("take fields from appliers, who then conflict", () => {
    const owned = applied(undefined, "gantry", web({ replicas: 1 }));
    const scaled = updated(owned, "hpa", withSpec(owned, { replicas: 4 }));
    expect(entryOf(scaled, "gantry")).toBeUndefined();
    expect(fieldsOf(scaled, "hpa")).toEqual({ "f:spec": { "f:replicas": {} } });
  });
});

describe("the list of owners", () => {
  test("stands in order of operation, age and name", () => {
    let live = updated(undefined, "z-old", web({ replicas: 1 }));
    live = applied(live, "b-applier", web({ paused: true }), { at: 3 });
    live = applied(live, "a-applier", web({ paused: true }), { at: 3 });
    live = updated(live, "a-new", withSpec(live, { minReadySeconds: 1 }), { at: 2 });
    expect(live.metadata.managedFields?.map(({ manager }) => manager)).toEqual([
      "a-applier",
      "b-applier",
      "z-old",
      "a-new",
    ]);
  });

  test("keeps the newest updaters; older ones become ancient-changes, appliers all stay", () => {
    let live = applied(undefined, "gantry", web({ replicas: 1 }));
    for (let index = 0; index < MAX_UPDATE_MANAGERS + 3; index++) {
      const labels = { ...live.metadata.labels, [`l${index}`]: "x" };
      live = updated(
        live,
        `m${index}`,
        { ...live, metadata: { ...live.metadata, labels } },
        { at: index },
      );
    }
    const managers = live.metadata.managedFields?.map(({ manager }) => manager) ?? [];
    expect(managers).toHaveLength(MAX_UPDATE_MANAGERS + 1);
    expect(managers).toContain("gantry");
    expect(managers).toContain("m12");
    expect(managers).not.toContain("m0");
    expect(fieldsOf(live, "ancient-changes")).toEqual({
      "f:metadata": { "f:labels": { ".": {}, "f:l0": {}, "f:l1": {}, "f:l2": {}, "f:l3": {} } },
    });
  });

  test.each([[[]], [[{}]]])(
    "is forgotten when a client sends %j, until the next apply",
    (managedFields) => {
      const live = updated(undefined, "creator", web({ replicas: 1 }, { uid: "u" }));
      const cleared = updated(live, "any", {
        ...live,
        metadata: { ...live.metadata, managedFields },
      });
      expect(cleared.metadata).not.toHaveProperty("managedFields");
      const changed = updated(cleared, "any", withSpec(cleared, { replicas: 2 }));
      expect(changed.metadata).not.toHaveProperty("managedFields");
      const first = applied(changed, "gantry", web({ replicas: 2 }));
      expect(first.metadata.managedFields?.map(({ manager }) => manager)).toEqual([
        "gantry",
        "before-first-apply",
      ]);
    },
  );

  test("survives a client that leaves it out or sends nonsense", () => {
    const live = updated(undefined, "creator", web({ replicas: 1 }));
    const { managedFields: _, ...metadata } = live.metadata;
    const nonsense = [
      undefined,
      [{ manager: "x", operation: "Steal", apiVersion: "apps/v1", fieldsType: "FieldsV1" }],
      [{ manager: "x", operation: "Update", apiVersion: "", fieldsType: "FieldsV1" }],
      [{ manager: "x", operation: "Update", apiVersion: "apps/v1", fieldsType: "FieldsV2" }],
      [
        {
          manager: "x",
          operation: "Update",
          apiVersion: "apps/v1",
          fieldsType: "FieldsV1",
          fieldsV1: { x: {} },
        },
      ],
      [null],
    ];
    for (const managedFields of nonsense) {
      const next = updated(live, "other", { ...live, metadata: { ...metadata, managedFields } });
      expect(next.metadata.managedFields).toEqual(live.metadata.managedFields);
    }
  });

  test("may be replaced by a client", () => {
    const live = updated(undefined, "creator", web({ replicas: 1 }));
    const renamed = (live.metadata.managedFields ?? []).map((entry) => ({
      ...entry,
      manager: "renamed",
    }));
    const next = updated(live, "any", {
      ...live,
      metadata: { ...live.metadata, managedFields: renamed },
    });
    expect(next.metadata.managedFields).toEqual(renamed);
  });
});

describe("a write is without effect", () => {
  const live = updated(undefined, "creator", web({ replicas: 1 }));
  const withTime = (time: string): Web => ({
    ...live,
    metadata: {
      ...live.metadata,
      managedFields: (live.metadata.managedFields ?? []).map((entry) => ({ ...entry, time })),
    },
  });
  test("when only times of owners differ", () => {
    expect(isNoOpWrite(live, withTime("2027-01-01T00:00:00Z"))).toBe(true);
  });
  test("but not when a field or an owner does", () => {
    expect(isNoOpWrite(live, withSpec(live, { replicas: 2 }))).toBe(false);
    const other = applied(live, "gantry", web({ replicas: 1 }));
    expect(isNoOpWrite(live, other)).toBe(false);
    expect(isNoOpWrite(live, stored({ ...live }))).toBe(true);
  });
});
