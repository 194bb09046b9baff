import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type BlamedField, blameFields } from "../../../src/gitops/blame/blame-fields.ts";
import { findCommits, type ManifestVersion } from "../../../src/gitops/blame/find-commits.ts";
import type { Manifest } from "../../../src/gitops/render/manifest.ts";
import { render } from "../../../src/gitops/render/render.ts";
import type { CommitInfo } from "../../../src/gitops/source/source.ts";
import { deployments } from "../../../src/kube/kinds/deployment.ts";
import type { JsonObject } from "../../../src/kube/object.ts";
import { memoryTree } from "../memory-tree.ts";
import { OperatedCluster } from "../operated-cluster.ts";

const yaml = (image: string, replicas: number): string => `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: default
  labels:
    app.kubernetes.io/name: web
spec:
  replicas: ${replicas}
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
        - name: side
          image: side:1
        - name: web
          image: ${image}
`;
const manifestOf = async (text: string): Promise<Manifest> => {
  const [manifest] = (await render(memoryTree({ "apps/web.yaml": text }), { path: "" })).objects;
  if (manifest === undefined) throw new Error("nothing was rendered");
  return manifest;
};

let cluster: OperatedCluster;
beforeEach(async () => {
  cluster = await OperatedCluster.start();
});
afterEach(() => cluster.stop());

const key = { namespace: "default", name: "web" };
const applied = async (manifest: Manifest): Promise<void> => {
  const body = manifest.object as unknown as JsonObject;
  await cluster.client.patch(
    deployments,
    key,
    { type: "apply", body },
    { fieldManager: "gantry", force: true },
  );
};
const blamed = async (manifest: Manifest | undefined): Promise<Map<string, BlamedField>> => {
  const live = await cluster.client.get(deployments, key);
  return new Map(blameFields(live, manifest).map((entry) => [entry.field, entry]));
};

describe("blame", () => {
  it("gives a field of Git its file and line, list elements and odd keys included", async () => {
    const manifest = await manifestOf(yaml("web:1", 2));
    await applied(manifest);
    const fields = await blamed(manifest);
    const lineOf = (field: string): number | undefined => fields.get(field)?.place?.line;
    expect(lineOf("spec.replicas")).toBe(9);
    expect(lineOf('spec.template.spec.containers[name="web"].image')).toBe(20);
    expect(lineOf('spec.template.spec.containers[name="side"].image')).toBe(18);
    expect(lineOf("metadata.labels.app.kubernetes.io/name")).toBe(7);
    expect(fields.get("spec.replicas")?.place?.file).toBe("apps/web.yaml");
    expect(fields.get("spec.replicas")?.managers).toEqual([]);
    expect(fields.has("spec.template.spec")).toBe(false);
  });

  it("names who else set a field, and tells drift from an addition", async () => {
    const manifest = await manifestOf(yaml("web:1", 2));
    await applied(manifest);
    await cluster.client.patch(
      deployments,
      key,
      { type: "merge", body: { spec: { replicas: 5, minReadySeconds: 3 } } },
      { fieldManager: "kubectl-edit" },
    );
    const fields = await blamed(manifest);
    expect(fields.get("spec.replicas")).toMatchObject({
      value: 5,
      isDrift: true,
      place: { line: 9 },
      managers: [{ manager: "kubectl-edit" }],
    });
    expect(fields.get("spec.minReadySeconds")).toMatchObject({ value: 3, isDrift: false });
    expect(fields.get("spec.minReadySeconds")?.place).toBeUndefined();
  });
});

describe("the commit that set a field", () => {
  const commit = (id: string, parents: string[] = ["p"]): CommitInfo => ({
    id,
    author: { name: "ann", email: "a@example.com" },
    dateMs: 0,
    subject: id,
    parents,
  });
  async function* versions(
    list: readonly [string, string | undefined, string[]?][],
  ): AsyncIterable<ManifestVersion> {
    for (const [id, text, parents] of list)
      yield {
        commit: commit(id, parents),
        object: text === undefined ? undefined : (await manifestOf(text)).object,
      };
  }
  const replicas = ["f:spec", "f:replicas"];
  const image = ["f:spec", "f:template", "f:spec", "f:containers", 'k:{"name":"web"}', "f:image"];
  const find = async (
    list: readonly [string, string | undefined, string[]?][],
  ): Promise<(string | undefined)[]> =>
    (await findCommits([replicas, image], versions(list))).map((found) =>
      found === undefined ? undefined : found.commit.id + (found.isEndOfHistory ? "?" : ""),
    );

  it("is the newest whose parent had another value", async () => {
    expect(
      await find([
        ["c4", yaml("web:2", 2)],
        ["c3", yaml("web:2", 2)],
        ["c2", yaml("web:1", 2)],
        ["c1", yaml("web:1", 1)],
      ]),
    ).toEqual(["c2", "c3"]);
  });

  it("is the one that brought the object", async () => {
    expect(
      await find([
        ["c3", yaml("web:1", 1)],
        ["c2", yaml("web:1", 1)],
        ["c1", undefined],
      ]),
    ).toEqual(["c2", "c2"]);
  });

  it("is the first of all, or unknown where the history ends early", async () => {
    expect(await find([["c1", yaml("web:1", 1), []]])).toEqual(["c1", "c1"]);
    expect(await find([["c9", yaml("web:1", 1)]])).toEqual(["c9?", "c9?"]);
    expect(await find([])).toEqual([undefined, undefined]);
  });
});
