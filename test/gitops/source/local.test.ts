/** Repositories and folders on this machine: every form they come in, and what can be wrong. */
import { execFile } from "node:child_process";
import { mkdir, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Sources } from "../../../src/gitops/source/sources.ts";
import { git, temporaryDirectory, WorkTree } from "../../git-fixture.ts";

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let sources: Sources;
let root: string;

beforeEach(async () => {
  directory = await temporaryDirectory();
  root = directory.path;
  sources = new Sources({ dataDir: join(root, "data") });
});
afterEach(async () => {
  await sources.stop();
  await directory.dispose();
});

async function textAt(path: string, repoURL: string, revision = "HEAD"): Promise<string> {
  const source = await sources.open({ repoURL });
  const { tree } = await source.resolve(revision);
  const entry = await tree.entry(path);
  return Buffer.from(await tree.blob(entry?.id ?? "")).toString();
}

describe("a Git repository", () => {
  test("of a work tree only what is committed counts", async () => {
    const work = await WorkTree.init(join(root, "work"));
    await work.commit({ "a.yaml": "committed" });
    await work.write({ "a.yaml": "edited" });
    expect(await textAt("a.yaml", work.path)).toBe("committed");
  });

  test("linked work trees have their own HEAD", async () => {
    const work = await WorkTree.init(join(root, "work"));
    await work.commit({ "a.yaml": "main" });
    await work.git("worktree", "add", "-q", "-b", "side", join(root, "side"));
    await new WorkTree(join(root, "side")).commit({ "a.yaml": "side" });
    expect(await textAt("a.yaml", join(root, "side"))).toBe("side");
    expect(await textAt("a.yaml", work.path)).toBe("main");
    expect(await textAt("a.yaml", work.path, "side")).toBe("side");
  });

  test("packed refs and packed objects are read", async () => {
    const work = await WorkTree.init(join(root, "work"));
    await work.commit({ "a.yaml": "one" });
    await work.git("tag", "-a", "-m", "x", "v1");
    await work.commit({ "a.yaml": "two" });
    await work.git("gc", "-q");
    await work.git("pack-refs", "--all");
    expect(await textAt("a.yaml", work.path, "v1")).toBe("one");
    expect(await textAt("a.yaml", work.path, "main")).toBe("two");
    await work.commit({ "a.yaml": "three" });
    expect(await textAt("a.yaml", work.path, "main")).toBe("three");
  });

  test("an empty one says so", async () => {
    const work = await WorkTree.init(join(root, "work"));
    const source = await sources.open({ repoURL: work.path });
    await expect(source.resolve("HEAD")).rejects.toMatchObject({ code: "empty-repository" });
  });

  test("a checked-out branch that was deleted is a clear error", async () => {
    const work = await WorkTree.init(join(root, "work"));
    await work.commit({ "a.yaml": "one" });
    await work.git("branch", "other");
    await work.git("update-ref", "-d", "refs/heads/main");
    const source = await sources.open({ repoURL: work.path });
    await expect(source.resolve("HEAD")).rejects.toMatchObject({ code: "revision-not-found" });
    await expect(source.resolve("main")).rejects.toMatchObject({
      code: "revision-not-found",
      advice: expect.stringContaining("other") as string,
    });
  });

  test.each([true, false])(
    "a cut pack is an error, not a crash (git binary: %s)",
    async (gitBinary) => {
      const work = await WorkTree.init(join(root, "work"));
      await work.commit({ "a.yaml": "one", "b.yaml": "x".repeat(5000) });
      await work.git("gc", "-q");
      const { stdout } = await promisify(execFile)("find", [work.path, "-name", "*.pack"]);
      await truncate(stdout.trim(), 40);
      const own = new Sources({ dataDir: join(root, "data2"), gitBinary });
      const source = await own.open({ repoURL: work.path });
      await expect(source.resolve("HEAD")).rejects.toMatchObject({ name: "SourceError" });
      await own.stop();
    },
  );

  test("a repository with SHA-256 objects is refused with a reason", async () => {
    await git(root, "init", "-q", "--object-format=sha256", "new");
    await expect(sources.open({ repoURL: join(root, "new") })).rejects.toMatchObject({
      code: "unsupported",
    });
  });

  test("submodules and modes show in the tree", async () => {
    const work = await WorkTree.init(join(root, "work"));
    await work.commit({ "run.sh": "#!/bin/sh\n" });
    await work.git("update-index", "--chmod=+x", "run.sh");
    const other = "0123456789012345678901234567890123456789";
    await work.git("update-index", "--add", "--cacheinfo", `160000,${other},vendor`);
    await work.git("commit", "-q", "-m", "modes");
    const source = await sources.open({ repoURL: work.path });
    const { tree } = await source.resolve("HEAD");
    expect(await tree.entries("")).toMatchObject([
      { name: "run.sh", kind: "file", executable: true },
      { name: "vendor", kind: "submodule", id: other },
    ]);
  });

  test("crafted trees are refused", async () => {
    const work = await WorkTree.init(join(root, "work"));
    const craft = async (name: string): Promise<string> => {
      const id = Buffer.alloc(20, 1);
      const body = Buffer.concat([Buffer.from(`100644 ${name}\0`), id]);
      const file = join(root, "tree.bin");
      await writeFile(file, body);
      const treeId = await work.git("hash-object", "-t", "tree", "-w", "--literally", file);
      return work.git("commit-tree", treeId, "-m", "crafted");
    };
    const source = await sources.open({ repoURL: work.path });
    for (const name of ["..", ".", ".git", "a/b"]) {
      const { tree } = await source.resolve(await craft(name));
      await expect(tree.entries("")).rejects.toMatchObject({ code: "corrupt" });
    }
  });
});

describe("a plain folder", () => {
  test("follows every save, without a commit", async () => {
    await mkdir(join(root, "folder"));
    await writeFile(join(root, "folder/a.yaml"), "one");
    expect(await textAt("a.yaml", join(root, "folder"))).toBe("one");
    await writeFile(join(root, "folder/a.yaml"), "two");
    expect(await textAt("a.yaml", join(root, "folder"))).toBe("two");
  });

  test("has the ids that git would give it", async () => {
    const work = await WorkTree.init(join(root, "work"));
    await work.write({ "b/c.yaml": "1", "b.yaml": "2", "b-d/e.yaml": "3", "run.sh": "x" });
    await symlink("b.yaml", join(work.path, "link.yaml"));
    await work.commit({});
    const tree = await work.git("rev-parse", "HEAD^{tree}");
    await rename(join(work.path, ".git"), join(root, "gone"));
    const source = await sources.open({ repoURL: work.path });
    expect((await source.resolve("HEAD")).tree.id).toBe(tree);
  });

  test("leaves out dot files and node_modules", async () => {
    const work = new WorkTree(join(root, "folder"));
    await work.write({ ".gantry/db/data.mdb": "x", "node_modules/a/b.yaml": "x", "a.yaml": "x" });
    const source = await sources.open({ repoURL: work.path });
    const entries = await (await source.resolve("HEAD")).tree.entries("");
    expect(entries.map((entry) => entry.name)).toEqual(["a.yaml"]);
  });

  test("content that changed since it was listed is never given under the old id", async () => {
    const work = new WorkTree(join(root, "folder"));
    await work.write({ "a.yaml": "one" });
    const source = await sources.open({ repoURL: work.path });
    const { tree } = await source.resolve("HEAD");
    const entry = await tree.entry("a.yaml");
    await work.write({ "a.yaml": "two" });
    await expect(tree.blob(entry?.id ?? "")).rejects.toMatchObject({
      code: "changed-while-reading",
      retryable: true,
    });
  });

  test("a file that was replaced by a link out of the folder is not read", async () => {
    const work = new WorkTree(join(root, "folder"));
    await work.write({ "a.yaml": "one" });
    await writeFile(join(root, "secret"), "one");
    const source = await sources.open({ repoURL: work.path });
    const { tree } = await source.resolve("HEAD");
    const entry = await tree.entry("a.yaml");
    await rm(join(work.path, "a.yaml"));
    await symlink("../secret", join(work.path, "a.yaml"));
    await expect(tree.blob(entry?.id ?? "")).rejects.toMatchObject({
      code: "changed-while-reading",
    });
  });

  test("a path that is not there, or no folder, is a clear error", async () => {
    await writeFile(join(root, "file"), "x");
    for (const path of ["nothing", "file"]) {
      const source = await sources.open({ repoURL: join(root, path) });
      await expect(source.resolve("HEAD")).rejects.toMatchObject({ code: "not-a-repository" });
    }
  });
});

test("paths of this machine can be forbidden", async () => {
  const strict = new Sources({ dataDir: join(root, "data3"), allowLocalPath: () => false });
  await expect(strict.open({ repoURL: root })).rejects.toMatchObject({
    code: "scheme-not-allowed",
  });
});
