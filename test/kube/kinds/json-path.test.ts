import { describe, expect, test } from "vitest";
import { JsonPathError, parseJsonPath } from "../../../src/kube/kinds/json-path.ts";

const document = {
  metadata: { name: "web", labels: { "a.b/c": "x" } },
  spec: { replicas: 3, hosts: ["a", "b", "c"], on: true },
  status: {
    conditions: [
      { type: "Ready", status: "True", weight: 1 },
      { type: "Synced", status: "False", weight: 5, note: "late" },
    ],
  },
};
const at = (path: string) => parseJsonPath(path)(document);

describe("a path leads to", () => {
  test.each<[path: string, values: unknown[]]>([
    [".metadata.name", ["web"]],
    ["{.metadata.name}", ["web"]],
    ["$.metadata.name", ["web"]],
    [".spec.hosts", [["a", "b", "c"]]],
    [".spec.hosts[0]", ["a"]],
    [".spec.hosts[-1]", ["c"]],
    [".spec.hosts[9]", []],
    [".spec.hosts[*]", ["a", "b", "c"]],
    [".spec.hosts[1:]", ["b", "c"]],
    [".spec.hosts[:1]", ["a"]],
    [".metadata.labels.a\\.b/c", ["x"]],
    [".metadata.labels['a.b/c']", ["x"]],
    [".metadata['name','none']", ["web"]],
    [".spec.*", [3, ["a", "b", "c"], true]],
    ["..type", ["Ready", "Synced"]],
    ['.status.conditions[?(@.type=="Ready")].status', ["True"]],
    [".status.conditions[?(@.type == 'None')].status", []],
    [".status.conditions[?(@.type!='Ready')].type", ["Synced"]],
    [".status.conditions[?(@.weight>1)].type", ["Synced"]],
    [".status.conditions[?(@.weight<=1)].type", ["Ready"]],
    [".status.conditions[?(@.note)].type", ["Synced"]],
    [".spec.hosts[?(@=='b')]", ["b"]],
    [".spec.none.deeper", []],
    [".spec.replicas.deeper", []],
    [".constructor", []],
  ])("%s", (path, values) => {
    expect(at(path)).toEqual(values);
  });
});

test.each([
  "",
  "name",
  ".",
  ".a[",
  ".a[x]",
  ".a[?(@.b==x)]",
  "a.b",
  ".a..",
  `.${"a".repeat(2000)}`,
])("%j is refused", (path) => {
  expect(() => parseJsonPath(path)).toThrow(JsonPathError);
});

test("an error says where", () => {
  expect(() => parseJsonPath(".a.b[x]")).toThrow(/character 5/);
});
