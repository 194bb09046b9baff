/** What holds for every kind, so that a further one is its file and a line in the registry. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Kind } from "../../../src/kube/kind.ts";
import { builtinKinds, kindFor } from "../../../src/kube/kinds/index.ts";
import { apiVersionOf, type KubeObject } from "../../../src/kube/object.ts";
import { draft } from "./checked.ts";

const FOLDER = join(import.meta.dirname, "../../../src/kube/kinds");
const fileNames = readdirSync(FOLDER).filter((name) => name.endsWith(".ts"));
const kinds = builtinKinds.map((kind): [string, Kind] => [kind.kind, kind]);
const json = fc.jsonValue({ maxDepth: 4 });

/** Those that upstream has in other versions than v1. */
const VERSIONS: Readonly<Record<string, readonly string[]>> = {
  ReferenceGrant: ["v1beta1"],
  HorizontalPodAutoscaler: ["v1", "v2"],
};

function looksLikeKind(value: unknown): value is Kind {
  return typeof value === "object" && value !== null && "plural" in value && "strategy" in value;
}

describe.each(kinds)("%s", (_name, kind) => {
  test("is found by apiVersion and kind", () => {
    expect(kindFor(apiVersionOf(kind), kind.kind)).toBe(kind);
  });

  test("lives in the file that its singular name says", () => {
    expect(fileNames).toContain(`${kind.singular}.ts`);
  });

  test("has names as URLs and kubectl need them", () => {
    expect(kind.plural).toMatch(/^[a-z]+$/);
    expect([
      `${kind.kind.toLowerCase()}s`,
      `${kind.kind.toLowerCase()}es`,
      kind.kind.toLowerCase().replace(/y$/, "ies"),
      kind.kind.toLowerCase(),
    ]).toContain(kind.plural);
    expect(kind.singular).toBe(kind.kind.toLowerCase());
    expect(VERSIONS[kind.kind] ?? ["v1"]).toContain(kind.version);
  });

  test("has a schema of its own group, version and kind", () => {
    expect(kind.schema.type).toBe("object");
    expect(kind.schema["x-kubernetes-group-version-kind"]).toContainEqual({
      group: kind.group,
      version: kind.version,
      kind: kind.kind,
    });
    expect(Object.keys(kind.schema.properties ?? {})).toEqual(
      expect.arrayContaining(["apiVersion", "kind", "metadata"]),
    );
  });

  test("has a status subresource exactly where its schema has a status", () => {
    const hasStatus = kind.schema.properties?.status !== undefined;
    expect(kind.subresources?.status === true).toBe(hasStatus);
  });

  test("shows a bare object: every column has a cell, a name and a description", () => {
    const bare = draft(kind, { involvedObject: {}, addressType: "IPv4" });
    expect(kind.columns.length).toBeGreaterThanOrEqual(2);
    expect(new Set(kind.columns.map(({ name }) => name)).size).toBe(kind.columns.length);
    expect(kind.columns.filter(({ format }) => format === "name")).toHaveLength(1);
    const missing = kind.columns.filter(
      (column) => !["string", "number", "boolean"].includes(typeof column.cell(bare, { nowMs: 0 })),
    );
    expect(missing).toEqual([]);
  });

  test("reads every selectable field of a bare object as text", () => {
    const bare = draft(kind, { involvedObject: {}, addressType: "IPv4" });
    const unread = Object.entries(kind.selectableFields ?? {}).filter(
      ([, read]) => typeof read(bare) !== "string",
    );
    expect(unread).toEqual([]);
  });

  test("refuses names with slashes and spaces", () => {
    // Of roles any text that fits into a path is a name.
    const alsoRefused = kind.group === "rbac.authorization.k8s.io" ? [] : ["a b", "Ä"];
    const taken = ["a/b", "..", ...alsoRefused].filter(
      (name) => kind.strategy.validateName(name).length === 0,
    );
    expect(taken).toEqual([]);
    expect(kind.strategy.validateName("web-1")).toEqual([]);
  });

  test("prepares, defaults and warns of any JSON without failing or changing it", () => {
    const fields = Object.keys(kind.schema.properties ?? {}).filter((name) => name !== "metadata");
    const anyObject = fc.record(Object.fromEntries(fields.map((name) => [name, json])), {
      requiredKeys: [],
    });
    fc.assert(
      fc.property(anyObject, anyObject, (one, other) => {
        const [next, previous] = [draft(kind, one), draft(kind, other)];
        const image = JSON.stringify([next, previous]);
        const { strategy } = kind;
        for (const object of [next, strategy.prepareForCreate?.(next) ?? next]) {
          strategy.default?.(object);
          strategy.warnings?.(object);
        }
        strategy.prepareForUpdate?.(next, previous);
        expect(JSON.stringify([next, previous])).toBe(image);
      }),
      { numRuns: 60 },
    );
  });

  test("defaults settle: completing an object twice changes nothing", () => {
    const complete = (object: KubeObject): KubeObject => kind.strategy.default?.(object) ?? object;
    const once = complete(draft(kind, { spec: { template: { spec: { containers: [] } } } }));
    expect(complete(once)).toEqual(once);
  });
});

test("every kind file is registered", async () => {
  const registered = new Set<unknown>(builtinKinds);
  for (const name of fileNames) {
    const module: unknown = await import(join(FOLDER, name));
    const exported = Object.values(module as Record<string, unknown>).filter(looksLikeKind);
    expect(exported.filter((kind) => !registered.has(kind))).toEqual([]);
  }
});

test("no two kinds share a resource, a kind or a short name", () => {
  const ids = builtinKinds.map((kind) => `${apiVersionOf(kind)}/${kind.plural}`);
  const names = builtinKinds.map((kind) => `${apiVersionOf(kind)} ${kind.kind}`);
  const kept = builtinKinds.filter(({ storedAs }) => storedAs === undefined);
  const words = kept.flatMap(({ plural, singular, shortNames = [] }) => [
    ...new Set([plural, singular, ...shortNames]),
  ]);
  for (const list of [ids, names, words]) expect(new Set(list).size).toBe(list.length);
});
