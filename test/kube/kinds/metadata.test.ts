import { describe, expect, test } from "vitest";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import {
  ANNOTATIONS_MAX_BYTES,
  utf8Length,
  validateMetadata,
  validateMetadataUpdate,
} from "../../../src/kube/kinds/metadata.ts";
import { namespaces } from "../../../src/kube/kinds/namespace.ts";
import { draft, shown } from "./checked.ts";

const owner = { apiVersion: "apps/v1", kind: "ReplicaSet", name: "web", uid: "u1" };
const check = (metadata: object) =>
  shown(validateMetadata(draft(configMaps, { metadata }), configMaps));

describe("metadata", () => {
  test("is fine when complete", () => {
    const metadata = {
      labels: { app: "web", "example.com/tier": "" },
      annotations: { "Example.com/Any": "ü".repeat(10) },
      finalizers: ["orphan", "example.com/hold"],
      ownerReferences: [
        { ...owner, controller: true },
        { ...owner, uid: "u2" },
      ],
    };
    expect(check(metadata)).toEqual([]);
  });

  const bad: [what: string, metadata: object, fields: string[]][] = [
    ["no name", { name: "" }, ["metadata.name"]],
    ["a bad name", { name: "Web" }, ["metadata.name"]],
    ["a bad generateName", { name: "", generateName: "_" }, ["metadata.generateName"]],
    ["no namespace", { namespace: "" }, ["metadata.namespace"]],
    ["a bad namespace", { namespace: "a.b" }, ["metadata.namespace"]],
    ["a bad label key", { labels: { "a b": "x" } }, ["metadata.labels"]],
    ["a bad label value", { labels: { app: "a b" } }, ["metadata.labels[app]"]],
    ["a bad annotation key", { annotations: { "a/b/c": "" } }, ["metadata.annotations"]],
    ["a finalizer without domain", { finalizers: ["hold"] }, ["metadata.finalizers[0]"]],
    [
      "contradicting finalizers",
      { finalizers: ["orphan", "foregroundDeletion"] },
      ["metadata.finalizers"],
    ],
    [
      "an owner without uid",
      { ownerReferences: [{ ...owner, uid: "" }] },
      ["metadata.ownerReferences[0].uid"],
    ],
    [
      "an Event as owner",
      { ownerReferences: [{ ...owner, apiVersion: "v1", kind: "Event" }] },
      ["metadata.ownerReferences[0]"],
    ],
    [
      "two controllers",
      {
        ownerReferences: [
          { ...owner, controller: true },
          { ...owner, uid: "u2", controller: true },
        ],
      },
      ["metadata.ownerReferences"],
    ],
    ["a negative generation", { generation: -1 }, ["metadata.generation"]],
  ];
  test.each(bad)("%s is refused", (_what, metadata, fields) => {
    expect(check(metadata).map((text) => text.split(": ")[0])).toEqual(fields);
  });

  test("annotations are bounded together, in bytes", () => {
    const fits = "ü".repeat((ANNOTATIONS_MAX_BYTES - 2) / 2);
    expect(check({ annotations: { ab: fits } })).toEqual([]);
    expect(check({ annotations: { ab: `${fits}x` } })).toEqual([
      "metadata.annotations: Too long: may not be more than 262144 bytes",
    ]);
  });

  test("a cluster-scoped object has no namespace", () => {
    const object = draft(namespaces, { metadata: { namespace: "default" } });
    expect(shown(validateMetadata(object, namespaces))).toEqual([
      "metadata.namespace: Forbidden: not allowed on this type",
    ]);
  });

  test("bytes are counted as UTF-8 has them", () => {
    const texts = ["", "a", "ü", "€", "😀", "a😀é", "\ud800"];
    const encoded = texts.map((text) => new TextEncoder().encode(text).length);
    expect(texts.map(utf8Length)).toEqual(encoded);
  });
});

describe("an update of metadata", () => {
  const before = draft(configMaps, {
    metadata: { uid: "u1", generation: 2, creationTimestamp: "t" },
  });
  const change = (metadata: object) =>
    shown(
      validateMetadataUpdate({ ...before, metadata: { ...before.metadata, ...metadata } }, before),
    );

  test("may change labels, annotations and finalizers", () => {
    expect(change({ labels: { a: "b" }, annotations: { a: "b" }, finalizers: ["a.b/c"] })).toEqual(
      [],
    );
  });
  test.each(["name", "namespace", "uid", "creationTimestamp", "deletionTimestamp"])(
    "may not change %s",
    (field) => {
      expect(change({ [field]: "other" })).toEqual([
        `metadata.${field}: Invalid value: "other": field is immutable`,
      ]);
    },
  );
  test("may not lower the generation", () => {
    expect(change({ generation: 1 })).toHaveLength(1);
  });
  test("may not add finalizers to an object that is being deleted, only remove them", () => {
    const deletionTimestamp = "2026-01-01T00:00:00Z";
    const going = {
      ...before,
      metadata: { ...before.metadata, deletionTimestamp, finalizers: ["a.b/c"] },
    };
    const more = { ...going, metadata: { ...going.metadata, finalizers: ["a.b/c", "a.b/d"] } };
    const fewer = { ...going, metadata: { ...going.metadata, finalizers: [] } };
    expect(shown(validateMetadataUpdate(more, going))[0]).toContain('["a.b/d"]');
    expect(validateMetadataUpdate(fewer, going)).toEqual([]);
  });
});
