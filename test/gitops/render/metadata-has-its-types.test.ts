/** What everything after rendering relies on: one object whose metadata is of another type stops all. */
import { expect, test } from "vitest";
import { renderFiles } from "./rendered-files.ts";

const object = (apiVersion: string, kind: string, metadata: string): string =>
  `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata:\n  name: x\n  ${metadata}\n`;
/** With a schema, and without any. */
const KINDS = [
  ["v1", "ConfigMap"],
  ["example.com/v1", "Widget"],
] as const;

test.each([
  "annotations:",
  "labels:",
  "namespace:",
  "ownerReferences: ~",
  "creationTimestamp: null",
])("nothing is said by %s", async (metadata) => {
  for (const [apiVersion, kind] of KINDS) {
    const files = { "x.yaml": object(apiVersion, kind, metadata) };
    const { manifests, findings, complete } = await renderFiles(files, {});
    expect(findings).toEqual([]);
    expect(complete).toBe(true);
    expect(manifests[0]?.object.metadata).toEqual({ name: "x" });
  }
});

test.each<[string, string, number]>([
  ["annotations: []", "metadata.annotations must be a map", 5],
  ["annotations: text", "metadata.annotations must be a map", 5],
  ["annotations: {a: b, c: 1}", "metadata.annotations[c] must be text", 5],
  ["annotations:\n    a: b\n    c: true", "metadata.annotations[c] must be text", 7],
  ["annotations: {c: null}", "metadata.annotations[c] must be text", 5],
  ["annotations: {__proto__: 1}", "metadata.annotations[__proto__] must be text", 5],
  ["labels: {app: {x: y}}", "metadata.labels[app] must be text", 5],
  ["labels: text", "metadata.labels must be a map", 5],
  ["namespace: 5", "metadata.namespace must be text", 5],
  ["namespace: [a]", "metadata.namespace must be text", 5],
  ["ownerReferences: {}", "metadata.ownerReferences must be a list", 5],
  ["finalizers: x", "metadata.finalizers must be a list", 5],
])("%s is one finding, and the others are rendered", async (metadata, message, line) => {
  for (const [apiVersion, kind] of KINDS) {
    const { manifests, findings, complete } = await renderFiles(
      {
        "bad.yaml": object(apiVersion, kind, metadata),
        "good.yaml": object("v1", "ConfigMap", ""),
      },
      {},
    );
    expect(findings).toEqual([
      expect.objectContaining({
        severity: "error",
        rule: "manifest/metadata-type",
        file: "bad.yaml",
        line,
        message,
      }),
    ]);
    expect(manifests).toHaveLength(1);
    // What is left out may be in the cluster already: nothing is pruned for it.
    expect(complete).toBe(false);
  }
});
