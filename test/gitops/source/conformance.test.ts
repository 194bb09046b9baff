/** Every kind of source gives the same view of the same files. */
import { rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CredentialProvider, Source } from "../../../src/gitops/source/source.ts";
import { Sources } from "../../../src/gitops/source/sources.ts";
import { changedPaths } from "../../../src/gitops/source/tree-diff.ts";
import { directoryAt } from "../../../src/gitops/source/tree-path.ts";
import { git, temporaryDirectory, WorkTree } from "../../git-fixture.ts";
import { startGitServer } from "../../git-http-server.ts";
import { sshKeyPair, startGitSshServer } from "../../git-ssh-server.ts";

interface World {
  readonly path: string;
  readonly repoURL: string;
  readonly credentials?: CredentialProvider;
  readonly work: WorkTree;
  readonly sources: Sources;
  /** Makes what is in the work tree the newest state of the source. */
  publish(): Promise<void>;
  dispose(): Promise<void>;
}

const FILES = {
  "README.md": "hello",
  "apps/web/deployment.yaml": "kind: Deployment\n",
  "apps/web/service.yaml": "kind: Service\n",
  "apps/api/deployment.yaml": "kind: Deployment\n# api\n",
  "apps/api/größe.yaml": "kind: ConfigMap\n",
};

async function makeWorld(kind: (typeof WORLDS)[number][0], gitBinary: boolean): Promise<World> {
  const directory = await temporaryDirectory();
  const work = await WorkTree.init(join(directory.path, "work"));
  const bare = join(directory.path, "served/app.git");
  if (kind === "folder") await rename(join(work.path, ".git"), join(directory.path, "unused"));
  const isRemote = kind.startsWith("git-remote");
  const isBare = isRemote || kind === "git-local bare";
  if (isBare) await git(directory.path, "init", "-q", "--bare", "-b", "main", bare);
  const root = join(directory.path, "served");
  const http = kind.startsWith("git-remote http")
    ? await startGitServer({ root, version2: kind === "git-remote http" })
    : undefined;
  const key = sshKeyPair("ed25519");
  const ssh = kind.startsWith("git-remote ssh")
    ? await startGitSshServer({
        root,
        authorized: [key.public],
        version2: kind === "git-remote ssh",
      })
    : undefined;
  const sources = new Sources({ dataDir: join(directory.path, "data"), gitBinary });
  return {
    path: directory.path,
    work,
    sources,
    repoURL:
      http !== undefined
        ? `${http.url}/app.git`
        : ssh !== undefined
          ? `ssh://git@127.0.0.1:${ssh.port}/app.git`
          : isBare
            ? bare
            : work.path,
    ...(ssh !== undefined && {
      credentials: {
        id: "test/key",
        connection: { knownHosts: ssh.knownHosts },
        get: () => Promise.resolve({ kind: "ssh-key", privateKey: key.private }),
      },
    }),
    publish: async () => {
      if (kind === "folder") return;
      await work.commit({}, "publish\n\nbody");
      if (isBare) await work.git("push", "-q", bare, "HEAD:main");
    },
    dispose: async () => {
      await sources.stop();
      await http?.close();
      await ssh?.close();
      await directory.dispose();
    },
  };
}

const WORLDS = [
  ["git-remote http", true],
  ["git-remote http", false],
  ["git-remote http, version 0", false],
  ["git-remote ssh", true],
  ["git-remote ssh", false],
  ["git-remote ssh, version 0", true],
  ["git-local bare", true],
  ["git-local bare", false],
  ["git-local work tree", true],
  ["git-local work tree", false],
  ["folder", false],
] as const;

describe.each(WORLDS)("%s (git binary: %s)", (kind, gitBinary) => {
  let world: World;
  let source: Source;

  beforeAll(async () => {
    world = await makeWorld(kind, gitBinary);
    await world.work.write(FILES);
    await symlink("web", join(world.work.path, "apps/current"));
    await symlink("../../../etc", join(world.work.path, "apps/out"));
    await world.publish();
    source = await world.sources.open({
      repoURL: world.repoURL,
      ...(world.credentials !== undefined && { credentials: world.credentials }),
    });
  });
  afterAll(() => world.dispose());

  test("resolves HEAD to a commit with a tree", async () => {
    const commit = await source.resolve("HEAD");
    expect(commit.id).toMatch(/^[0-9a-f]{40}$/);
    expect(commit.tree.id).toMatch(/^[0-9a-f]{40}$/);
    if (kind !== "folder") {
      expect(commit.id).toBe(await world.work.git("rev-parse", "HEAD"));
      expect(commit.author).toEqual({ name: "Ada", email: "ada@example.com" });
      expect(commit.subject).toBe("publish");
      expect(Math.abs(Date.now() - commit.dateMs)).toBeLessThan(60_000);
    }
  });

  test("lists directories in order, with kinds", async () => {
    const { tree } = await source.resolve("main");
    const root = await tree.entries("");
    expect(root.map((entry) => [entry.name, entry.kind])).toEqual([
      ["README.md", "file"],
      ["apps", "directory"],
    ]);
    const apps = await tree.entries("./apps/");
    expect(apps.map((entry) => [entry.name, entry.kind])).toEqual([
      ["api", "directory"],
      ["current", "symlink"],
      ["out", "symlink"],
      ["web", "directory"],
    ]);
    const api = await tree.entries("apps/api");
    expect(api.map((entry) => entry.name)).toEqual(["deployment.yaml", "größe.yaml"]);
  });

  test("reads files by id, and link targets too", async () => {
    const { tree } = await source.resolve("");
    const file = await tree.entry("apps/web/deployment.yaml");
    expect(Buffer.from(await tree.blob(file?.id ?? "")).toString()).toBe("kind: Deployment\n");
    const link = await tree.entry("apps/current");
    expect(Buffer.from(await tree.blob(link?.id ?? "")).toString()).toBe("web");
  });

  test("refuses to read more than it is asked to", async () => {
    const { tree } = await source.resolve("main");
    const file = await tree.entry("apps/web/deployment.yaml");
    await expect(tree.blob(file?.id ?? "", { maxBytes: 5 })).rejects.toMatchObject({
      code: "too-large",
    });
    // The reader still works afterwards.
    expect(await tree.blob(file?.id ?? "")).toHaveLength(17);
  });

  test("finds annotated tags, and the newest version of a range of them", async () => {
    if (kind === "folder") return;
    const { id } = await source.resolve("main");
    const remote = world.repoURL === world.work.path ? undefined : `${world.path}/served/app.git`;
    for (const tag of ["v1.2.0", "v1.10.0", "v2.0.0-rc.1", "web/v3.1.0", "web/v3.2.0"])
      await world.work.git("tag", "-a", "-m", tag, tag, id);
    if (remote !== undefined) await world.work.git("push", "-q", "--tags", remote);
    expect(await source.resolve("v1.2.0")).toMatchObject({ id, ref: "refs/tags/v1.2.0" });
    expect(await source.resolve("1.x")).toMatchObject({ id, ref: "refs/tags/v1.10.0" });
    expect(await source.resolve(">=1.0.0, <1.5")).toMatchObject({ ref: "refs/tags/v1.2.0" });
    expect(await source.resolve(">=2.0.0-0")).toMatchObject({ ref: "refs/tags/v2.0.0-rc.1" });
    expect(await source.resolve("web/^3")).toMatchObject({ ref: "refs/tags/web/v3.2.0" });
    await expect(source.resolve("^2")).rejects.toMatchObject({ code: "revision-not-found" });
    // A branch of that very name wins.
    await world.work.git("push", "-q", remote ?? world.work.path, `${id}:refs/heads/1.x`);
    expect(await source.resolve("1.x")).toMatchObject({ id, ref: "refs/heads/1.x" });
  });

  test("gives what may be signed: the tags on the way, and the commit", async () => {
    if (kind === "folder") return;
    const commit = await source.resolve("v1.2.0");
    const objects = (await commit.signable?.()) ?? [];
    expect(objects.map(({ type }) => type)).toEqual(["tag", "commit"]);
    expect(Buffer.from(objects[0]?.bytes ?? []).toString()).toContain("tag v1.2.0\n");
    expect(objects[1]?.id).toBe(commit.id);
  });

  test("says what is not there", async () => {
    const { tree } = await source.resolve("main");
    expect(await tree.entry("apps/nothing")).toBeUndefined();
    expect(await tree.treeIdOf("apps/web/deployment.yaml")).toBeUndefined();
    expect(await tree.treeIdOf("../work")).toBeUndefined();
    await expect(tree.entries("nothing")).rejects.toMatchObject({ code: "path-not-found" });
  });

  test("follows symlinks inside the tree only", async () => {
    const { tree } = await source.resolve("main");
    expect(await directoryAt(tree, "apps/current", source.where)).toBe("apps/web");
    await expect(directoryAt(tree, "apps/out", source.where)).rejects.toMatchObject({
      code: "symlink-escapes",
    });
  });

  test("gives unchanged directories the same id, and names what changed", async () => {
    const before = await source.resolve("main");
    await world.work.write({ "apps/web/service.yaml": "kind: Service\n# new\n" });
    await world.publish();
    const after = await source.resolve("main");
    expect(after.tree.id).not.toBe(before.tree.id);
    expect(await after.tree.treeIdOf("apps/api")).toBe(await before.tree.treeIdOf("apps/api"));
    expect(await changedPaths(before.tree, after.tree, "")).toEqual(["apps/web/service.yaml"]);
    expect(await changedPaths(before.tree, after.tree, "apps/api")).toEqual([]);
    if (kind === "folder") return;
    // What an earlier commit held can still be read.
    const old = await before.tree.entry("apps/web/service.yaml");
    expect(Buffer.from(await before.tree.blob(old?.id ?? "")).toString()).toBe("kind: Service\n");
  });

  test("tells listeners about changes", async () => {
    if (kind.startsWith("git-remote")) return;
    let stop = (): void => undefined;
    const started = new Promise<void>((resolve) => {
      stop = source.onChange(resolve);
    });
    await started; // watching has begun
    stop();
    const changed = new Promise<void>((resolve) => {
      stop = source.onChange(resolve);
    });
    await writeFile(join(world.work.path, "apps/web/extra.yaml"), "kind: ConfigMap\n");
    await world.publish();
    await changed;
    stop();
    const { tree } = await source.resolve("main");
    expect(await tree.entry("apps/web/extra.yaml")).toBeDefined();
  });

  test("gives history, newest first", async () => {
    const { id } = await source.resolve("main");
    const history = await source.history(id, 2);
    expect(history[0]?.id).toBe(id);
    if (kind === "folder") return;
    expect(history).toHaveLength(2);
    expect(history[1]?.id).toBe(await world.work.git("rev-parse", "HEAD~1"));
  });

  test("names an unknown revision, and what it may have been meant to be", async () => {
    if (kind === "folder") return;
    await expect(source.resolve("mian")).rejects.toMatchObject({
      code: "revision-not-found",
      retryable: false,
      advice: expect.stringContaining('"main"') as string,
    });
    await expect(source.resolve("0123456789012345678901234567890123456789")).rejects.toMatchObject({
      code: "revision-not-found",
    });
    await expect(source.resolve("../../etc/passwd")).rejects.toMatchObject({
      code: "revision-not-found",
    });
  });
});
