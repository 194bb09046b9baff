import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { applyAs } from "./apply-as.ts";
import { configMap, type GitClone } from "./git-clone.ts";
import { application, GitEndpointFixture } from "./git-endpoint-fixture.ts";

let fixture: GitEndpointFixture;
let clone: GitClone;
let good: string;
beforeEach(async () => {
  fixture = await GitEndpointFixture.start();
  clone = await fixture.clone();
  good = await clone.commit({ "a.yaml": configMap("a", "1") });
  expect(await clone.push("main")).toMatchObject({ code: 0 });
});
afterEach(async () => {
  // Whatever was refused: nothing of it stays, and nothing was the server's fault.
  expect(readdirSync(join(fixture.repository, "quarantine"))).toEqual([]);
  expect(fixture.faults).toEqual([]);
  expect(await fixture.fsck()).toMatchObject({ code: 0 });
  await fixture.stop();
});

test("a manifest that cannot be read is refused with file, line and column, and the ref stays", async () => {
  await clone.commit({
    "b.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\n data: {}\n",
  });
  const { code, stderr } = await clone.push("main");
  expect(code).toBe(1);
  expect(stderr).toMatch(/remote: +✗ b\.yaml:5:\d+: /);
  expect(stderr).toContain("[remote rejected] main -> main (it would not work for default/shop)");
  expect(await fixture.ref()).toBe(good);
});

test("a field that does not exist is refused with its place and a suggestion", async () => {
  const text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\ndatta:\n  a: b\n";
  await clone.commit({ "deploy/b.yaml": text });
  const { stderr } = await clone.push("main");
  expect(stderr).toMatch(/✗ deploy\/b\.yaml:5:1: .*datta.*"data"/);
  expect(await fixture.ref()).toBe(good);
});

test("what only the API server can know is refused with the manifest's place", async () => {
  const immutable = `${configMap("fixed", "1")}immutable: true\n`;
  await applyAs(fixture.client, "gantry", immutable);
  await clone.commit({ "fixed.yaml": configMap("fixed", "2") });
  const { code, stderr } = await clone.push("main");
  expect(code).toBe(1);
  expect(stderr).toMatch(/✗ fixed\.yaml:1(:\d+)?: ConfigMap default\/fixed: .*immutable/);
  expect(await fixture.ref()).toBe(good);
});

test("an object in a namespace that nobody creates is refused, one in a pushed namespace is not", async () => {
  const inSpace = configMap("b", "1").replace("name: b", "name: b\n  namespace: space");
  await clone.commit({ "b.yaml": inSpace });
  expect((await clone.push("main")).stderr).toMatch(
    /✗ b\.yaml:1(:\d+)?: .*namespaces "space" not found/,
  );
  await clone.commit({
    "space.yaml": "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: space\n",
  });
  expect(await clone.push("main")).toMatchObject({ code: 0 });
});

test("one of several Applications of a repository is enough to refuse", async () => {
  const other = { repoURL: "gantry://default/shop.git", targetRevision: "main", path: "other" };
  fixture.applications.push(application("other", { source: other }));
  await clone.commit({ "a.yaml": configMap("a", "2"), "other/x.yaml": "kind: 1\n" });
  const { code, stderr } = await clone.push("main");
  expect(code).toBe(1);
  expect(stderr).toContain("Checking default/shop");
  expect(stderr).toMatch(/✗ other\/x\.yaml:1:\d+/);
  expect(await fixture.ref()).toBe(good);
});

test("the findings of a push are bounded", async () => {
  const bad = (name: number): string => configMap(`n${name}`, "1").replace("data:", "datta:");
  const files = Array.from({ length: 100 }, (_, at) => [`bad/${at}.yaml`, bad(at)]);
  await clone.commit(Object.fromEntries(files) as Record<string, string>);
  const { stderr } = await clone.push("main");
  expect(stderr.match(/✗ bad\//g)?.length).toBeLessThanOrEqual(20);
  expect(stderr).toMatch(/and \d+ more/);
});

test("the branch that an Application follows is not deleted", async () => {
  await clone.commit({}, "next");
  await clone.push("main:other");
  expect((await clone.push("--delete", "main")).stderr).toMatch(
    /remote rejected.*(follows|default)/,
  );
  fixture.applications = [
    application("shop", {
      source: { repoURL: "gantry://default/shop.git", targetRevision: "other" },
    }),
  ];
  expect((await clone.push("--delete", "other")).stderr).toMatch(
    /remote rejected.*Application default\/shop follows it/,
  );
  expect(await fixture.ref("refs/heads/other")).not.toBe("");
});

test("secret values stay unsaid in what is planned and refused", async () => {
  const secret = (value: string, type: string): string =>
    `apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\ntype: ${type}\nstringData:\n  key: ${value}\n`;
  await applyAs(fixture.client, "gantry", secret("canary-one", "Opaque"));
  await clone.commit({ "s.yaml": secret("canary-two", "Opaque") });
  const planned = await clone.push("-o", "dry-run", "main");
  await clone.commit({ "s.yaml": secret("canary-three", "Other") });
  const refused = await clone.push("main");
  expect(planned.stderr).toContain("Secret default/s");
  expect(refused.code).toBe(1);
  expect(planned.stderr + refused.stderr).not.toMatch(/canary|Y2FuYXJ5/);
});
