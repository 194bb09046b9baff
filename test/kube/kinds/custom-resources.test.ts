/** From a CustomResourceDefinition to a kind like any other. */
import { describe, expect, test } from "vitest";
import { customKind } from "../../../src/kube/kinds/custom.ts";
import {
  type CustomResourceDefinition,
  customResourceDefinitions,
} from "../../../src/kube/kinds/customresourcedefinition.ts";
import { applyDefaults } from "../../../src/kube/schema/defaults.ts";
import { prune } from "../../../src/kube/schema/prune.ts";
import { validate } from "../../../src/kube/schema/validate.ts";
import { cells, completed, type Draft, draft, problems, shown } from "./checked.ts";

const openAPIV3Schema = {
  type: "object",
  required: ["spec"],
  properties: {
    spec: {
      type: "object",
      required: ["color"],
      properties: {
        color: { type: "string", enum: ["red", "green"] },
        size: { type: "integer", default: 3, minimum: 1 },
        tags: { type: "array", items: { type: "string" } },
        replicas: { type: "integer" },
      },
    },
    status: {
      type: "object",
      properties: {
        replicas: { type: "integer" },
        since: { type: "string" },
        ok: { type: "boolean" },
      },
    },
  },
};
const version = {
  name: "v1",
  served: true,
  storage: true,
  schema: { openAPIV3Schema },
  subresources: {
    status: {},
    scale: { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.replicas" },
  },
  selectableFields: [{ jsonPath: ".spec.color" }, { jsonPath: ".spec.size" }],
  additionalPrinterColumns: [
    { name: "Color", type: "string", jsonPath: ".spec.color" },
    { name: "Tags", type: "string", jsonPath: ".spec.tags[*]", priority: 1 },
    { name: "Size", type: "integer", jsonPath: ".spec.size" },
    { name: "OK", type: "boolean", jsonPath: ".status.ok" },
    { name: "Since", type: "date", jsonPath: ".status.since" },
  ],
};
const spec = {
  group: "example.com",
  scope: "Namespaced",
  names: { plural: "lamps", kind: "Lamp", shortNames: ["lp"], categories: ["all"] },
  versions: [version],
};
const metadata = { name: "lamps.example.com" };
const withVersion = (changed: Draft) => ({ ...spec, versions: [{ ...version, ...changed }] });
const check = (changed: Draft) =>
  problems(customResourceDefinitions, { metadata, spec: { ...spec, ...changed } });

function lampKind(changed: Draft = {}) {
  const definition = completed(customResourceDefinitions, { metadata, spec: withVersion(changed) });
  const kind = customKind(definition, "v1");
  if (kind === undefined) throw new Error("the version is not there");
  return kind;
}

describe("a CustomResourceDefinition", () => {
  test("is fine when complete, and gets its other names", () => {
    expect(check({})).toEqual([]);
    const definition = completed(customResourceDefinitions, { metadata, spec });
    expect(definition.spec.names).toMatchObject({ singular: "lamp", listKind: "LampList" });
    expect(definition.spec.conversion).toEqual({ strategy: "None" });
    expect(definition.status?.storedVersions).toEqual(["v1"]);
  });

  const V = "spec.versions[0]";
  const bad: [what: string, changed: Draft, expected: string][] = [
    [
      "another name than its resource",
      { names: { ...spec.names, plural: "lights" } },
      'metadata.name: Invalid value: "lamps.example.com": must be spec.names.plural+"."+spec.group (lights.example.com)',
    ],
    ["an unknown scope", { scope: "World" }, 'spec.scope: Unsupported value: "World"'],
    [
      "a singular in upper case",
      { names: { ...spec.names, singular: "LAMP" } },
      'spec.names.singular: Invalid value: "LAMP"',
    ],
    [
      "a list of its own kind",
      { names: { ...spec.names, listKind: "Lamp" } },
      "spec.names.listKind",
    ],
    [
      "a bad short name",
      { names: { ...spec.names, shortNames: ["L"] } },
      "spec.names.shortNames[0]",
    ],
    ["no versions", { versions: [] }, "spec.versions: Required value"],
    [
      "no storage version",
      withVersion({ storage: false }),
      "spec.versions: Invalid value: []: must have exactly one version marked as storage version",
    ],
    [
      "two storage versions",
      { versions: [version, { ...version, name: "v2" }] },
      "must have exactly one version marked as storage version",
    ],
    [
      "a version twice",
      { versions: [version, { ...version, storage: false }] },
      "must contain unique version names",
    ],
    [
      "no schema",
      withVersion({ schema: undefined, selectableFields: undefined }),
      `${V}.schema.openAPIV3Schema: Required value: schemas are required`,
    ],
    [
      "a schema of a list",
      withVersion({ schema: { openAPIV3Schema: { ...openAPIV3Schema, type: "array" } } }),
      `${V}.schema.openAPIV3Schema`,
    ],
    [
      "a column without type",
      withVersion({ additionalPrinterColumns: [{ name: "A", type: "", jsonPath: ".a" }] }),
      `${V}.additionalPrinterColumns[0].type: Required value`,
    ],
    [
      "a column of an unknown type",
      withVersion({ additionalPrinterColumns: [{ name: "A", type: "text", jsonPath: ".a" }] }),
      `${V}.additionalPrinterColumns[0].type: Unsupported value`,
    ],
    [
      "a column without a path that can be read",
      withVersion({ additionalPrinterColumns: [{ name: "A", type: "string", jsonPath: "a[" }] }),
      `${V}.additionalPrinterColumns[0].jsonPath`,
    ],
    [
      "a scale path outside the spec",
      withVersion({
        subresources: {
          scale: { specReplicasPath: ".replicas", statusReplicasPath: ".status.replicas" },
        },
      }),
      `${V}.subresources.scale.specReplicasPath`,
    ],
    [
      "a selectable field that the schema lacks",
      withVersion({ selectableFields: [{ jsonPath: ".spec.weight" }] }),
      `${V}.selectableFields[0].jsonPath`,
    ],
    [
      "a selectable list",
      withVersion({ selectableFields: [{ jsonPath: ".spec.tags" }] }),
      `${V}.selectableFields[0].jsonPath: Unsupported value: "array"`,
    ],
    [
      "selectable metadata",
      withVersion({ selectableFields: [{ jsonPath: ".metadata.uid" }] }),
      `${V}.selectableFields[0].jsonPath`,
    ],
    [
      "a deprecation text without deprecation",
      withVersion({ deprecationWarning: "old" }),
      `${V}.deprecationWarning`,
    ],
    ["open fields everywhere", { preserveUnknownFields: true }, "spec.preserveUnknownFields"],
    [
      "a webhook without address",
      { conversion: { strategy: "Webhook" } },
      "spec.conversion.webhook: Required value",
    ],
  ];
  test.each(bad)("is refused for %s", (_what, changed, expected) => {
    const found = check(changed);
    expect(found.join("\n")).toContain(expected);
    expect(found).toHaveLength(1);
  });

  test("needs a word of approval in Kubernetes' own groups", () => {
    const of = (annotations: Draft) =>
      problems(customResourceDefinitions, {
        metadata: { name: "lamps.lights.k8s.io", annotations },
        spec: { ...spec, group: "lights.k8s.io" },
      });
    expect(of({})[0]).toContain("metadata.annotations[api-approved.kubernetes.io]: Required value");
    expect(of({ "api-approved.kubernetes.io": "unapproved" })).toEqual([]);
  });

  test("keeps group, kind and scope, and every version that objects are stored in", () => {
    const previous = completed(customResourceDefinitions, { metadata, spec });
    const change = (changed: Draft): string[] => {
      const written = {
        ...previous,
        spec: { ...previous.spec, ...changed },
      } as CustomResourceDefinition;
      const { prepareForUpdate, validateUpdate } = customResourceDefinitions.strategy;
      return shown(
        validateUpdate?.(prepareForUpdate?.(written, previous) ?? written, previous) ?? [],
      );
    };
    expect(change({})).toEqual([]);
    expect(change({ scope: "Cluster" })[0]).toContain("spec.scope: Invalid value");
    expect(change({ group: "a.b" })[0]).toContain("spec.group: Invalid value");
    expect(change({ versions: [{ ...version, name: "v2" }] })).toEqual([
      'status.storedVersions[0]: Invalid value: "v1": must appear in spec.versions',
    ]);
    expect(
      change({
        versions: [
          { ...version, storage: false },
          { ...version, name: "v2" },
        ],
      }),
    ).toEqual([]);
  });

  test("shows when it was created, as a time", () => {
    const creationTimestamp = "2026-01-01T00:00:00Z";
    const object = draft(customResourceDefinitions, { metadata: { creationTimestamp }, spec });
    expect(cells(customResourceDefinitions, object)["Created At"]).toBe(creationTimestamp);
  });
});

describe("the kind of a version", () => {
  test("has the names, scope and subresources of the definition", () => {
    expect(lampKind()).toMatchObject({
      group: "example.com",
      version: "v1",
      kind: "Lamp",
      plural: "lamps",
      singular: "lamp",
      namespaced: true,
      shortNames: ["lp"],
      categories: ["all"],
      subresources: { status: true, scale: { specReplicasPath: ".spec.replicas" } },
      strategy: { allowUnconditionalUpdate: false },
    });
    expect(lampKind({ subresources: undefined }).subresources).toBeUndefined();
  });

  test("is undefined for a version that the definition lacks", () => {
    const definition = completed(customResourceDefinitions, { metadata, spec });
    expect(customKind(definition, "v2")).toBeUndefined();
  });

  test("validates, defaults and prunes through its schema, metadata included", () => {
    const { schema } = lampKind();
    const object = { metadata: { name: "desk", labels: {} }, spec: { color: "red", wattage: 60 } };
    expect(applyDefaults(schema, prune(schema, object))).toEqual({
      metadata: { name: "desk", labels: {} },
      spec: { color: "red", size: 3 },
    });
    const wrong = { metadata: { labels: { a: 1 } }, spec: { color: "blue", size: 0 } };
    expect(
      validate(schema, wrong)
        .map(({ field }) => field)
        .toSorted(),
    ).toEqual(
      ["metadata.labels.a", "spec.color", "spec.size"]
        .map((field) => (field === "metadata.labels.a" ? "metadata.labels[a]" : field))
        .toSorted(),
    );
  });

  test("shows the columns of the definition, typed", () => {
    const kind = lampKind();
    const object = draft(kind, {
      spec: { color: "red", tags: ["a", "b"], size: 2.9 },
      status: { ok: false, since: "2025-12-31T23:58:00Z" },
    });
    expect(cells(kind, object)).toEqual({
      Name: "web",
      Color: "red",
      Tags: "a b",
      Size: 2,
      OK: false,
      Since: "2m",
    });
    expect(cells(kind, draft(kind))).toEqual({
      Name: "web",
      Color: null,
      Tags: null,
      Size: null,
      OK: null,
      Since: null,
    });
    const odd = draft(kind, {
      spec: { color: { r: 1 }, size: "big" },
      status: { since: "then", ok: "yes" },
    });
    expect(cells(kind, odd)).toMatchObject({
      Color: '{"r":1}',
      Size: null,
      OK: null,
      Since: "<invalid>",
    });
    expect(kind.columns.map(({ priority }) => priority ?? 0)).toEqual([0, 0, 1, 0, 0, 0]);
  });

  test("shows name and age when the definition says nothing", () => {
    const kind = lampKind({ additionalPrinterColumns: undefined });
    expect(kind.columns.map(({ name }) => name)).toEqual(["Name", "Age"]);
  });

  test("can be selected by the definition's fields", () => {
    const { selectableFields } = lampKind();
    const object = draft(lampKind(), { spec: { color: "red", size: 3 } });
    expect([
      selectableFields?.["spec.color"]?.(object),
      selectableFields?.["spec.size"]?.(object),
    ]).toEqual(["red", "3"]);
    expect(selectableFields?.["spec.color"]?.(draft(lampKind()))).toBe("");
  });

  test("warns when its version is deprecated", () => {
    const warnings = (changed: Draft) => lampKind(changed).strategy.warnings?.(draft(lampKind()));
    expect(warnings({})).toEqual([]);
    expect(warnings({ deprecated: true })).toEqual(["example.com/v1 Lamp is deprecated"]);
    expect(warnings({ deprecated: true, deprecationWarning: "use v2" })).toEqual(["use v2"]);
  });
});
