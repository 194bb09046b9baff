import type { Volume } from "kubernetes-types/core/v1";
import { describe, expect, it } from "vitest";
import type { Pod } from "../../../../src/kube/kinds/pod.ts";
import { volumePayload } from "../../../../src/engine/node/volumes/volume-payload.ts";
import { data, facts, podWith } from "../env/env-fixture.ts";

const content = data({ settings: { a: "A", b: "B" } }, { keys: { token: "T" } });
const { pod } = podWith(
  { resources: { limits: { cpu: "2" } } },
  { metadata: { labels: { tier: "front", app: "web" }, annotations: { note: 'say "hi"' } } },
);
function files(
  volume: Omit<Volume, "name">,
  of: Pod = pod,
): Record<string, [string, string]> | undefined {
  const tokenFor = ({ audience = "the API" }: { audience?: string }) => `token for ${audience}`;
  const inputs = { pod: of, data: content, node: facts, tokenFor };
  const payload = volumePayload({ name: "v", ...volume }, inputs);
  return (
    payload &&
    Object.fromEntries(
      [...payload].map(([path, { bytes, mode }]) => [path, [bytes.toString(), mode.toString(8)]]),
    )
  );
}

describe("ConfigMaps and Secrets", () => {
  it("become one file per key", () => {
    expect(files({ configMap: { name: "settings" } })).toEqual({
      a: ["A", "644"],
      b: ["B", "644"],
    });
    expect(files({ secret: { secretName: "keys", defaultMode: 0o400 } })).toEqual({
      token: ["T", "400"],
    });
  });
  it("can be narrowed to items with paths and modes", () => {
    const items = [
      { key: "b", path: "dir/file", mode: 0o600 },
      { key: "a", path: "a" },
    ];
    expect(files({ configMap: { name: "settings", items } })).toEqual({
      "dir/file": ["B", "600"],
      a: ["A", "644"],
    });
  });
  it("that are missing are an error, unless optional", () => {
    expect(() => files({ configMap: { name: "none" } })).toThrow('configmap "none" not found');
    expect(() => files({ secret: { secretName: "none" } })).toThrow('secret "none" not found');
    expect(files({ configMap: { name: "none", optional: true } })).toEqual({});
  });
  it("without an asked-for key are an error, unless optional", () => {
    const items = [{ key: "c", path: "c" }];
    expect(() => files({ configMap: { name: "settings", items } })).toThrow(/has no key "c"/);
    expect(files({ configMap: { name: "settings", items, optional: true } })).toEqual({});
  });
  it.each(["../up", "/abs", "a/../../b", ""])("never reach out of the volume: %j", (path) => {
    const items = [{ key: "a", path }];
    expect(() => files({ configMap: { name: "settings", items } })).toThrow(/leaves its volume/);
  });
});

it("downward API files show labels, annotations and resources", () => {
  const items = [
    { path: "labels", fieldRef: { fieldPath: "metadata.labels" } },
    { path: "annotations", fieldRef: { fieldPath: "metadata.annotations" } },
    { path: "cpu", resourceFieldRef: { containerName: "web", resource: "limits.cpu" } },
  ];
  expect(files({ downwardAPI: { items } })).toEqual({
    labels: ['app="web"\ntier="front"', "644"],
    annotations: ['note="say \\"hi\\""', "644"],
    cpu: ["2", "644"],
  });
});

it("projected volumes put sources together, later ones winning", () => {
  const sources = [
    { configMap: { name: "settings" } },
    { secret: { name: "keys", items: [{ key: "token", path: "a" }] } },
    { downwardAPI: { items: [{ path: "name", fieldRef: { fieldPath: "metadata.name" } }] } },
  ];
  expect(files({ projected: { sources, defaultMode: 0o440 } })).toEqual({
    a: ["T", "440"],
    b: ["B", "440"],
    name: ["web-0", "440"],
  });
});

it("other volumes are not made of API objects", () => {
  expect(files({ emptyDir: {} })).toBeUndefined();
  expect(files({ hostPath: { path: "/tmp" } })).toBeUndefined();
});
