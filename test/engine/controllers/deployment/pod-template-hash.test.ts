import { expect, test } from "vitest";
import {
  isSameTemplate,
  podTemplateHash,
} from "../../../../src/engine/controllers/deployment/pod-template-hash.ts";

const template = (image: string, labels: Record<string, string> = { app: "web" }) => ({
  metadata: { labels },
  spec: { containers: [{ name: "app", image }] },
});

test("equal templates have one hash, whatever the order of keys and the hash label", () => {
  const reordered = {
    spec: { containers: [{ image: "v1", name: "app" }] },
    metadata: { labels: { "pod-template-hash": "old", app: "web" }, annotations: {} },
  };
  expect(isSameTemplate(template("v1"), reordered)).toBe(true);
  expect(podTemplateHash(reordered)).toBe(podTemplateHash(template("v1")));
});

test("the hash of a template never changes between releases: pods would be replaced", () => {
  expect(podTemplateHash(template("v1"))).toMatchInlineSnapshot(`"n65cc7l"`);
});

test("different templates, and each collision, hash differently", () => {
  const hashes = new Set<string>();
  for (let i = 0; i < 2_000; i++) hashes.add(podTemplateHash(template(`v${i}`)));
  for (let i = 1; i < 10; i++) hashes.add(podTemplateHash(template("v1"), i));
  expect(hashes.size).toBe(2_009);
});

test("null and empty lists mean nothing, an empty object means something", () => {
  const volume = (extra: object) => ({
    spec: { containers: [], volumes: [{ name: "v", ...extra }] },
  });
  expect(isSameTemplate(volume({}), volume({ emptyDir: {} }))).toBe(false);
  const sparse = {
    metadata: { labels: { app: "web" } },
    spec: { containers: [{ name: "app", image: "v1", env: [] }] },
  };
  expect(isSameTemplate(template("v1"), sparse)).toBe(true);
  expect(isSameTemplate(template("v1"), template("v2"))).toBe(false);
});
