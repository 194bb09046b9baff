/**
 * Preparation, defaults and warnings run before types are checked: an object with anything anywhere
 * must come out of them unharmed, for the schema check to report.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Kind } from "../../../src/kube/kind.ts";
import { customResourceDefinitions } from "../../../src/kube/kinds/customresourcedefinition.ts";
import { deployments } from "../../../src/kube/kinds/deployment.ts";
import { namespaces } from "../../../src/kube/kinds/namespace.ts";
import { nodes } from "../../../src/kube/kinds/node.ts";
import { pods } from "../../../src/kube/kinds/pod.ts";
import { secrets } from "../../../src/kube/kinds/secret.ts";
import { services } from "../../../src/kube/kinds/service.ts";
import { deepFreeze } from "../../../src/kube/object.ts";
import { type Draft, draft } from "./checked.ts";

const podSpec = {
  hostNetwork: true,
  serviceAccount: "a",
  terminationGracePeriodSeconds: -1,
  containers: [
    {
      name: "app",
      image: "web:1",
      env: [{ name: "A" }, { name: "A" }],
      ports: [{ containerPort: 80 }],
      resources: { limits: { cpu: "1" }, requests: { memory: 1 } },
    },
  ],
  initContainers: [{ image: "x" }],
  volumes: [{ name: "v" }, { name: "w", emptyDir: { sizeLimit: "1024Mi" } }],
  tolerations: [{ key: "a" }],
};
const examples: [string, Kind, Draft][] = [
  ["Pod", pods, { spec: podSpec, status: {} }],
  [
    "Deployment",
    deployments,
    { spec: { strategy: { type: "Recreate", rollingUpdate: {} }, template: { spec: podSpec } } },
  ],
  [
    "Service",
    services,
    {
      spec: {
        type: "NodePort",
        clusterIP: "x",
        externalIPs: ["y"],
        sessionAffinity: "ClientIP",
        ports: [{ port: 1, nodePort: 2 }],
      },
    },
  ],
  ["Secret", secrets, { type: "Opaque", data: { a: "b" }, stringData: { c: "d" } }],
  ["Namespace", namespaces, { metadata: { labels: { a: "b" } }, spec: { finalizers: ["x"] } }],
  ["Node", nodes, { spec: {}, status: { capacity: { cpu: "1" }, allocatable: {} } }],
  [
    "CustomResourceDefinition",
    customResourceDefinitions,
    {
      spec: {
        names: { kind: "A" },
        conversion: { strategy: "None" },
        versions: [{ name: "v1", storage: true }],
      },
      status: { storedVersions: [] },
    },
  ],
];

/** Every place in a document: the keys that lead there. */
function places(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, child]) => places(child, [...path, key]))];
}
function replaced(value: unknown, [key, ...rest]: readonly string[], by: unknown): unknown {
  if (key === undefined) return by;
  if (Array.isArray(value)) {
    return value.map((item: unknown, index) =>
      String(index) === key ? replaced(item, rest, by) : item,
    );
  }
  const fields = value as Record<string, unknown>;
  return { ...fields, [key]: replaced(fields[key], rest, by) };
}

describe.each(examples)("%s", (_name, kind, example) => {
  const broken = fc
    .tuple(
      fc.constantFrom(
        ...places(example).filter((path) => path.length > 0 && path.join() !== "metadata"),
      ),
      fc.jsonValue({ maxDepth: 2 }),
    )
    .map(([path, by]) => draft(kind, replaced(example, path, by) as Draft));

  test("takes anything anywhere, and leaves its argument alone", () => {
    const { strategy } = kind;
    fc.assert(
      fc.property(broken, broken, (next, previous) => {
        deepFreeze(next);
        deepFreeze(previous);
        const prepared = strategy.prepareForCreate?.(next) ?? next;
        const updated = strategy.prepareForUpdate?.(next, draft(kind, example)) ?? next;
        strategy.prepareForUpdate?.(draft(kind, example), previous);
        const complete = strategy.default?.(prepared) ?? prepared;
        strategy.default?.(updated);
        strategy.warnings?.(next);
        expect(strategy.default?.(complete) ?? complete).toEqual(complete);
      }),
      { numRuns: 300 },
    );
  });
});
