/** Submodules: fetched only where a source asks for them, from safe places, and never for ever. */
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CommitAdmission } from "../../../src/gitops/admit-commits.ts";
import type { Commit, CredentialProvider, Tree } from "../../../src/gitops/source/source.ts";
import { SourceError } from "../../../src/gitops/source/source-error.ts";
import { Sources } from "../../../src/gitops/source/sources.ts";
import { parseGitmodules } from "../../../src/gitops/source/submodules/gitmodules.ts";
import { submoduleUrl } from "../../../src/gitops/source/submodules/submodule-url.ts";
import { changedPaths } from "../../../src/gitops/source/tree-diff.ts";
import { directoryAt } from "../../../src/gitops/source/tree-path.ts";
import { git, temporaryDirectory, WorkTree } from "../../git-fixture.ts";
import { type GitServer, type GitServerOptions, startGitServer } from "../../git-http-server.ts";
import { ManualClock } from "../../manual-clock.ts";

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
const closing: (() => Promise<void>)[] = [];

beforeEach(async () => {
  directory = await temporaryDirectory();
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await directory.dispose();
});

async function serve(options: Partial<GitServerOptions> = {}): Promise<GitServer> {
  const server = await startGitServer({ root: join(directory.path, "served"), ...options });
  closing.push(() => server.close());
  return server;
}

/** A served repository with one commit; `modules` are entries of submodules in it. */
async function repository(
  name: string,
  files: Readonly<Record<string, string>>,
  modules: readonly { readonly path: string; readonly url: string; readonly id: string }[] = [],
): Promise<string> {
  const work = await WorkTree.init(join(directory.path, `work-${name}`));
  const gitmodules = modules
    .map(({ path, url }) => `[submodule "${path}"]\n\tpath = ${path}\n\turl = ${url}\n`)
    .join("");
  await work.write({ ...files, ...(modules.length > 0 && { ".gitmodules": gitmodules }) });
  await work.git("add", "-A");
  for (const { path, id } of modules)
    await work.git("update-index", "--add", "--cacheinfo", `160000,${id},${path}`);
  await work.git("commit", "-q", "-m", name);
  await git(directory.path, "clone", "-q", "--bare", work.path, `served/${name}.git`);
  return work.git("rev-parse", "HEAD");
}

type CredentialsOf = (
  repoURL: string,
  namespace: string | undefined,
) => CredentialProvider | undefined;

/** The newest commit of a repository, as an Application gets it. */
async function admitted(
  repoURL: string,
  {
    submodules = true,
    credentialsOf = (): undefined => undefined,
  }: { submodules?: boolean; credentialsOf?: CredentialsOf } = {},
): Promise<Commit> {
  const sources = new Sources({ dataDir: join(directory.path, "data") });
  const clock = new ManualClock();
  const admission = new CommitAdmission({
    dataDir: join(directory.path, "data"),
    clock,
    secretOf: () => Promise.resolve(undefined),
    credentialsOf,
  });
  closing.push(
    () => sources.stop(),
    () => admission.stop(),
  );
  const credentials = credentialsOf(repoURL, "team");
  const source = await sources.open({ repoURL, ...(credentials !== undefined && { credentials }) });
  const commit = await source.resolve("main");
  return admission.admit({
    application: { metadata: { namespace: "team" } },
    source: { repoURL, submodules },
    commit,
    signal: new AbortController().signal,
  });
}

async function failure(work: Promise<unknown>): Promise<SourceError> {
  const error = await work.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(SourceError);
  return error as SourceError;
}

async function text(tree: Tree, path: string): Promise<string> {
  const entry = await tree.entry(path);
  return Buffer.from(await tree.blob(entry?.id ?? "")).toString();
}

const names = async (tree: Tree, path: string): Promise<string[]> =>
  (await tree.entries(path)).map(({ name, kind }) => `${kind} ${name}`);

test("are not fetched unless the source says so; the entry stays what it is", async () => {
  const lib = await repository("lib", { "lib.yaml": "lib\n" });
  await repository("app", { "app.yaml": "app\n" }, [{ path: "lib", url: "../lib.git", id: lib }]);
  const server = await serve();
  const { tree } = await admitted(`${server.url}/app.git`, { submodules: false });
  expect(await tree.entry("lib")).toMatchObject({ kind: "submodule", id: lib });
  expect(server.requests.filter((request) => request.includes("lib.git"))).toEqual([]);
});

describe("once fetched", () => {
  let server: GitServer;
  let commit: Commit;

  beforeEach(async () => {
    const inner = await repository("inner", { "deep/inner.yaml": "inner\n" });
    const lib = await repository("lib", { "lib.yaml": "lib\n", "sub/x.yaml": "x\n" }, [
      { path: "sub/inner", url: "./../inner.git", id: inner },
    ]);
    await repository("app", { "apps/web/app.yaml": "app\n", "other/a.yaml": "a\n" }, [
      { path: "apps/lib", url: "../lib.git", id: lib },
    ]);
    server = await serve();
    commit = await admitted(`${server.url}/app.git`);
  });

  test("are directories like any other, submodules of theirs, too", async () => {
    const { tree } = commit;
    expect(await names(tree, "")).toEqual([
      "file .gitmodules",
      "directory apps",
      "directory other",
    ]);
    expect(await names(tree, "apps")).toEqual(["directory lib", "directory web"]);
    expect(await names(tree, "apps/lib/sub")).toEqual(["directory inner", "file x.yaml"]);
    expect(await names(tree, "apps/lib/sub/inner")).toEqual(["directory deep"]);
    expect(await text(tree, "apps/lib/lib.yaml")).toBe("lib\n");
    expect(await text(tree, "apps/lib/sub/inner/deep/inner.yaml")).toBe("inner\n");
    expect(await text(tree, "apps/web/app.yaml")).toBe("app\n");
    expect(await directoryAt(tree, "apps/lib/sub/inner/deep", "app")).toBe(
      "apps/lib/sub/inner/deep",
    );
    expect(await tree.entry("apps/lib/nothing")).toBeUndefined();
    expect(await tree.treeIdOf("apps/lib/nothing")).toBeUndefined();
    await expect(tree.entries("apps/lib/nothing")).rejects.toMatchObject({
      code: "path-not-found",
    });
  });

  test("give directories that hold them ids of their own, and no others", async () => {
    const { tree } = commit;
    const bare = (await admitted(`${server.url}/app.git`, { submodules: false })).tree;
    expect(await tree.treeIdOf("other")).toBe(await bare.treeIdOf("other"));
    expect(await tree.treeIdOf("apps/web")).toBe(await bare.treeIdOf("apps/web"));
    expect(await tree.treeIdOf("apps")).not.toBe(await bare.treeIdOf("apps"));
    expect(tree.id).not.toBe(bare.id);
    const again = (await admitted(`${server.url}/app.git`)).tree;
    expect(again.id).toBe(tree.id);
    for (const path of ["apps", "apps/lib", "apps/lib/sub", "apps/lib/sub/inner"]) {
      const parent = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
      const entry = (await tree.entries(parent)).find(({ name }) => path.endsWith(name));
      expect(entry?.id).toBe(await tree.treeIdOf(path));
    }
    expect(await changedPaths(bare, tree, "other")).toEqual([]);
  });
});

test("that are listed but not in the tree, or in the tree but not listed, are not fetched", async () => {
  const lib = await repository("lib", { "lib.yaml": "lib\n" });
  await repository("app", { ".gitmodules": '[submodule "gone"]\npath = gone\nurl = ../lib.git\n' });
  const server = await serve();
  const { tree } = await admitted(`${server.url}/app.git`);
  expect(await names(tree, "")).toEqual(["file .gitmodules"]);
  await repository("two", { "a.yaml": "a\n" }, []);
  const work = new WorkTree(join(directory.path, "work-two"));
  await work.git("update-index", "--add", "--cacheinfo", `160000,${lib},lib`);
  await work.git("commit", "-q", "-m", "unlisted");
  await work.git("push", "-q", join(directory.path, "served/two.git"), "main");
  const two = await admitted(`${server.url}/two.git`);
  expect(await two.tree.entry("lib")).toMatchObject({ kind: "submodule" });
});

test("get the credential at the same server, and nothing at another", async () => {
  const auth = { username: "robot", password: "s3cret" };
  const credentials: CredentialProvider = {
    id: "test",
    get: () => Promise.resolve({ kind: "basic", ...auth }),
  };
  const lib = await repository("lib", { "lib.yaml": "lib\n" });
  const elsewhere = await serve({ auth });
  await repository("near", {}, [{ path: "lib", url: "../lib.git", id: lib }]);
  await repository("far", {}, [
    { path: "lib", url: `ssh://git@127.0.0.1:${new URL(elsewhere.url).port}/lib.git`, id: lib },
  ]);
  const server = await serve({ auth });
  const credentialsOf = (): CredentialProvider => credentials;
  const near = await admitted(`${server.url}/near.git`, { credentialsOf });
  expect(await text(near.tree, "lib/lib.yaml")).toBe("lib\n");
  const error = await failure(admitted(`${server.url}/far.git`, { credentialsOf }));
  expect(error).toMatchObject({ code: "bad-credential" });
  expect(error.what).toContain("no SSH key");
});

test("that lie too deep, or are too many, are refused", async () => {
  let id = await repository("level-0", { "a.yaml": "a\n" });
  for (let level = 1; level <= 6; level++)
    id = await repository(`level-${level}`, {}, [
      { path: "m", url: `../level-${level - 1}.git`, id },
    ]);
  const many = Array.from({ length: 51 }, (_, n) => ({ path: `m${n}`, url: "../level-0.git" }));
  const leaf = await new WorkTree(join(directory.path, "work-level-0")).git("rev-parse", "HEAD");
  await repository(
    "many",
    {},
    many.map((module) => ({ ...module, id: leaf })),
  );
  const server = await serve();
  const deep = await failure(admitted(`${server.url}/level-6.git`));
  expect(deep).toMatchObject({ code: "too-large", retryable: false });
  expect(deep.what).toContain("in more than 4 others");
  expect((await failure(admitted(`${server.url}/many.git`))).what).toContain("more than 50 in all");
  expect(await text((await admitted(`${server.url}/level-4.git`)).tree, "m/m/m/m/a.yaml")).toBe(
    "a\n",
  );
});

test.each([
  "file:///etc",
  "/etc",
  "ext::sh -c id",
  "fd::17",
  "git://example.com/lib.git",
  "-u./payload",
  "http://example.com/lib.git",
  "ssh://-oProxyCommand=id/lib.git",
  "../../../../../lib.git",
  "..",
])("a URL like %s is refused, nothing is fetched", async (url) => {
  const id = "0123456789012345678901234567890123456789";
  await repository("app", {}, [{ path: "lib", url, id }]);
  const server = await serve();
  const error = await failure(admitted(`${server.url}/app.git`));
  expect(error).toMatchObject({ code: "scheme-not-allowed", retryable: false });
  expect(error.message).not.toContain("/etc");
});

test("internal addresses are refused for them, too", async () => {
  const id = "0123456789012345678901234567890123456789";
  await repository("app", {}, [{ path: "lib", url: "https://169.254.169.254/lib.git", id }]);
  const server = await serve();
  const error = await failure(admitted(`${server.url}/app.git`));
  expect(error.code).toBe("address-refused");
});

test.each([
  ["https://h.test/team/app.git", "../lib.git", "https://h.test/team/lib.git"],
  ["https://h.test/team/app.git", "../../x/lib.git", "https://h.test/x/lib.git"],
  ["https://h.test/team/app.git/", "./lib.git", "https://h.test/team/app.git/lib.git"],
  ["ssh://git@h.test:2222/team/app.git", "../lib.git", "ssh://git@h.test:2222/team/lib.git"],
  ["git@h.test:team/app.git", "../lib.git", "git@h.test:team/lib.git"],
  ["git@h.test:app.git", "../lib.git", "git@h.test:lib.git"],
  ["https://u:p@h.test/app.git", "../lib.git", "https://u:p@h.test/lib.git"],
])("beside %s, %s is %s", (parent, url, expected) => {
  expect(submoduleUrl(parent, url, "lib")).toEqual({ repoURL: expected, sameServer: true });
});

test("another server, port or scheme is not the same server", () => {
  const at = (url: string) => submoduleUrl("https://h.test/app.git", url, "lib").sameServer;
  expect(at("https://h.test/lib.git")).toBe(true);
  expect(at("https://h.test:8443/lib.git")).toBe(false);
  expect(at("https://h.test.evil/lib.git")).toBe(false);
  expect(at("git@h.test:lib.git")).toBe(false);
});

test(".gitmodules is read as git reads it; commands in it mean nothing", () => {
  const file = `# comment
[core]
  path = no
[submodule "a"] ; note
  path = "dir with space/a"  # note
  url = https://h.test/a.git
  update = !touch /tmp/owned
[submodule "b"]
  url = https://h.test/b.git
[SUBMODULE "c"]
  Path = c/
  URL = https://h.test/"c#1".git
`;
  expect(parseGitmodules(file)).toEqual([
    { path: "dir with space/a", url: "https://h.test/a.git" },
    { path: "c", url: "https://h.test/c#1.git" },
  ]);
});
