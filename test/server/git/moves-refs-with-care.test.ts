import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ensurePushToken } from "../../../src/gitops/push/push-token.ts";
import { namespaces } from "../../../src/kube/kinds/namespace.ts";
import { configMap, type GitClone } from "./git-clone.ts";
import { application, GitEndpointFixture } from "./git-endpoint-fixture.ts";
import { gitIn } from "./git-in.ts";

let fixture: GitEndpointFixture;
let clone: GitClone;
beforeEach(async () => {
  fixture = await GitEndpointFixture.start();
  clone = await fixture.clone();
});
afterEach(async () => {
  expect(fixture.faults).toEqual([]);
  expect(await fixture.fsck()).toMatchObject({ code: 0 });
  await fixture.stop();
});

test("what is pushed can be cloned and fetched, by old and new protocol", async () => {
  const first = await clone.commit({ "a.yaml": configMap("a", "1") });
  await clone.push("main");
  for (const version of ["0", "2"]) {
    const args = ["-c", `protocol.version=${version}`, "clone", "-q", fixture.url(), `v${version}`];
    expect(await gitIn(fixture.directory, args)).toMatchObject({ code: 0, stderr: "" });
  }
  const second = await clone.commit({ "a.yaml": configMap("a", "2") });
  await clone.push("main");
  for (const version of ["0", "2"]) {
    const other = join(fixture.directory, `v${version}`);
    expect((await gitIn(other, ["log", "--format=%H"])).stdout.trim()).toBe(first);
    await gitIn(other, ["-c", `protocol.version=${version}`, "pull", "-q"]);
    expect((await gitIn(other, ["rev-parse", "HEAD"])).stdout.trim()).toBe(second);
  }
});

test("the Applications that follow the branch look at once, and no others", async () => {
  const other = { repoURL: "gantry://default/shop.git", targetRevision: "other" };
  const elsewhere = { repoURL: "gantry://default/elsewhere.git", targetRevision: "main" };
  const head = { repoURL: "gantry://default/shop.git" };
  fixture.applications.push(
    application("other", { source: other }),
    application("elsewhere", { source: elsewhere }),
    application("head", { sources: [elsewhere, head] }),
  );
  await clone.commit({});
  await clone.push("main");
  expect(fixture.refreshed).toEqual(["default/shop", "default/head"]);
  await clone.push("main:other");
  expect(fixture.refreshed.slice(2)).toEqual(["default/other"]);
});

test("an Application that follows a range of versions is deployed by a tag inside it", async () => {
  const range = { repoURL: "gantry://default/shop.git", targetRevision: "^1.0.0" };
  fixture.applications = [application("shop", { source: range })];
  await clone.commit({ "a.yaml": configMap("a", "1") });
  await clone.git("tag", "-a", "-m", "one", "v1.1.0");
  await clone.git("tag", "v1.0.0");
  await clone.git("tag", "v2.0.0");
  const { stderr } = await clone.push("--tags");
  expect(stderr.match(/Checking default\/shop/g)).toHaveLength(1);
  await clone.git("tag", "v1.0.1");
  expect((await clone.push("--tags")).stderr).not.toContain("Checking");
});

test("a branch that nobody follows is taken, and the output says who follows what", async () => {
  await clone.commit({ "broken.yaml": "kind: 1\n" });
  const { code, stderr } = await clone.push("main:topic");
  expect(code).toBe(0);
  expect(stderr).toContain("No Application follows topic: nothing is deployed.");
  expect(stderr).toContain("Application default/shop follows main");
});

test("the first branch becomes the default of an empty repository", async () => {
  fixture.applications = [
    application("shop", { source: { repoURL: "gantry://default/shop.git" } }),
  ];
  await clone.commit({ "a.yaml": configMap("a", "1") });
  expect((await clone.push("main:trunk")).stderr).toContain("Checking default/shop");
  const head = (): string => readFileSync(join(fixture.repository, "HEAD"), "utf8").trim();
  expect(head()).toBe("ref: refs/heads/trunk");
  await clone.push("main");
  expect(head()).toBe("ref: refs/heads/trunk");
  expect((await clone.push("--delete", "trunk")).code).toBe(1);
});

test("a dry run shows the plan, moves nothing, and leaves nothing", async () => {
  await clone.commit({ "a.yaml": configMap("a", "1") });
  const { code, stderr } = await clone.push("-o", "dry-run", "main");
  expect(code).toBe(1);
  expect(stderr).toMatch(/\+ ConfigMap default\/a/);
  expect(stderr).toContain("(dry run, as asked: nothing was moved)");
  expect(await fixture.ref()).toBe("");
  expect(existsSync(join(fixture.repository, "objects/pack"))).toBe(true);
  expect((await gitIn(fixture.repository, ["count-objects", "-v"])).stdout).toMatch(/in-pack: 0/);
  expect(fixture.refreshed).toEqual([]);
});

test("of two pushes from the same commit the second is told to fetch", async () => {
  await clone.commit({ "a.yaml": configMap("a", "1") });
  await clone.push("main");
  const clones = await Promise.all(
    ["one", "two", "three", "four"].map(async (name) => {
      await gitIn(fixture.directory, ["clone", "-q", fixture.url(), name]);
      return join(fixture.directory, name);
    }),
  );
  const tips = await Promise.all(
    clones.map(async (directory, at) => {
      await gitIn(directory, ["commit", "-q", "--allow-empty", "-m", `${at}`]);
      return (await gitIn(directory, ["rev-parse", "HEAD"])).stdout.trim();
    }),
  );
  const pushes = await Promise.all(
    clones.map((directory) => gitIn(directory, ["push", "origin", "HEAD:main"])),
  );
  const winners = pushes.flatMap(({ code }, at) => (code === 0 ? [tips[at]] : []));
  expect(winners).toEqual([await fixture.ref()]);
  for (const { stderr } of pushes.filter(({ code }) => code !== 0))
    expect(stderr).toMatch(/pushed in the meantime|moving it right now|fetch first|cannot lock/);
});

test("history that was rewritten is taken with force only, and the reflog keeps the old one", async () => {
  const first = await clone.commit({ "a.yaml": configMap("a", "1") });
  await clone.push("main");
  await clone.git("commit", "-q", "--amend", "-m", "another");
  expect((await clone.push("main")).stderr).toContain("non-fast-forward");
  expect((await clone.push("--force", "main")).code).toBe(0);
  const reflog = await gitIn(fixture.repository, ["reflog", "show", "main", "--format=%H"]);
  expect(reflog.stdout.trim().split("\n")).toEqual([await clone.rev("HEAD"), first]);
});

test("with --atomic one refused branch holds back the others, without it does not", async () => {
  await clone.commit({ "broken.yaml": "kind: 1\n" });
  expect((await clone.push("--atomic", "main", "main:topic")).stderr).toContain("atomic push");
  expect(await fixture.ref("refs/heads/topic")).toBe("");
  const { code } = await clone.push("main", "main:topic");
  expect(code).toBe(1);
  expect(await fixture.ref()).toBe("");
  expect(await fixture.ref("refs/heads/topic")).toBe(await clone.rev("HEAD"));
});

test("a mirror takes everything along, and deletes what is gone", async () => {
  await clone.commit({ "a.yaml": configMap("a", "1") });
  await clone.git("tag", "v1");
  await clone.git("branch", "topic");
  await clone.git("notes", "add", "-m", "note");
  expect(await clone.push("--mirror")).toMatchObject({ code: 0 });
  expect(await fixture.ref("refs/notes/commits")).not.toBe("");
  await clone.git("branch", "-D", "topic");
  expect(await clone.push("--mirror")).toMatchObject({ code: 0 });
  expect(await fixture.ref("refs/heads/topic")).toBe("");
  expect(await fixture.ref("refs/tags/v1")).not.toBe("");
});

test("a push of nothing new and one from a shallow clone work", async () => {
  await clone.commit({ "a.yaml": configMap("a", "1") });
  await clone.commit({ "a.yaml": configMap("a", "2") });
  await clone.push("main");
  expect((await clone.push("main")).stderr).toContain("Everything up-to-date");
  await gitIn(fixture.directory, ["clone", "-q", "--depth", "1", fixture.url(), "shallow"]);
  const shallow = join(fixture.directory, "shallow");
  await gitIn(shallow, ["commit", "-q", "--allow-empty", "-m", "from ci"]);
  expect(await gitIn(shallow, ["push", "origin", "HEAD:main"])).toMatchObject({ code: 0 });
});

test("a shallow history that is not here is refused with what to do", async () => {
  await clone.commit({ "a.yaml": configMap("a", "1") });
  await clone.commit({ "a.yaml": configMap("a", "2") });
  const from = `file://${clone.directory}`;
  await gitIn(fixture.directory, ["clone", "-q", "--depth", "1", from, "shallow"]);
  const shallow = join(fixture.directory, "shallow");
  const { code, stderr } = await gitIn(shallow, ["push", fixture.url(), "HEAD:main"]);
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /shallow clone, run `git fetch --unshallow` first|Did not receive|not allowed/i,
  );
});

test("packs are rolled up behind the pushes, and lose nothing", async () => {
  await fixture.close();
  await fixture.listen({ maxPacks: 3 });
  await clone.git("remote", "set-url", "gantry", fixture.url());
  const packs = (): number =>
    readdirSync(join(fixture.repository, "objects/pack")).filter((name) => name.endsWith(".pack"))
      .length;
  for (let at = 0; at < 8; at++) {
    await clone.commit({ "a.yaml": configMap("a", `${at}`) });
    expect((await clone.push("main")).code).toBe(0);
  }
  await expect.poll(packs).toBeLessThanOrEqual(4);
  expect((await gitIn(fixture.repository, ["rev-list", "--count", "main"])).stdout.trim()).toBe(
    "8",
  );
});

test("what a killed server left behind is gone when the next one starts, and pushes work", async () => {
  await clone.commit({ "a.yaml": configMap("a", "1") });
  await clone.push("main");
  await fixture.close();
  const left = [
    "refs/heads/main.lock",
    "packed-refs.lock",
    "objects/pack/tmp_pack_x",
    "quarantine/x/HEAD",
  ];
  mkdirSync(join(fixture.repository, "quarantine/x"), { recursive: true });
  for (const path of left) writeFileSync(join(fixture.repository, path), "");
  await fixture.listen();
  for (const path of left) expect(existsSync(join(fixture.repository, path))).toBe(false);
  await clone.git("remote", "set-url", "gantry", fixture.url());
  await clone.commit({ "a.yaml": configMap("a", "2") });
  expect((await clone.push("main")).code).toBe(0);
});

test("a repository of another namespace has a path of its own", async () => {
  const team = { apiVersion: "v1", kind: "Namespace", metadata: { name: "team" } };
  await fixture.client.create(namespaces, team);
  const token = await ensurePushToken(fixture.client, { namespace: "team", name: "shop" });
  await clone.commit({ "a.yaml": configMap("a", "1") });
  const url = fixture.url("team/shop.git", token);
  expect(await clone.git("push", url, "main")).toMatchObject({ code: 0 });
  expect((await clone.git("ls-remote", url)).stdout).toContain("refs/heads/main");
  expect((await clone.git("ls-remote", "gantry")).stdout).toBe("");
});
