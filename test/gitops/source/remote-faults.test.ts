/** What goes wrong between here and a Git server: one clear error, and a source that still works. */
import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { GitRemoteLimits } from "../../../src/gitops/source/git-remote.ts";
import type { CredentialProvider } from "../../../src/gitops/source/source.ts";
import { SourceError } from "../../../src/gitops/source/source-error.ts";
import { Sources, type SourceSpec } from "../../../src/gitops/source/sources.ts";
import { ensureCertificates } from "../../../src/engine/apiserver/pki/certificates.ts";
import { git, temporaryDirectory, WorkTree } from "../../git-fixture.ts";
import { type GitServer, type GitServerOptions, startGitServer } from "../../git-http-server.ts";

const AUTH = { username: "robot", password: "hunter2-s3cret" };

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let work: WorkTree;
let servers: GitServer[];
let opened: Sources[];

beforeEach(async () => {
  directory = await temporaryDirectory();
  servers = [];
  opened = [];
  work = await WorkTree.init(join(directory.path, "work"));
  await git(directory.path, "init", "-q", "--bare", "-b", "main", "served/app.git");
  await work.git("remote", "add", "origin", join(directory.path, "served/app.git"));
  await work.commit({ "web.yaml": "kind: Deployment\n" }, "first");
  await work.git("push", "-q", "origin", "main");
});
afterEach(async () => {
  for (const sources of opened) await sources.stop();
  for (const server of servers) await server.close();
  await directory.dispose();
});

async function serve(options: Partial<GitServerOptions> = {}): Promise<GitServer> {
  const server = await startGitServer({ root: join(directory.path, "served"), ...options });
  servers.push(server);
  return server;
}

function sourcesWith(limits: GitRemoteLimits = {}): Sources {
  const sources = new Sources({ dataDir: join(directory.path, "data"), limits });
  opened.push(sources);
  return sources;
}

function open(spec: SourceSpec, limits?: GitRemoteLimits) {
  return sourcesWith(limits).open(spec);
}

function basic(username: string, password: string): CredentialProvider {
  return {
    id: `test/${username}`,
    get: () => Promise.resolve({ kind: "basic", username, password }),
  };
}

async function failure(work: Promise<unknown>): Promise<SourceError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SourceError);
  const sourceError = error as SourceError;
  expect(sourceError.advice).toMatch(/^[A-Z].*\.$/);
  expect(sourceError.where).not.toBe("");
  expect(allText(sourceError)).not.toContain(AUTH.password);
  return sourceError;
}

/** Everything of an error that a log could show, causes included. */
function allText(error: Error): string {
  const own = JSON.stringify(error, Object.getOwnPropertyNames(error)) + String(error.stack);
  return error.cause instanceof Error ? own + allText(error.cause) : own;
}

async function packs(): Promise<string[]> {
  const root = join(directory.path, "data/git");
  const files = await readdir(root, { recursive: true });
  return files.filter((file) => file.includes("objects/pack/")).map((file) => join(root, file));
}

describe("credentials", () => {
  test("basic and bearer credentials are sent", async () => {
    const withBasic = await serve({ auth: AUTH });
    const source = await open({
      repoURL: `${withBasic.url}/app.git`,
      credentials: basic(AUTH.username, AUTH.password),
    });
    expect((await source.resolve("main")).subject).toBe("first");

    const withBearer = await serve({ bearer: "t0ken" });
    const other = await open({
      repoURL: `${withBearer.url}/app.git`,
      credentials: { id: "t", get: () => Promise.resolve({ kind: "bearer", token: "t0ken" }) },
    });
    expect((await other.resolve("main")).subject).toBe("first");
  });

  test("wrong or missing ones are said to be wrong, and never shown", async () => {
    const server = await serve({ auth: { ...AUTH, password: "other" } });
    const repoURL = `${server.url}/app.git`;
    const wrong = await open({ repoURL, credentials: basic(AUTH.username, AUTH.password) });
    const error = await failure(wrong.resolve("main"));
    expect(error).toMatchObject({ code: "unauthorized", retryable: false, where: repoURL });
    expect((await failure((await open({ repoURL })).resolve("main"))).code).toBe("unauthorized");
  });

  test("those in the URL work, and never show", async () => {
    const server = await serve({ auth: AUTH });
    const repoURL = `${server.url.replace("//", `//${AUTH.username}:${AUTH.password}@`)}/app.git`;
    const source = await open({ repoURL });
    expect(source.where).toBe(`${server.url}/app.git`);
    expect((await source.resolve("main")).subject).toBe("first");
    const missing = await open({ repoURL: repoURL.replace("app.git", "none.git") });
    expect((await failure(missing.resolve("main"))).code).toBe("repository-not-found");
  });

  test("users with different credentials do not share what was fetched", async () => {
    const server = await serve({ auth: AUTH });
    const sources = sourcesWith();
    const repoURL = `${server.url}/app.git`;
    const allowed = await sources.open({ repoURL, credentials: basic("robot", AUTH.password) });
    const { id } = await allowed.resolve("main");
    const stranger = await sources.open({ repoURL, credentials: basic("stranger", "x") });
    expect((await failure(stranger.resolve(id))).code).toBe("unauthorized");
  });

  test("403 is told from 401", async () => {
    const server = await serve();
    server.fault = { kind: "status", status: 403 };
    const source = await open({ repoURL: `${server.url}/app.git` });
    expect((await failure(source.resolve("main"))).code).toBe("forbidden");
  });
});

describe("addresses", () => {
  test("an unreachable server is a retryable error", async () => {
    const server = await serve();
    const source = await open({ repoURL: `${server.url}/app.git` });
    await server.close();
    expect(await failure(source.resolve("main"))).toMatchObject({
      code: "unreachable",
      retryable: true,
    });
    const nowhere = await open({ repoURL: "https://no-such-host.invalid/app.git" });
    expect((await failure(nowhere.resolve("main"))).code).toBe("unreachable");
  });

  test.each([
    ["git://example.com/app.git", "git"],
    ["file:///etc", "file"],
    ["ext::sh -c id", "ext"],
    ["fd::17/app", "fd"],
    ["EXT::sh -c id", "ext"],
  ])("%s is refused", async (repoURL, scheme) => {
    const error = await failure(sourcesWith().open({ repoURL }));
    expect(error.code).toBe("scheme-not-allowed");
    expect(error.what).toContain(scheme);
  });

  test.each([
    "http://169.254.169.254/latest/app.git",
    "http://[fe80::1]/app.git",
    "http://[::ffff:169.254.169.254]/app.git",
    "http://2852039166/app.git",
    "http://0.0.0.0/app.git",
    "http://[fd00:ec2::254]/app.git",
  ])("%s is never connected to", async (repoURL) => {
    const source = await open({ repoURL });
    expect((await failure(source.resolve("main"))).code).toBe("address-refused");
  });

  test("this machine is reached only when the URL names it", async () => {
    const server = await serve();
    const named = await open({
      repoURL: `${server.url.replace("127.0.0.1", "localhost")}/app.git`,
    });
    expect((await named.resolve("main")).subject).toBe("first");
  });

  test("a redirect to another host is refused, credentials unsent", async () => {
    const elsewhere = await serve();
    const server = await serve({ auth: AUTH });
    server.fault = {
      kind: "redirect",
      to: `${elsewhere.url}/app.git/info/refs?service=git-upload-pack`,
    };
    const credentials = basic(AUTH.username, AUTH.password);
    const source = await open({ repoURL: `${server.url}/app.git`, credentials });
    const error = await failure(source.resolve("main"));
    expect(error.code).toBe("redirect-refused");
    expect(elsewhere.requests).toEqual([]);
  });

  test("a redirect on the same host is followed, for the pack too", async () => {
    const server = await serve();
    const source = await open({ repoURL: `${server.url}/old-name.git` });
    server.redirectOnce = {
      from: "/old-name.git/",
      to: `${server.url}/app.git/info/refs?service=git-upload-pack`,
    };
    expect((await source.resolve("main")).subject).toBe("first");
    expect(server.requests.at(-1)).toBe("POST /app.git/git-upload-pack");
  });

  test("a web page is not taken for a repository", async () => {
    const server = await serve();
    server.fault = { kind: "page" };
    const source = await open({ repoURL: `${server.url}/app.git` });
    expect((await failure(source.resolve("main"))).code).toBe("protocol");
  });
});

describe("time and size", () => {
  test("a server that hangs costs its own users a timeout and nobody else anything", async () => {
    const hanging = await serve();
    hanging.fault = { kind: "hang" };
    const healthy = await serve();
    const sources = sourcesWith({ refsTimeoutMs: 300 });
    const stuck = await sources.open({ repoURL: `${hanging.url}/app.git` });
    const other = await sources.open({ repoURL: `${healthy.url}/app.git` });
    const waiting = failure(stuck.resolve("main"));
    expect((await other.resolve("main")).subject).toBe("first");
    expect(await waiting).toMatchObject({ code: "timeout", retryable: true });
  });

  test("one byte at a time does not escape the deadline", async () => {
    const server = await serve();
    server.fault = { kind: "trickle", everyMs: 20 };
    const source = await open({ repoURL: `${server.url}/app.git` }, { refsTimeoutMs: 300 });
    expect((await failure(source.resolve("main"))).code).toBe("timeout");
  });

  test("nor does a pack that comes one byte at a time", async () => {
    const server = await serve();
    const source = await open({ repoURL: `${server.url}/app.git` }, { fetchTimeoutMs: 2_000 });
    await source.resolve("main");
    await work.commit({ "big.bin": randomBytes(5_000) });
    await work.git("push", "-q", "origin", "main");
    server.fault = { kind: "trickle", everyMs: 1 };
    expect(await failure(source.resolve("main"))).toMatchObject({ code: "timeout" });
    server.fault = { kind: "none" };
    expect((await source.resolve("main")).subject).toBe("change");
  });

  test("a pack above the limit is refused", async () => {
    await work.commit({ "big.bin": Buffer.alloc(200_000, "abc").map((_, i) => (i * 7919) % 251) });
    await work.git("push", "-q", "origin", "main");
    const server = await serve();
    const source = await open(
      { repoURL: `${server.url}/app.git` },
      { http: { maxPackBytes: 500 } },
    );
    expect((await failure(source.resolve("main"))).code).toBe("too-large");
  });

  test("a few kilobytes that inflate to megabytes are refused before they do", async () => {
    await work.commit({ "zeros.bin": Buffer.alloc(8 * 1024 * 1024) });
    await work.git("push", "-q", "origin", "main");
    const server = await serve();
    const source = await open(
      { repoURL: `${server.url}/app.git` },
      { pack: { maxObjectBytes: 1024 * 1024 } },
    );
    expect((await failure(source.resolve("main"))).code).toBe("too-large");
    expect(await packs()).toEqual([]);
  });

  test("a caller can give up waiting", async () => {
    const server = await serve();
    server.fault = { kind: "hang" };
    const source = await open({ repoURL: `${server.url}/app.git` });
    const controller = new AbortController();
    const waiting = failure(source.resolve("main", { signal: controller.signal }));
    controller.abort(new Error("stopping"));
    expect((await waiting).code).toBe("aborted");
  });
});

describe("TLS", () => {
  test("a server is trusted through its own authority only", async () => {
    const { ca, server: pair } = await ensureCertificates({
      directory: join(directory.path, "pki"),
      names: ["127.0.0.1"],
      nowMs: Date.now(),
    });
    const server = await serve({ tls: { key: pair.key, cert: pair.certificate } });
    const repoURL = `${server.url}/app.git`;
    expect((await failure((await open({ repoURL })).resolve("main"))).code).toBe("tls");
    expect((await (await open({ repoURL, ca })).resolve("main")).subject).toBe("first");
  });
});

describe("damaged answers", () => {
  test.each([
    ["cut off by the connection", { kind: "truncate", afterBytes: 120 }],
    ["that just end", { kind: "cut", afterBytes: 120 }],
    ["with no pack", { kind: "cut", afterBytes: 0 }],
  ] as const)("packs %s are not used, and the next try succeeds", async (_, fault) => {
    const server = await serve();
    const source = await open({ repoURL: `${server.url}/app.git` });
    server.fault = fault;
    const error = await failure(source.resolve("main"));
    expect(error).toMatchObject({ code: "truncated", retryable: true });
    expect(await packs()).toEqual([]);
    server.fault = { kind: "none" };
    expect((await source.resolve("main")).subject).toBe("first");
  });

  test("the old commit can still be read after a failed fetch", async () => {
    const server = await serve();
    const source = await open({ repoURL: `${server.url}/app.git` });
    const first = await source.resolve("main");
    await work.commit({ "web.yaml": "kind: Service\n" }, "second");
    await work.git("push", "-q", "origin", "main");
    server.fault = { kind: "cut", afterBytes: 100 };
    await failure(source.resolve("main"));
    const entry = await first.tree.entry("web.yaml");
    expect(Buffer.from(await first.tree.blob(entry?.id ?? "")).toString()).toBe(
      "kind: Deployment\n",
    );
  });
});

describe("branches", () => {
  test("an empty repository says so, and works after the first push", async () => {
    await git(directory.path, "init", "-q", "--bare", "-b", "main", "served/empty.git");
    const server = await serve();
    const source = await open({ repoURL: `${server.url}/empty.git` });
    expect((await failure(source.resolve("HEAD"))).code).toBe("empty-repository");
    expect((await failure(source.resolve("main"))).code).toBe("empty-repository");
    await work.git("push", "-q", join(directory.path, "served/empty.git"), "main");
    expect((await source.resolve("HEAD")).subject).toBe("first");
  });

  test("a deleted branch is a clear error; the other branches are named", async () => {
    await work.git("push", "-q", "origin", "main:release");
    const server = await serve();
    const source = await open({ repoURL: `${server.url}/app.git` });
    await source.resolve("release");
    await work.git("push", "-q", "origin", ":release");
    const error = await failure(source.resolve("release"));
    expect(error).toMatchObject({ code: "revision-not-found", retryable: false });
    expect(error.advice).toContain("main");
  });

  test("a force-push is just another commit", async () => {
    const server = await serve();
    const source = await open({ repoURL: `${server.url}/app.git` });
    const before = await source.resolve("main");
    await work.git("checkout", "-q", "--orphan", "other");
    await work.commit({ "web.yaml": "kind: ConfigMap\n" }, "rewritten");
    await work.git("push", "-q", "--force", "origin", "other:main");
    const after = await source.resolve("main");
    expect(after.subject).toBe("rewritten");
    const entry = await after.tree.entry("web.yaml");
    expect(Buffer.from(await after.tree.blob(entry?.id ?? "")).toString()).toBe(
      "kind: ConfigMap\n",
    );
    // What was deployed before can still be gone back to.
    expect((await source.resolve(before.id)).subject).toBe("first");
  });

  test("a branch wins over a tag of its name; tags are peeled", async () => {
    await work.git("tag", "-a", "-m", "release", "v1");
    await work.git("tag", "main");
    await work.git("push", "-q", "origin", "v1", "refs/tags/main");
    const first = await work.git("rev-parse", "HEAD");
    const second = await work.commit({ "web.yaml": "kind: Service\n" }, "second");
    await work.git("push", "-q", "origin", "refs/heads/main");
    const server = await serve();
    const source = await open({ repoURL: `${server.url}/app.git` });
    expect((await source.resolve("main")).id).toBe(second);
    expect((await source.resolve("v1")).id).toBe(first);
    expect((await source.resolve("refs/tags/main")).id).toBe(first);
  });

  test("an older commit is found by its id although only branch tips are handed out", async () => {
    const first = await work.git("rev-parse", "HEAD");
    for (const n of [1, 2, 3])
      await work.commit({ "web.yaml": `kind: Service # ${n}\n` }, `change ${n}`);
    await work.git("push", "-q", "origin", "main");
    const server = await serve();
    const source = await open({ repoURL: `${server.url}/app.git` });
    await source.resolve("main");
    const old = await source.resolve(first);
    expect(old.subject).toBe("first");
    expect(await old.tree.entries("")).toHaveLength(1);
  });
});

describe("sharing and caching", () => {
  test("many users cost one look at the refs and one fetch", async () => {
    const server = await serve();
    const sources = sourcesWith();
    const users = await Promise.all(
      Array.from({ length: 50 }, () => sources.open({ repoURL: `${server.url}/app.git` })),
    );
    await Promise.all(users.map((user) => user.resolve("main")));
    // What the server can do, a look for the first, one for all who asked meanwhile, the fetch.
    expect(server.requests.length).toBeLessThanOrEqual(4);
    expect((await packs()).filter((file) => file.endsWith(".pack"))).toHaveLength(1);
    const before = server.requests.length;
    await Promise.all(users.map((user) => user.resolve("main", { maxAgeMs: 60_000 })));
    expect(server.requests.length).toBe(before);
  });

  test("users hear of changes that another user's look has seen", async () => {
    const server = await serve();
    const sources = sourcesWith();
    const one = await sources.open({ repoURL: `${server.url}/app.git` });
    const two = await sources.open({ repoURL: `${server.url}/app.git` });
    let calls = 0;
    two.onChange(() => calls++);
    await one.resolve("main");
    await one.resolve("main");
    expect(calls).toBe(0);
    await work.commit({ "web.yaml": "kind: Service\n" }, "second");
    await work.git("push", "-q", "origin", "main");
    await one.resolve("main");
    expect(calls).toBe(1);
    await two.close();
    expect((await one.resolve("main")).subject).toBe("second");
  });

  test("a new process reads what the last one fetched, without the server", async () => {
    const server = await serve();
    const repoURL = `${server.url}/app.git`;
    const sources = sourcesWith();
    const { id } = await (await sources.open({ repoURL })).resolve("main");
    await sources.stop();
    await server.close();
    const source = await open({ repoURL });
    expect((await source.resolve(id)).subject).toBe("first");
  });

  test("a fetch after a small commit brings only what changed", async () => {
    const files = Object.fromEntries(
      Array.from({ length: 200 }, (_, i) => [`apps/a${i % 20}/${i}.yaml`, `kind: X # ${i}\n`]),
    );
    await work.commit(files, "many");
    await work.git("push", "-q", "origin", "main");
    const server = await serve();
    const source = await open({ repoURL: `${server.url}/app.git` });
    await source.resolve("main");
    await work.commit({ "apps/a3/3.yaml": "kind: Y\n" }, "one");
    await work.git("push", "-q", "origin", "main");
    const before = new Set(await packs());
    await source.resolve("main");
    const added = (await packs()).filter((file) => !before.has(file) && file.endsWith(".pack"));
    expect(added).toHaveLength(1);
    const listed = await git(directory.path, "verify-pack", "-v", added[0] ?? "");
    // A commit, three trees (root, apps, a3) and one blob; commits of the same second come along.
    const objects = listed.split("\n").filter((line) => /^[0-9a-f]{40} /.test(line));
    expect(objects.length).toBeGreaterThanOrEqual(5);
    expect(objects.length).toBeLessThan(10);
  });

  test("many fetches do not pile up packs for ever", async () => {
    const server = await serve();
    const source = await open({ repoURL: `${server.url}/app.git` });
    let last = "";
    for (let n = 0; n < 45; n++) {
      last = await work.commit({ "web.yaml": `kind: Service # ${n}\n` }, `change ${n}`);
      await work.git("push", "-q", "origin", "main");
      const { id, tree } = await source.resolve("main");
      expect(id).toBe(last);
      const entry = await tree.entry("web.yaml");
      expect(Buffer.from(await tree.blob(entry?.id ?? "")).toString()).toContain(`# ${n}\n`);
    }
    const count = (await packs()).filter((file) => file.endsWith(".idx")).length;
    expect(count).toBeLessThan(10);
  });
});

describe("a damaged cache", () => {
  async function fetchOnce(repoURL: string): Promise<void> {
    const sources = sourcesWith();
    await (await sources.open({ repoURL })).resolve("main");
    await sources.stop();
  }

  test("leftovers of a killed process are cleared, a pack without its index is fetched again", async () => {
    const server = await serve();
    const repoURL = `${server.url}/app.git`;
    await fetchOnce(repoURL);
    const files = await packs();
    const index = files.find((file) => file.endsWith(".idx")) ?? "";
    await rm(index);
    await writeFile(`${index}.tmp-0000`, "half");
    const source = await open({ repoURL });
    expect((await source.resolve("main")).subject).toBe("first");
    expect((await packs()).filter((file) => file.includes("tmp-"))).toEqual([]);
  });

  test("a pack that was cut is fetched again", async () => {
    const server = await serve();
    const repoURL = `${server.url}/app.git`;
    await fetchOnce(repoURL);
    const pack = (await packs()).find((file) => file.endsWith(".pack")) ?? "";
    await truncate(pack, 60);
    const source = await open({ repoURL });
    expect((await source.resolve("main")).subject).toBe("first");
  });

  test.each([true, false])(
    "flipped bits are noticed and healed (git binary: %s)",
    async (gitBinary) => {
      const server = await serve();
      const repoURL = `${server.url}/app.git`;
      await fetchOnce(repoURL);
      const sources = new Sources({ dataDir: join(directory.path, "data"), gitBinary });
      opened.push(sources);
      const pack = (await packs()).find((file) => file.endsWith(".pack")) ?? "";
      const content = await readFile(pack);
      content.fill(0x55, 14, content.length - 22);
      await rm(pack);
      await writeFile(pack, content);
      const source = await sources.open({ repoURL });
      await failure(source.resolve("main"));
      const { subject, tree } = await source.resolve("main");
      expect(subject).toBe("first");
      expect(await tree.entries("")).toHaveLength(1);
    },
  );

  test("a directory that is no repository is made one", async () => {
    const server = await serve();
    const repoURL = `${server.url}/app.git`;
    await fetchOnce(repoURL);
    const [name = ""] = await readdir(join(directory.path, "data/git"));
    await rm(join(directory.path, "data/git", name), { recursive: true });
    await mkdir(join(directory.path, "data/git", name));
    expect((await (await open({ repoURL })).resolve("main")).subject).toBe("first");
  });
});
