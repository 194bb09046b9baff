import { describe, expect, test } from "vitest";
import { applyConflictError, conflictMessage } from "../../../src/kube/apply/conflict.ts";
import { applyPatch } from "../../../src/kube/apply/server-side-apply.ts";
import { deepFreeze } from "../../../src/kube/object.ts";
import { PatchError } from "../../../src/kube/patch-error.ts";
import type { Schema } from "../../../src/kube/schema/schema.ts";
import {
  applied,
  apply,
  containers,
  entryOf,
  fieldsOf,
  identity,
  stored,
  updated,
  web,
} from "./web-deployment.ts";

describe("the first apply", () => {
  test("creates the object with one entry that owns exactly what was applied", () => {
    const { object, conflicts } = apply(undefined, "gantry", web({ replicas: 3, paused: null }));
    expect(conflicts).toEqual([]);
    expect(object).toEqual({
      ...identity,
      metadata: {
        ...identity.metadata,
        managedFields: [
          {
            manager: "gantry",
            operation: "Apply",
            apiVersion: "apps/v1",
            time: "2026-01-01T00:00:00Z",
            fieldsType: "FieldsV1",
            fieldsV1: { "f:spec": { "f:replicas": {} } },
          },
        ],
      },
      spec: { replicas: 3 },
    });
  });

  test("owns lists by their keys, with defaults for the keys left out", () => {
    const object = applied(
      undefined,
      "gantry",
      web(containers({ name: "web", args: ["a"], ports: [{ containerPort: 80 }] }), {
        labels: { app: "web" },
        finalizers: ["x/y"],
      }),
    );
    expect(fieldsOf(object, "gantry")).toEqual({
      "f:metadata": { "f:finalizers": { 'v:"x/y"': {} }, "f:labels": { "f:app": {} } },
      "f:spec": {
        "f:template": {
          "f:spec": {
            "f:containers": {
              'k:{"name":"web"}': {
                ".": {},
                "f:args": {},
                "f:name": {},
                "f:ports": {
                  'k:{"containerPort":80,"protocol":"TCP"}': { ".": {}, "f:containerPort": {} },
                },
              },
            },
          },
        },
      },
    });
  });

  test("owns values that are replaced as a whole, and empty objects, by their own path", () => {
    const object = applied(
      undefined,
      "gantry",
      web({
        selector: { matchLabels: { app: "web" } },
        strategy: {},
        template: { spec: { nodeSelector: { a: "b" } } },
      }),
    );
    expect(fieldsOf(object, "gantry")).toEqual({
      "f:spec": {
        "f:selector": {},
        "f:strategy": {},
        "f:template": { "f:spec": { "f:nodeSelector": {} } },
      },
    });
  });
});

describe("an apply that changes nothing", () => {
  const patch = web(containers({ name: "web", image: "web:1", ports: [{ containerPort: 80 }] }), {
    labels: { app: "web" },
    annotations: { note: "x" },
  });

  test("returns the live object itself, later or with fields defaulted meanwhile", () => {
    const live = applied(undefined, "gantry", patch);
    expect(live.spec?.template?.spec?.containers[0]?.ports?.[0]?.protocol).toBe("TCP");
    expect(apply(live, "gantry", patch, { at: 5 }).object).toBe(live);
    expect(apply(live, "gantry", structuredClone(patch), { at: 5 }).object).toBe(live);
  });

  test("also when quantities are spelled in another way, and nulls stand for absence", () => {
    const limited = (cpu: unknown) =>
      web(containers({ name: "web", resources: { limits: { cpu } }, command: null }));
    const live = applied(undefined, "gantry", limited("1"));
    expect(apply(live, "gantry", limited("1000m")).object).toBe(live);
    expect(apply(live, "gantry", limited(1)).object).toBe(live);
    expect(apply(live, "gantry", limited("1001m")).object).not.toBe(live);
  });

  test("of a second manager only adds its entry", () => {
    const live = applied(undefined, "gantry", patch);
    const shared = applied(live, "other", patch, { at: 1 });
    expect(shared.spec).toEqual(live.spec);
    expect(entryOf(shared, "gantry")).toEqual(entryOf(live, "gantry"));
    expect(fieldsOf(shared, "other")).toEqual(fieldsOf(live, "gantry"));
    expect(apply(shared, "gantry", patch, { at: 2 }).object).toBe(shared);
  });
});

describe("conflicts", () => {
  const live = updated(undefined, "kubectl-client-side-apply", web({ replicas: 1, paused: true }));

  test("one is reported in upstream's words and nothing is applied", () => {
    const { object, conflicts } = apply(live, "gantry", web({ replicas: 3, paused: true }));
    expect(object).toBe(live);
    expect(conflictMessage(conflicts)).toBe(
      'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using apps/v1: .spec.replicas',
    );
  });

  test("several are grouped by manager, with one cause per field", () => {
    const scaled = updated(
      live,
      "hpa",
      { ...live, spec: { ...live.spec, replicas: 5 } },
      { at: 1, subresource: "scale" },
    );
    const { conflicts } = apply(scaled, "gantry", web({ replicas: 3, paused: false }));
    const { status } = applyConflictError(conflicts);
    expect(status.message).toBe(
      [
        'Apply failed with 2 conflicts: conflicts with "hpa" with subresource "scale" using apps/v1:',
        "- .spec.replicas",
        'conflicts with "kubectl-client-side-apply" using apps/v1:',
        "- .spec.paused",
      ].join("\n"),
    );
    expect(status).toMatchObject({ code: 409, reason: "Conflict" });
    expect(status.details?.causes).toContainEqual({
      reason: "FieldManagerConflict",
      message: 'conflict with "hpa" with subresource "scale" using apps/v1',
      field: ".spec.replicas",
    });
  });

  test("appliers are named without a version", () => {
    const other = applied(undefined, "other", web(containers({ name: "web", image: "web:1" })));
    const { conflicts } = apply(other, "gantry", web(containers({ name: "web", image: "web:2" })));
    expect(conflictMessage(conflicts)).toBe(
      'Apply failed with 1 conflict: conflict with "other": .spec.template.spec.containers[name="web"].image',
    );
  });

  test("force takes the field away from everybody else", () => {
    const taken = applied(live, "gantry", web({ replicas: 3 }), { force: true, at: 1 });
    expect(taken.spec?.replicas).toBe(3);
    expect(fieldsOf(taken, "gantry")).toEqual({ "f:spec": { "f:replicas": {} } });
    expect(fieldsOf(taken, "kubectl-client-side-apply")).toEqual({
      "f:spec": { ".": {}, "f:paused": {} },
    });
    expect(entryOf(taken, "kubectl-client-side-apply")?.time).toBe("2026-01-01T00:00:00Z");
  });

  test("the same value is owned together, and then both must let go", () => {
    const shared = applied(live, "gantry", web({ replicas: 1 }));
    const left = applied(shared, "gantry", web(undefined), { at: 1 });
    expect(left.spec?.replicas).toBe(1);
    expect(entryOf(left, "gantry")).toBeUndefined();
  });
});

describe("fields that are no longer applied", () => {
  test("go, and everything unowned below them", () => {
    const probe = { httpGet: { path: "/", port: 80 } };
    const live = applied(
      undefined,
      "gantry",
      web(
        { replicas: 2, ...containers({ name: "web", image: "web:1", livenessProbe: probe }) },
        {
          labels: { app: "web", tier: "front" },
        },
      ),
    );
    expect(live.spec?.template?.spec?.containers[0]?.livenessProbe?.periodSeconds).toBe(10);
    const next = apply(
      live,
      "gantry",
      web(containers({ name: "web", image: "web:1" }), { labels: { app: "web" } }),
    ).object;
    expect(next.spec).not.toHaveProperty("replicas");
    expect(next.spec?.template?.spec?.containers[0]).not.toHaveProperty("livenessProbe");
    expect(next.metadata.labels).toEqual({ app: "web" });
  });

  test("leave no empty objects behind", () => {
    const live = applied(
      undefined,
      "gantry",
      web({ strategy: { rollingUpdate: { maxSurge: 1 } } }, { labels: { a: "1" } }),
    );
    const next = apply(live, "gantry", web({ paused: true })).object;
    expect(next.metadata).not.toHaveProperty("labels");
    expect(next.spec).not.toHaveProperty("strategy");
  });

  test("take elements of lists with them, defaults included", () => {
    const live = applied(
      undefined,
      "gantry",
      web(
        containers(
          { name: "web", image: "w", ports: [{ containerPort: 80 }, { containerPort: 81 }] },
          { name: "side", image: "s" },
        ),
      ),
    );
    const next = applied(
      live,
      "gantry",
      web(containers({ name: "web", image: "w", ports: [{ containerPort: 81 }] })),
    );
    expect(next.spec?.template?.spec?.containers.map((c) => c.name)).toEqual(["web"]);
    expect(next.spec?.template?.spec?.containers[0]?.ports).toEqual([
      { containerPort: 81, protocol: "TCP" },
    ]);
  });

  test("stay where somebody else owns them or something below them", () => {
    let live = applied(
      undefined,
      "gantry",
      web({ strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1 } } }),
    );
    live = updated(live, "editor", {
      ...live,
      spec: {
        ...live.spec,
        strategy: { ...live.spec?.strategy, rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      },
    });
    const next = apply(live, "gantry", web({ paused: true })).object;
    expect(next.spec?.strategy).toEqual({ rollingUpdate: { maxUnavailable: 0 } });
  });

  test("fields that nobody owns stay", () => {
    const live = applied(undefined, "gantry", web({ replicas: 1 }));
    expect(live.spec?.progressDeadlineSeconds).toBe(600);
    const next = apply(live, "gantry", web({ paused: true })).object;
    expect(next.spec?.progressDeadlineSeconds).toBe(600);
    expect(next.spec).not.toHaveProperty("replicas");
  });
});

describe("lists", () => {
  const names = (object: {
    spec?: { template?: { spec?: { containers?: { name: string }[] } } };
  }) => object.spec?.template?.spec?.containers?.map((container) => container.name);
  const list = (...all: string[]) => web(containers(...all.map((name) => ({ name, image: name }))));

  test("elements of others stay in front of the element that they preceded", () => {
    const live = applied(undefined, "other", list("a", "b", "c"));
    expect(names(applied(live, "gantry", list("c", "a")))).toEqual(["b", "c", "a"]);
    expect(names(applied(live, "gantry", list("new", "b")))).toEqual(["a", "new", "b", "c"]);
    expect(names(applied(live, "gantry", list("b", "new")))).toEqual(["a", "b", "c", "new"]);
  });

  test("a new order of the same elements is a change", () => {
    const live = applied(undefined, "gantry", list("a", "b"));
    const next = applied(live, "gantry", list("b", "a"), { at: 1 });
    expect(names(next)).toEqual(["b", "a"]);
    expect(entryOf(next, "gantry")?.time).toBe("2026-01-01T00:01:00Z");
  });

  test("sets gain and lose single values", () => {
    const live = applied(undefined, "other", web(undefined, { finalizers: ["a/a", "b/b"] }));
    const more = applied(live, "gantry", web(undefined, { finalizers: ["c/c"] }));
    expect(more.metadata.finalizers).toEqual(["a/a", "b/b", "c/c"]);
    const less = applied(more, "gantry", web(undefined, { finalizers: [] }));
    expect(less.metadata.finalizers).toEqual(["a/a", "b/b"]);
  });

  test("atomic lists are taken or left as a whole", () => {
    const live = applied(undefined, "other", web(containers({ name: "web", args: ["a"] })));
    const { conflicts } = apply(live, "gantry", web(containers({ name: "web", args: ["a", "b"] })));
    expect(conflicts.map(({ field }) => field)).toEqual([
      '.spec.template.spec.containers[name="web"].args',
    ]);
  });

  test("an element twice, or without its key, is refused", () => {
    expect(() => apply(undefined, "gantry", list("a", "a"))).toThrow(/duplicate entries for key/);
    expect(() => apply(undefined, "gantry", web(containers({ image: "x" })))).toThrow(
      /must have the fields that identify it: name/,
    );
  });

  test("duplicates that are stored already are kept, and become one when they are applied", () => {
    const env = [
      { name: "A", value: "1" },
      { name: "A", value: "2" },
      { name: "B", value: "3" },
    ];
    const live = updated(undefined, "old", web(containers({ name: "web", env })));
    const kept = applied(live, "gantry", web(containers({ name: "web", image: "web:1" })));
    expect(kept.spec?.template?.spec?.containers[0]?.env).toEqual(env);
    const one = applied(
      live,
      "gantry",
      web(containers({ name: "web", env: [{ name: "A", value: "9" }] })),
      { force: true },
    );
    expect(one.spec?.template?.spec?.containers[0]?.env).toEqual([
      { name: "A", value: "9" },
      { name: "B", value: "3" },
    ]);
  });
});

describe("objects that nobody was recorded for", () => {
  test("belong to before-first-apply, so that a first apply sees conflicts", () => {
    const live = stored(web({ replicas: 1, paused: true }, { uid: "u" }) as never);
    const { conflicts } = apply(live, "gantry", web({ replicas: 2 }));
    expect(conflictMessage(conflicts)).toBe(
      'Apply failed with 1 conflict: conflict with "before-first-apply" using apps/v1: .spec.replicas',
    );
    const next = applied(live, "gantry", web({ paused: true }));
    expect(next.metadata.managedFields?.map(({ manager }) => manager)).toEqual([
      "gantry",
      "before-first-apply",
    ]);
    const gone = applied(next, "gantry", web(undefined));
    expect(gone.spec?.paused).toBe(true);
  });

  test("before-first-apply does not own the status, which has its own endpoint", () => {
    const live = stored({
      ...web({ replicas: 1 }, { uid: "u" }),
      status: { replicas: 1 },
    } as never);
    const next = applied(live, "gantry", web({ replicas: 1 }));
    expect(JSON.stringify(fieldsOf(next, "before-first-apply"))).not.toContain("f:status");
  });
});

describe("endpoints", () => {
  const withStatus = (spec: unknown, status: unknown) => deepFreeze({ ...web(spec), status });

  test("the main one ignores the status, /status everything else", () => {
    const live = applied(undefined, "gantry", withStatus({ replicas: 1 }, { replicas: 9 }));
    expect(live).not.toHaveProperty("status");
    const observed = applied(live, "controller", withStatus({ replicas: 7 }, { replicas: 1 }), {
      subresource: "status",
    });
    expect(observed.spec?.replicas).toBe(1);
    expect(observed.status).toEqual({ replicas: 1 });
    expect(entryOf(observed, "controller")).toMatchObject({
      subresource: "status",
      fieldsV1: { "f:status": { "f:replicas": {} } },
    });
  });

  test("one manager has one entry per endpoint", () => {
    const live = applied(undefined, "gantry", web({ replicas: 1 }));
    const both = applied(live, "gantry", withStatus(undefined, { replicas: 1 }), {
      subresource: "status",
    });
    expect(both.metadata.managedFields).toHaveLength(2);
    expect(both.spec?.replicas).toBe(1);
  });
});

describe("what identifies an object or is kept by the server", () => {
  test("is never owned", () => {
    const object = applied(undefined, "gantry", {
      ...identity,
      metadata: {
        ...identity.metadata,
        creationTimestamp: null,
        uid: "u",
        resourceVersion: "1",
        generation: 1,
      },
    });
    expect(object.metadata).not.toHaveProperty("managedFields");
    expect(object.metadata).not.toHaveProperty("creationTimestamp");
  });

  test("is taken from the patch where it is a precondition", () => {
    const live = applied(undefined, "gantry", web({ replicas: 1 }));
    const next = apply(live, "gantry", web({ replicas: 1 }, { resourceVersion: "7" })).object;
    expect(next.metadata.resourceVersion).toBe("7");
  });
});

describe("refusals", () => {
  test.each([
    [{ ...web({}), apiVersion: "apps/v1beta1" }, /Incorrect version/],
    [web({}, { managedFields: [] }), /managedFields must be nil/],
    [
      JSON.parse(
        '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","labels":{"__proto__":"x"}}}',
      ),
      /not allowed/,
    ],
    [
      { ...web({}), spec: JSON.parse(`${'{"a":'.repeat(3_000)}1${"}".repeat(3_000)}`) as unknown },
      /nested deeper/,
    ],
  ])("patch %#", (patch: unknown, message) => {
    expect(() => apply(undefined, "gantry", patch)).toThrow(PatchError);
    expect(() => apply(undefined, "gantry", patch)).toThrow(message);
  });
});

describe("custom resources", () => {
  const widget = (spec: unknown) =>
    ({
      apiVersion: "example.com/v1",
      kind: "Widget",
      metadata: { name: "w", finalizers: ["a/a"] },
      spec,
    }) as never;
  const request = {
    apiVersion: "example.com/v1",
    nowIso: "2026-01-01T00:00:00Z",
    manager: "gantry",
  };

  test("without a schema merge as objects, replace lists, and keep typed metadata", () => {
    const { object } = applyPatch({
      ...request,
      live: undefined,
      patch: widget({ a: { b: [1] }, c: null }),
      schema: undefined,
    });
    expect(object).toMatchObject({ spec: { a: { b: [1] }, c: null } });
    expect(object.metadata.managedFields?.[0]?.fieldsV1).toEqual({
      "f:metadata": { "f:finalizers": { 'v:"a/a"': {} } },
      "f:spec": { ".": {}, "f:a": { ".": {}, "f:b": {} }, "f:c": {} },
    });
  });

  test("follow the list and map types of their schema", () => {
    const schema: Schema = {
      type: "object",
      properties: {
        spec: {
          type: "object",
          properties: {
            rules: {
              type: "array",
              "x-kubernetes-list-type": "map",
              "x-kubernetes-list-map-keys": ["host", "path"],
              items: {
                type: "object",
                properties: {
                  host: { type: "string" },
                  path: { type: "string", default: "/" },
                  to: { type: "string" },
                },
              },
            },
            whole: {
              type: "object",
              "x-kubernetes-map-type": "atomic",
              additionalProperties: { type: "string" },
            },
            maybe: { type: "string", nullable: true },
            free: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
          },
        },
      },
    };
    const spec = {
      rules: [{ host: "a", to: "x" }],
      whole: { k: "v" },
      maybe: null,
      free: { any: { thing: 1 } },
    };
    const { object } = applyPatch({ ...request, live: undefined, patch: widget(spec), schema });
    expect(object.metadata.managedFields?.[0]?.fieldsV1).toMatchObject({
      "f:spec": {
        "f:free": { "f:any": { ".": {}, "f:thing": {} } },
        "f:maybe": {},
        "f:rules": { 'k:{"host":"a","path":"/"}': { ".": {}, "f:host": {}, "f:to": {} } },
        "f:whole": {},
      },
    });
  });
});
