/**
 * Our definitions beside the OpenAPI document of Kubernetes 1.35, where that document is at hand. It
 * is compared with, never copied from.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { definition, type GroupVersionKind } from "../../../src/kube/schema/definitions.ts";
import type { Schema } from "../../../src/kube/schema/schema.ts";

const path =
  process.env["GANTRY_OPENAPI_REFERENCE"] ??
  join(import.meta.dirname, "../../../../shared/reference/openapi-1.35.json.gz");

const META = "io.k8s.apimachinery.pkg.apis.meta.v1.";
const APIEXTENSIONS = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.";

/** Versions that are off in a cluster unless asked for, and that the npm types do not have either. */
const UNSTABLE = /\.v\d+(alpha|beta)\d+\./;

/** Definition, or definition and field → why it differs. */
const ALLOWED: Readonly<Record<string, string>> = {
  [`${APIEXTENSIONS}JSON`]: "free-form: says so, to be kept when fields are pruned",
  [`${META}FieldsV1`]: "free-form: says so, to be kept when fields are pruned",
  [`${META}Patch`]: "free-form: says so, to be kept when fields are pruned",
  "io.k8s.apimachinery.pkg.runtime.RawExtension":
    "free-form: says so, to be kept when fields are pruned",
  [`${APIEXTENSIONS}JSONSchemaPropsOrArray`]: "names its members, to find unknown fields in them",
  [`${APIEXTENSIONS}JSONSchemaPropsOrBool`]: "names its members, to find unknown fields in them",
  [`${APIEXTENSIONS}JSONSchemaPropsOrStringArray`]:
    "names its members, to find unknown fields in them",
  "io.k8s.apimachinery.pkg.api.resource.Quantity": "has a format of its own, to be checked",
  "io.k8s.apimachinery.pkg.util.intstr.IntOrString":
    "OpenAPI v2 has no word for it but string; v3 and we do",
  [`${META}DeleteOptions`]: "upstream lists it as a kind of every group",
  [`${META}WatchEvent`]: "upstream lists it as a kind of every group",
  "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIServiceSpec.caBundle":
    "upstream marks it as an atomic list, which it is in Go only: in JSON it is a string",
};

/** Keywords that OpenAPI v2 does not tell and our overlay adds. */
const OURS = [
  "default",
  "enum",
  "description",
  "x-gantry-duplicates-allowed",
  "x-gantry-zero-is-absent",
];
/** What upstream's document has and nobody reads any more. */
const THEIRS = ["x-kubernetes-unions"];

function comparable(schema: Schema): unknown {
  const entries = Object.entries(schema)
    .filter(([key]) => ![...OURS, ...THEIRS, "properties", "required"].includes(key))
    .map(([key, value]: [string, unknown]) => [key, comparableValue(key, value)])
    .toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  return Object.fromEntries(entries);
}

function comparableValue(key: string, value: unknown): unknown {
  if (key === "$ref") return String(value).replace("#/definitions/", "");
  if (key === "items" || (key === "additionalProperties" && typeof value === "object"))
    return comparable(value as Schema);
  if (key === "x-kubernetes-group-version-kind")
    return (value as GroupVersionKind[]).map((gvk) => [gvk.group, gvk.version, gvk.kind]);
  return value;
}

function differences(name: string, theirs: Schema): string[] {
  const ours = definition(name);
  if (ours === undefined) return UNSTABLE.test(name) ? [] : [`${name}: missing`];
  const found: string[] = [];
  const compare = (where: string, a: unknown, b: unknown): void => {
    if (JSON.stringify(a) !== JSON.stringify(b))
      found.push(`${where}: ours ${JSON.stringify(a)}, theirs ${JSON.stringify(b)}`);
  };
  compare(name, comparable(ours), comparable(theirs));
  compare(name, ours.required?.toSorted(), theirs.required?.toSorted());
  const fields = new Set([
    ...Object.keys(ours.properties ?? {}),
    ...Object.keys(theirs.properties ?? {}),
  ]);
  for (const field of fields) {
    const own = ours.properties?.[field];
    const their = theirs.properties?.[field];
    compare(
      `${name}.${field}`,
      own === undefined ? undefined : comparable(own),
      their === undefined ? undefined : comparable(their),
    );
  }
  return found.filter((line) => !Object.hasOwn(ALLOWED, line.slice(0, line.indexOf(": "))));
}

function readReference(): Map<string, Schema> {
  const document = JSON.parse(gunzipSync(readFileSync(path)).toString()) as {
    definitions: Record<string, Schema>;
  };
  return new Map(Object.entries(document.definitions));
}

describe.skipIf(!existsSync(path))(`agreement with upstream (${path})`, () => {
  test("of fields, types, requirements, list, map and patch semantics", () => {
    const reference = readReference();
    expect(reference.size).toBeGreaterThan(700);
    expect([...reference].flatMap(([name, schema]) => differences(name, schema))).toEqual([]);
  });

  test("is complete but for the differences that are still there", () => {
    const reference = readReference();
    const idle = Object.keys(ALLOWED).filter((id) => {
      const name = reference.has(id) ? id : id.slice(0, id.lastIndexOf("."));
      const theirs = reference.get(name);
      const ours = definition(name);
      if (theirs === undefined || ours === undefined) return true;
      const field = id === name ? undefined : id.slice(name.length + 1);
      const pick = (schema: Schema): unknown =>
        comparable(field === undefined ? schema : (schema.properties?.[field] ?? {}));
      return JSON.stringify(pick(ours)) === JSON.stringify(pick(theirs));
    });
    expect(idle).toEqual([]);
  });
});
