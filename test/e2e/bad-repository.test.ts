import { createHmac } from "node:crypto";
import { mkdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Client } from "../../src/client/client.ts";
import { applications } from "../../src/kube/kinds/application.ts";
import { configMaps } from "../../src/kube/kinds/configmap.ts";
import { secrets } from "../../src/kube/kinds/secret.ts";
import { git, WorkTree } from "../git-fixture.ts";
import { type GitServer, startGitServer } from "../git-http-server.ts";
import { appFiles } from "./app-manifests.ts";
import { serviceUrl, untilApplication, untilSettled } from "./cluster-state.ts";
import { GantryProcess } from "./gantry-process.ts";
import { ask } from "./load.ts";

const AUTH = { username: "deployer", password: "correct horse" };
const WEBHOOK_SECRET = "battery staple";
const APPLICATION = { namespace: "default", name: "default" };
const CREDENTIALS = { namespace: "default", name: "git-server" };

const configMap = (name: string, rest: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\n${rest}`;
const anchors = (depth: number): string =>
  Array.from({ length: depth }, (_, at) =>
    at === 0
      ? 'a0: &a0 ["x", "x", "x", "x", "x", "x", "x", "x", "x", "x"]'
      : `a${at}: &a${at} [${Array.from({ length: 10 }, () => `*a${at - 1}`).join(", ")}]`,
  ).join("\n");

/** What the file `bad.yaml` holds, and what the Application says about it. */
const BAD_FILES: readonly (readonly [string, string | Uint8Array, RegExp])[] = [
  ["malformed YAML", configMap("x", "data: {a: [}\n"), /bad\.yaml:4:\d+/],
  ["duplicate keys", configMap("x", "data:\n  a: b\n  a: c\n"), /bad\.yaml:6:3.*"?a"?/],
  ["a tab as indentation", configMap("x", "data:\n\ta: b\n"), /bad\.yaml:5:1.*tab/i],
  ["an unknown kind", "apiVersion: apps/v1\nkind: Deploymnet\nmetadata: {name: x}\n", /Deploymnet/],
  ["an unknown field", configMap("x", "dta: {a: b}\n"), /dta/],
  ["a value of a wrong type", configMap("x", "data: {a: 1}\n"), /data/],
  [
    "a missing required field",
    "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {}\n",
    /spec\.ports/,
  ],
  ["a document without a name", "apiVersion: v1\nkind: ConfigMap\n", /bad\.yaml:1:1.*name/],
  [
    "two documents for one object",
    `${configMap("x", "")}---\n${configMap("x", "")}`,
    /bad\.yaml:5:\d+.*defined twice, first at bad\.yaml:1/,
  ],
  ["an alias bomb", configMap("x", anchors(9)), /bad\.yaml:\d+:\d+.*alias/i],
  ["10 MB", configMap("x", `data: {a: ${"x".repeat(10 * 1024 * 1024)}}\n`), /bad\.yaml.*bytes/],
  ["bytes that are no text", Buffer.from([0x89, 0x50, 0, 0xff, 0xfe, 0]), /bad\.yaml/],
  [
    "invalid UTF-8",
    Buffer.concat([Buffer.from(configMap("x", "# ")), Buffer.from([0xc3, 0x28])]),
    /UTF-8/i,
  ],
];

describe("a repository that has gone bad", () => {
  let gantry: GantryProcess;
  let server: GitServer;
  let work: WorkTree;
  let client: Client;
  let repoURL = "";
  let url = "";
  let version = 0;

  beforeAll(async () => {
    gantry = await GantryProcess.create();
    const root = join(gantry.home, "git");
    await mkdir(root);
    await git(root, "init", "-q", "--bare", "-b", "main", "app.git");
    await git(join(root, "app.git"), "config", "receive.denyDeleteCurrent", "ignore");
    await git(root, "init", "-q", "--bare", "-b", "main", "empty.git");
    server = await startGitServer({ root, auth: AUTH, allowPush: true });
    repoURL = `${server.url}/app.git`;
    work = await WorkTree.init(join(gantry.home, "work"));
    await work.git("remote", "add", "origin", join(root, "app.git"));
    const revision = await pushNextVersion();
    await gantry.up();
    client = await gantry.client();
    await client.create(secrets, {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { ...CREDENTIALS, labels: { "gantry.dev/secret-type": "repo-creds" } },
      stringData: { url: server.url, ...AUTH },
    });
    await client.create(secrets, {
      apiVersion: "v1",
      kind: "Secret",
      metadata: {
        namespace: "default",
        name: "gantry-webhook",
        labels: { "gantry.dev/secret-type": "webhook" },
      },
      stringData: { generic: WEBHOOK_SECRET },
    });
    await client.create(applications, {
      apiVersion: "gantry.dev/v1",
      kind: "Application",
      metadata: APPLICATION,
      spec: {
        source: { repoURL, targetRevision: "main" },
        destination: { namespace: "default" },
        syncPolicy: { automated: { prune: true, selfHeal: true } },
      },
    });
    await untilSettled(client, revision);
    url = await serviceUrl(client, "app");
  });
  afterAll(async () => {
    await server?.close();
    await gantry?.dispose();
  });

  const push = () => work.git("push", "-q", "--force", "origin", "main");
  async function pushNextVersion(files: Record<string, string | Uint8Array> = {}): Promise<string> {
    version++;
    const revision = await work.commit({ ...appFiles({ version: String(version) }), ...files });
    await push();
    return revision;
  }
  /** Tells gantry that there is something to fetch. */
  async function webhook(repository = repoURL): Promise<void> {
    const body = JSON.stringify({ repository, ref: "refs/heads/main" });
    const hmac = createHmac("sha256", WEBHOOK_SECRET).update(body).digest("hex");
    const headers = { "content-type": "application/json", "x-signature": `sha256=${hmac}` };
    const { status } = await fetch(`${gantry.addresses.web}/api/webhook`, {
      method: "POST",
      headers,
      body,
    });
    expect([200, 202]).toContain(status);
  }
  /** Waits until the Application tells of the trouble, and sees that this is all that has happened. */
  async function expectTrouble(message: RegExp): Promise<void> {
    const serving = await ask(new URL(url));
    const { status } = await untilApplication(client, (application) =>
      (application.status?.conditions ?? []).some((condition) => message.test(condition.message)),
    );
    expect(status?.sync?.status).not.toBe("Synced");
    expect(await ask(new URL(url))).toBe(serving);
  }
  async function expectServed(revision: string): Promise<void> {
    await untilSettled(client, revision);
    expect(await ask(new URL(url))).toBe(String(version));
  }
  async function setRepository(repository: string): Promise<void> {
    const body = { spec: { source: { repoURL: repository } } };
    await client.patch(applications, APPLICATION, { type: "merge", body });
  }
  async function setPassword(password: string): Promise<void> {
    const data = { password: Buffer.from(password).toString("base64") };
    await client.patch(secrets, CREDENTIALS, { type: "merge", body: { data } });
  }

  test.each(BAD_FILES)("with %s says where and keeps what runs", async (_, content, message) => {
    const serving = await ask(new URL(url));
    await pushNextVersion({ "bad.yaml": content });
    await webhook();
    await expectTrouble(message);
    expect(await ask(new URL(url))).toBe(serving);
  });

  test("with a symlink that leads out of it says so and reads nothing there", async () => {
    await rm(join(work.path, "bad.yaml"));
    await symlink("/etc/passwd", join(work.path, "bad.yaml"));
    await pushNextVersion();
    await webhook();
    await expectTrouble(/bad\.yaml.*symlink points out of the repository/);
    const { stdout } = await gantry.kubectl("get", "applications,events", "-o", "yaml");
    expect(stdout).toContain("symlink points out");
    expect(stdout).not.toContain("root:");
  });

  test("that is good again is deployed", async () => {
    await rm(join(work.path, "bad.yaml"));
    const revision = await pushNextVersion();
    await webhook();
    await expectServed(revision);
  });

  test("with a submodule says that it is not fetched, deploys the rest and prunes nothing", async () => {
    const extra = { "extra.yaml": configMap("extra", "data: {a: b}\n") };
    const before = await pushNextVersion(extra);
    await webhook();
    await expectServed(before);
    // What `extra.yaml` held may be in the submodule now: nobody can know.
    await work.git("rm", "-q", "extra.yaml");
    await work.git("update-index", "--add", "--cacheinfo", `160000,${before},vendor`);
    await work.git("commit", "-q", "-m", "a submodule");
    await push();
    await webhook();
    const { status } = await untilApplication(client, (application) =>
      (application.status?.conditions ?? []).some(({ message }) =>
        /vendor:1:1: .*submodule, which is not fetched/.test(message),
      ),
    );
    expect(status?.health?.status).toBe("Healthy");
    expect(status?.resources).toContainEqual(
      expect.objectContaining({ name: "extra", requiresPruning: true }),
    );
    await client.get(configMaps, { namespace: "default", name: "extra" });
    expect(await ask(new URL(url))).toBe(String(version));

    await work.git("rm", "-q", "--cached", "vendor");
    const revision = await pushNextVersion();
    await webhook();
    await expectServed(revision);
    await expect(client.get(configMaps, { namespace: "default", name: "extra" })).rejects.toThrow(
      /not found/,
    );
  });

  test("that refuses the credentials is told apart, and tried again with the right ones", async () => {
    await setPassword("wrong");
    const revision = await pushNextVersion();
    await webhook();
    await expectTrouble(/does not accept the credentials \(401\)/);
    await setPassword(AUTH.password);
    await webhook();
    await expectServed(revision);
  });

  test("that cannot be reached", async () => {
    await setRepository("http://127.0.0.1:9/app.git");
    await expectTrouble(/127\.0\.0\.1:9\/app\.git: the server cannot be reached/);
    await setRepository(repoURL);
    await expectServed(await work.git("rev-parse", "HEAD"));
  });

  test("that fails", async () => {
    server.fault = { kind: "status", status: 503 };
    const revision = await pushNextVersion();
    await webhook();
    await expectTrouble(/503/);
    server.fault = { kind: "none" };
    await webhook();
    await expectServed(revision);
  });

  test("whose answer breaks off", async () => {
    server.fault = { kind: "truncate", afterBytes: 200 };
    const revision = await pushNextVersion();
    await webhook();
    await expectTrouble(/app\.git: /);
    server.fault = { kind: "none" };
    await webhook();
    await expectServed(revision);
  });

  test("that is empty", async () => {
    await setRepository(`${server.url}/empty.git`);
    await expectTrouble(/has no commits yet/);
    await setRepository(repoURL);
    await expectServed(await work.git("rev-parse", "HEAD"));
  });

  test("whose branch was deleted", async () => {
    await work.git("push", "-q", "origin", "main:other");
    await work.git("push", "-q", "origin", "--delete", "main");
    await webhook();
    await expectTrouble(/app\.git: .*\bmain\b/);
    const revision = await pushNextVersion();
    await webhook();
    await expectServed(revision);
  });

  test("whose branch was pushed by force is followed", async () => {
    await work.git("reset", "-q", "--hard", "HEAD~2");
    const revision = await pushNextVersion();
    await webhook();
    await expectServed(revision);
  });
});
