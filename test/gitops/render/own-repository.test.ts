import { expect, test } from "vitest";
import { inOwnRepository } from "../../../src/gitops/render/own-repository.ts";
import { render } from "../../../src/gitops/render/render.ts";
import { memoryTree } from "../memory-tree.ts";

const rendered = async (...objects: readonly object[]) =>
  (
    await render(
      memoryTree({ "a.yaml": objects.map((one) => JSON.stringify(one)).join("\n---\n") }),
      { path: "" },
    )
  ).objects;
const application = (spec: object, name = "a") => ({
  apiVersion: "gantry.dev/v1",
  kind: "Application",
  metadata: { name },
  spec,
});
const own = { repoURL: "https://example.com/own.git", targetRevision: "release" };

test("repoURL: . becomes the repository of the declaration, at the same revision", async () => {
  const [first, second] = inOwnRepository(
    await rendered(
      application({ source: { repoURL: ".", path: "x" } }),
      application(
        {
          sources: [{ repoURL: ".", targetRevision: "v1" }, { repoURL: "https://other" }],
        },
        "b",
      ),
    ),
    own,
  );
  expect(first?.object).toMatchObject({ spec: { source: { ...own, path: "x" } } });
  expect(second?.object).toMatchObject({
    spec: {
      sources: [{ repoURL: own.repoURL, targetRevision: "v1" }, { repoURL: "https://other" }],
    },
  });
  expect(first?.positionOf("spec.source")).toEqual({
    line: 1,
    column: expect.any(Number) as number,
  });
});

test("generators and templates of ApplicationSets are filled in, too", async () => {
  const set = {
    apiVersion: "gantry.dev/v1",
    kind: "ApplicationSet",
    metadata: { name: "s" },
    spec: {
      generators: [
        {
          matrix: {
            generators: [
              { git: { repoURL: ".", files: [{ path: "*" }] } },
              { list: { elements: [] } },
            ],
          },
        },
      ],
      template: { metadata: { name: "x" }, spec: { source: { repoURL: "." } } },
    },
  };
  const [filled] = inOwnRepository(await rendered(set), own);
  expect(filled?.object).toMatchObject({
    spec: {
      generators: [
        { matrix: { generators: [{ git: { repoURL: own.repoURL, revision: "release" } }, {}] } },
      ],
      template: { spec: { source: own } },
    },
  });
});

test("everything else is the same object as before", async () => {
  const manifests = await rendered(
    application({ source: { repoURL: "https://other" } }),
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c" }, data: { repoURL: "." } },
    {
      apiVersion: "argoproj.io/v1alpha1",
      kind: "Application",
      metadata: { name: "c" },
      spec: { source: { repoURL: "." } },
    },
  );
  const after = inOwnRepository(manifests, own);
  expect(after.map((manifest, at) => manifest === manifests[at])).toEqual([true, true, true]);
});
