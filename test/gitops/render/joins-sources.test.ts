/** Several sources of one Application, and how each is rendered. */
import { expect, test } from "vitest";
import type { ApplicationSource } from "../../../src/kube/kinds/application.ts";
import {
  CONFIG_MAP,
  objectNamed,
  placesOf,
  renderFiles,
  renderSources,
  type SourceFields,
} from "./rendered-files.ts";

const CHART = {
  "web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
  "web/templates/x.yaml": CONFIG_MAP("charted"),
};

test("in their order; of what several define the last one counts, with a warning", async () => {
  const rendered = await renderSources([
    {
      files: { "a.yaml": CONFIG_MAP("one", "first"), "b.yaml": CONFIG_MAP("two", "first") },
      source: {},
    },
    { files: { "c.yaml": CONFIG_MAP("one", "second") }, source: {} },
    { files: CHART, source: { path: "web" } },
  ]);
  expect(rendered.errors).toEqual([]);
  expect(placesOf(rendered)).toEqual({
    "ConfigMap/two": "b.yaml:1",
    "ConfigMap/one": "c.yaml:1",
    "ConfigMap/charted": "web/templates/x.yaml:1",
  });
  expect(objectNamed(rendered, "one")["data"]).toEqual({ key: "second" });
  expect(rendered.warnings).toEqual([
    expect.stringMatching(
      /^a\.yaml:1:1: ConfigMap one is defined again by a later source, at c\.yaml:1/,
    ),
  ]);
});

test("a source that only lends its files is not rendered itself", async () => {
  const rendered = await renderSources([
    { files: { "a.yaml": CONFIG_MAP("one") }, source: {} },
    { files: { "b.yaml": CONFIG_MAP("not-me") }, source: { ref: "values" } },
    { files: { "c.yaml": CONFIG_MAP("me-too") }, source: { ref: "both", path: "" } },
  ]);
  expect(Object.keys(placesOf(rendered))).toEqual(["ConfigMap/one", "ConfigMap/me-too"]);
});

test("one part that is incomplete makes the whole so: nothing may be pruned", async () => {
  const rendered = await renderSources([
    { files: { "a.yaml": CONFIG_MAP("one") }, source: {} },
    { files: { "b.yaml": "kind: [" }, source: {} },
  ]);
  expect(rendered.complete).toBe(false);
});

test("a chart from a registry is at the root of its tree or in a folder of its name", async () => {
  const chart = { chart: "team/web", targetRevision: "1.0.0" };
  expect(objectNamed(await renderFiles(CHART, chart), "charted")).toBeDefined();
  const atRoot = {
    "Chart.yaml": CHART["web/Chart.yaml"],
    "templates/x.yaml": CHART["web/templates/x.yaml"],
  };
  expect(objectNamed(await renderFiles(atRoot, chart), "charted")).toBeDefined();
});

test.each<[string, SourceFields, RegExp]>([
  ["two kinds", { path: "web", helm: {}, kustomize: {} }, /both as kustomize and as helm/],
  [
    "a chart that is a directory",
    { chart: "web", directory: {} },
    /both as directory and as chart/,
  ],
  [
    "kustomize without a kustomization",
    { path: "web", kustomize: {} },
    /"web" has no kustomization\.yaml/,
  ],
  ["helm without a chart", { path: "plain", helm: {} }, /"plain" has no Chart\.yaml/],
])("%s is a contradiction", async (_what, source, message) => {
  const files = { ...CHART, "plain/x.yaml": CONFIG_MAP("x") };
  const { errors, complete } = await renderFiles(files, source as ApplicationSource);
  expect(errors.join()).toMatch(message);
  expect(complete).toBe(false);
});

test("a folder that is said to be plain is plain, whatever other tools' files it has", async () => {
  const files = {
    "kustomization.yaml": "resources: [x.yaml]\nnamePrefix: never-\n",
    "x.yaml": CONFIG_MAP("x"),
  };
  const rendered = await renderFiles(files, { directory: { recurse: false } });
  expect(rendered.errors).toEqual([]);
  expect(Object.keys(placesOf(rendered))).toEqual(["ConfigMap/x"]);
});
