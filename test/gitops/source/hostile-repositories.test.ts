/** Repositories made to harm or merely huge: what they hold is listed, fetched and read in bounds. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { GitRemoteLimits } from "../../../src/gitops/source/git-remote.ts";
import { SourceError } from "../../../src/gitops/source/source-error.ts";
import { Sources } from "../../../src/gitops/source/sources.ts";
import { render } from "../../../src/gitops/render/render.ts";
import { git, temporaryDirectory, WorkTree } from "../../git-fixture.ts";
import { type GitServer, type GitServerOptions, startGitServer } from "../../git-http-server.ts";

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let work: WorkTree;
let bare: string;
const closing: (() => Promise<void>)[] = [];

beforeEach(async () => {
  directory = await temporaryDirectory();
  work = await WorkTree.init(join(directory.path, "work"));
  bare = join(directory.path, "served/app.git");
  await git(directory.path, "init", "-q", "--bare", "-b", "main", bare);
  await work.commit({ "web.yaml": "kind: Deployment\n" }, "first");
  await work.git("push", "-q", bare, "main");
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

function open(repoURL: string, limits: GitRemoteLimits = {}, gitBinary = true) {
  const sources = new Sources({ dataDir: join(directory.path, "data"), limits, gitBinary });
  closing.push(() => sources.stop());
  return sources.open({ repoURL });
}

async function failure(work: Promise<unknown>): Promise<SourceError> {
  const error = await work.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(SourceError);
  return error as SourceError;
}

describe("a hundred thousand refs", () => {
  const REFS = 100_000;
  /** A list of them all has some six megabytes. */
  const FEW_BYTES = { http: { maxRefsBytes: 20_000 } };

  beforeEach(async () => {
    const id = await work.git("rev-parse", "HEAD");
    const lines = Array.from({ length: REFS }, (_, n) => `${id} refs/pull/${n}/head`);
    const tags = ["v1.0.0", "v1.4.0", "v2.0.0"].map((tag) => `${id} refs/tags/${tag}`);
    const all = [`${id} refs/heads/main`, ...lines.toSorted(), ...tags];
    await writeFile(join(bare, "packed-refs"), `# pack-refs with: sorted\n${all.join("\n")}\n`);
  });

  test("cost nothing: only those that somebody follows are listed", async () => {
    const source = await open(`${(await serve()).url}/app.git`, FEW_BYTES);
    expect((await source.resolve("main")).subject).toBe("first");
    expect((await source.resolve("HEAD")).ref).toBe("refs/heads/main");
    expect((await source.resolve("1.x")).ref).toBe("refs/tags/v1.4.0");
    expect((await source.resolve("refs/pull/77777/head")).ref).toBe("refs/pull/77777/head");
  });

  test("are all read where the server knows no better, within the limit", async () => {
    const url = `${(await serve({ version2: false })).url}/app.git`;
    expect((await (await open(url)).resolve("refs/pull/5/head")).subject).toBe("first");
    expect((await failure((await open(url, FEW_BYTES)).resolve("main"))).code).toBe("too-large");
  });

  test("many followers ask for all branches and tags at once, and still one by one for others", async () => {
    const id = await work.git("rev-parse", "HEAD");
    for (let n = 0; n < 120; n++) await git(bare, "update-ref", `refs/heads/team-${n}`, id);
    const server = await serve();
    const source = await open(`${server.url}/app.git`, FEW_BYTES);
    const names = Array.from({ length: 120 }, (_, n) => `team-${n}`);
    const found = await Promise.all(names.map((name) => source.resolve(name)));
    expect(new Set(found.map(({ id: each }) => each)).size).toBe(1);
    expect((await source.resolve("refs/pull/9/head")).ref).toBe("refs/pull/9/head");
  });
});

describe("names that are options", () => {
  test.each(["--upload-pack=touch owned", "-x", "--", "-", "a\nb", "refs/heads/--help"])(
    "%j as a revision is only a name that does not exist",
    async (revision) => {
      const server = await serve();
      const source = await open(`${server.url}/app.git`);
      expect((await failure(source.resolve(revision))).code).toBe("revision-not-found");
      expect(existsSync(join(directory.path, "owned"))).toBe(false);
    },
  );

  test("of branches on the server are left out", async () => {
    await git(bare, "update-ref", "refs/heads/-x", await work.git("rev-parse", "HEAD"));
    const source = await open(`${(await serve()).url}/app.git`);
    expect((await failure(source.resolve("-x"))).code).toBe("revision-not-found");
    expect((await source.resolve("main")).subject).toBe("first");
  });

  test.each(["--upload-pack=id", "-oProxyCommand=id"])(
    "%s as a repository is a path that is no repository",
    async (repoURL) => {
      expect(
        (await failure(open(repoURL).then((source) => source.resolve("main")))).retryable,
      ).toBeDefined();
    },
  );
});

test("nothing of the environment reaches the git program", async () => {
  const trace = join(directory.path, "trace");
  const hostile = {
    GIT_TRACE: trace,
    GIT_CONFIG_COUNT: "1",
    GIT_CONFIG_KEY_0: "core.hooksPath",
    GIT_CONFIG_VALUE_0: directory.path,
    GIT_OBJECT_DIRECTORY: "/nowhere",
  };
  Object.assign(process.env, hostile);
  try {
    const source = await open(`${(await serve()).url}/app.git`);
    const { tree } = await source.resolve("main");
    expect(await tree.entries("")).toHaveLength(1);
  } finally {
    for (const name of Object.keys(hostile)) delete process.env[name];
  }
  const traced = existsSync(trace) ? await readFile(trace, "utf8") : "";
  expect(traced).not.toMatch(/index-pack|cat-file/);
});

test("twelve objects that stand for ten thousand million files are not unfolded", async () => {
  const blob = await git(bare, "hash-object", "-w", join(work.path, "web.yaml"));
  let entries = Array.from({ length: 10 }, (_, n) => `100644 blob ${blob}\tf${n}.yaml`);
  let tree = "";
  for (let level = 0; level < 10; level++) {
    const input = `${entries.join("\n")}\n`;
    tree = execFileSync("git", ["mktree"], { cwd: bare, input }).toString().trim();
    entries = Array.from({ length: 10 }, (_, n) => `040000 tree ${tree}\td${n}`);
  }
  const commit = await git(
    bare,
    "-c",
    "user.name=a",
    "-c",
    "user.email=b",
    "commit-tree",
    "-m",
    "bomb",
    tree,
  );
  await git(bare, "update-ref", "refs/heads/bomb", commit);
  const startedAt = performance.now();
  const source = await open(`${(await serve()).url}/app.git`);
  const found = await source.resolve("bomb");
  expect(await found.tree.entries("d1/d2/d3")).toHaveLength(10);
  const rendered = await render(found.tree, { path: "" });
  expect(rendered.complete).toBe(false);
  expect(rendered.objects.length).toBeLessThan(100_000);
  expect(performance.now() - startedAt).toBeLessThan(20_000);
}, 30_000);

describe("refs that move", () => {
  test("a tag is followed to where it points now", async () => {
    const server = await serve();
    const source = await open(`${server.url}/app.git`);
    await work.git("tag", "-a", "-m", "one", "stable");
    await work.git("push", "-q", bare, "stable");
    expect((await source.resolve("stable")).subject).toBe("first");
    await work.commit({ "web.yaml": "kind: Service\n" }, "second");
    await work.git("tag", "-f", "-a", "-m", "two", "stable");
    await work.git("push", "-q", "--force", bare, "stable");
    expect((await source.resolve("stable")).subject).toBe("second");
  });

  test("a newer version inside the range is taken when it appears", async () => {
    const server = await serve();
    const source = await open(`${server.url}/app.git`);
    await work.git("push", "-q", bare, "main:refs/tags/v1.0.0");
    expect((await source.resolve("^1")).ref).toBe("refs/tags/v1.0.0");
    let told = 0;
    source.onChange(() => told++);
    await work.commit({ "web.yaml": "kind: Service\n" }, "second");
    await work.git("push", "-q", bare, "main:refs/tags/v1.1.0");
    expect(await source.resolve("^1")).toMatchObject({
      ref: "refs/tags/v1.1.0",
      subject: "second",
    });
    expect(told).toBe(1);
    await work.git("push", "-q", bare, ":refs/tags/v1.1.0");
    expect(await source.resolve("^1")).toMatchObject({ ref: "refs/tags/v1.0.0", subject: "first" });
  });

  test("a branch that was deleted and made again is followed", async () => {
    const server = await serve();
    const source = await open(`${server.url}/app.git`);
    await work.git("push", "-q", bare, "main:release");
    await source.resolve("release");
    await work.git("push", "-q", bare, ":release");
    expect((await failure(source.resolve("release"))).code).toBe("revision-not-found");
    await work.commit({ "web.yaml": "kind: Service\n" }, "again");
    await work.git("push", "-q", bare, "main:release");
    expect((await source.resolve("release")).subject).toBe("again");
  });
});

test.each([true, false])(
  "packs that lean on what is here are made whole on disk (git binary: %s)",
  async (gitBinary) => {
    const files = Object.fromEntries(
      Array.from({ length: 50 }, (_, n) => [`a/${n}.yaml`, `${"line of text\n".repeat(40)}${n}\n`]),
    );
    await work.commit(files, "many");
    await work.git("push", "-q", bare, "main");
    const source = await open(`${(await serve()).url}/app.git`, {}, gitBinary);
    await source.resolve("main");
    const changed = { "a/7.yaml": `${"line of text\n".repeat(40)}changed\n` };
    await work.commit(changed, "one");
    await work.git("push", "-q", bare, "main");
    const { tree } = await source.resolve("main");
    const entry = await tree.entry("a/7.yaml");
    expect(Buffer.from(await tree.blob(entry?.id ?? "")).toString()).toBe(changed["a/7.yaml"]);
    // Stock git finds nothing missing in any of them.
    const root = join(directory.path, "data/git");
    const all = await readdir(root, { recursive: true });
    const indexes = all.filter((file) => file.endsWith(".idx"));
    expect(indexes.length).toBe(2);
    for (const index of indexes) await git(root, "verify-pack", join(root, index));
  },
);

test.each([true, false])(
  "an indexing that fails leaves nothing on the disk (git binary: %s)",
  async (gitBinary) => {
    // Whole by its checksum and its entries, but a delta leans on what nobody has.
    const delta = deflateSync(Buffer.from([1, 1, 1, 0x78]));
    const entry = Buffer.concat([Buffer.from([0x74]), Buffer.alloc(20, 7), delta]);
    const head = Buffer.from([0x50, 0x41, 0x43, 0x4b, 0, 0, 0, 2, 0, 0, 0, 1]);
    const body = Buffer.concat([head, entry]);
    const pack = Buffer.concat([body, createHash("sha1").update(body).digest()]);
    const packet = (payload: Buffer): Buffer =>
      Buffer.concat([Buffer.from((payload.length + 4).toString(16).padStart(4, "0")), payload]);
    const id = "0123456789012345678901234567890123456789";
    const refs = Buffer.from(`${id} refs/heads/main\0side-band-64k ofs-delta shallow\n`);
    const server = createServer((request, response) => {
      const isRefs = request.method === "GET";
      const kind = isRefs ? "advertisement" : "result";
      response.setHeader("content-type", `application/x-git-upload-pack-${kind}`);
      const flush = Buffer.from("0000");
      const nak = packet(Buffer.from("NAK\n"));
      const band = packet(Buffer.concat([Buffer.from([1]), pack]));
      response.end(Buffer.concat(isRefs ? [packet(refs), flush] : [nak, band, flush]));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closing.push(() => new Promise((resolve) => void server.close(() => resolve())));
    const { port } = server.address() as AddressInfo;
    const source = await open(`http://127.0.0.1:${port}/app.git`, {}, gitBinary);
    expect(["protocol", "truncated"]).toContain((await failure(source.resolve("main"))).code);
    const left = await readdir(join(directory.path, "data/git"), { recursive: true });
    expect(left.filter((file) => /pack\/.+/.test(file))).toEqual([]);
  },
);
