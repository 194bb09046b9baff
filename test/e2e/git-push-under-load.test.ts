import { createHmac } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Client } from "../../src/client/client.ts";
import { applications } from "../../src/kube/kinds/application.ts";
import { secrets } from "../../src/kube/kinds/secret.ts";
import { git, WorkTree } from "../git-fixture.ts";
import { type GitServer, startGitServer } from "../git-http-server.ts";
import { appFiles } from "./app-manifests.ts";
import { serviceUrl, untilApplication, untilSettled } from "./cluster-state.ts";
import { GantryProcess } from "./gantry-process.ts";
import { ask, Load } from "./load.ts";

const AUTH = { username: "deployer", password: "correct horse" };
const WEBHOOK_SECRET = "battery staple";
const PUSHES = 4;

describe("git push over HTTP", () => {
  let gantry: GantryProcess;
  let server: GitServer;
  let work: WorkTree;
  let client: Client;
  let url = "";
  const revisions: string[] = [];

  beforeAll(async () => {
    gantry = await GantryProcess.create();
    const root = join(gantry.home, "git");
    await mkdir(root);
    await git(root, "init", "-q", "--bare", "-b", "main", "app.git");
    server = await startGitServer({ root, auth: AUTH, allowPush: true });
    const repoURL = `${server.url}/app.git`;
    const { username, password } = AUTH;
    work = await WorkTree.init(join(gantry.home, "work"));
    await work.git(
      "remote",
      "add",
      "origin",
      repoURL.replace("//", `//${username}:${encodeURIComponent(password)}@`),
    );
    await push("0");
    await gantry.up();
    client = await gantry.client();
    await createSecret("shop-repository", "repository", { url: repoURL, ...AUTH });
    await createSecret("gantry-webhook", "webhook", { github: WEBHOOK_SECRET });
    await client.create(applications, {
      apiVersion: "gantry.dev/v1",
      kind: "Application",
      metadata: { name: "default", namespace: "default" },
      spec: {
        source: { repoURL, targetRevision: "main" },
        destination: { namespace: "default" },
        syncPolicy: { automated: { prune: true, selfHeal: true } },
      },
    });
    await untilSettled(client, revisions[0] ?? "");
    url = await serviceUrl(client, "app");
  });
  afterAll(async () => {
    await server?.close();
    await gantry?.dispose();
  });

  async function createSecret(
    name: string,
    type: string,
    stringData: Record<string, string>,
  ): Promise<void> {
    await client.create(secrets, {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name, namespace: "default", labels: { "gantry.dev/secret-type": type } },
      stringData,
    });
  }
  async function pushFiles(files: Record<string, string>, message: string): Promise<string> {
    const revision = await work.commit(files, message);
    await work.git("push", "-q", "origin", "main");
    revisions.push(revision);
    return revision;
  }
  const push = (version: string): Promise<string> =>
    pushFiles(appFiles({ version, replicas: 3 }), `version ${version}`);

  async function webhook(revision: string, secret = WEBHOOK_SECRET): Promise<Response> {
    const body = JSON.stringify({
      ref: "refs/heads/main",
      after: revision,
      repository: { clone_url: `${server.url}/app.git`, html_url: `${server.url}/app` },
    });
    const signature = createHmac("sha256", secret).update(body).digest("hex");
    return fetch(`${gantry.addresses.web}/api/webhook`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "x-github-event": "push",
        "x-hub-signature-256": `sha256=${signature}`,
      },
      body,
    });
  }

  test("rolls every version out and fails no request", async () => {
    const loads = [true, false].flatMap((keepAlive) => [
      new Load(url, { clients: 2, keepAlive }),
      new Load(url, { clients: 4, keepAlive, path: "/brief", method: "POST" }),
    ]);
    for (let version = 1; version <= PUSHES; version++) {
      const revision = await push(String(version));
      expect((await webhook(revision)).status).toBe(200);
      await untilSettled(client, revision);
      await Promise.all(loads.map((load) => load.more(100)));
    }
    for (const { sent, failures, answers } of await Promise.all(loads.map((load) => load.stop()))) {
      expect([...failures], `failures of ${sent} requests`).toEqual([]);
      expect([...answers.keys()].sort()).toEqual(["0", "1", "2", "3", "4"]);
    }
    const { status } = await client.get(applications, { namespace: "default", name: "default" });
    expect(status?.history?.map((entry) => entry.revision)).toEqual(revisions);
    expect(status?.history?.at(-1)?.message).toBe("version 4");
  });

  test("a webhook with a wrong signature is refused and changes nothing", async () => {
    const asked = server.requests.length;
    const response = await webhook(revisions.at(-1) ?? "", "guess");
    expect(response.status).toBe(401);
    expect(server.requests.length).toBe(asked);
  });

  test("a push of malformed YAML says where and leaves the old version serving", async () => {
    const load = new Load(url, { clients: 2, keepAlive: true });
    const good = appFiles({ version: "5", replicas: 3 });
    const bad = await pushFiles(
      { ...good, "app/extra.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: [}\n" },
      "broken",
    );
    await webhook(bad);
    const { status } = await untilApplication(
      client,
      (application) => application.status?.conditions?.[0] !== undefined,
    );
    expect(status?.conditions?.[0]?.message).toMatch(/app\/extra\.yaml:3:\d+/);
    await load.more(200);
    expect(await ask(new URL(url))).toBe("4");

    const fixed = await pushFiles(
      { "app/extra.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra}\n" },
      "fixed",
    );
    await webhook(fixed);
    await untilSettled(client, fixed);
    const { failures, answers } = await load.stop();
    expect([...failures]).toEqual([]);
    expect([...answers.keys()].sort()).toEqual(["4", "5"]);
  });

  test("neither the log nor the status shows the password", async () => {
    const { stdout } = await gantry.kubectl("get", "applications,events", "-o", "yaml");
    expect(stdout).toContain("kind: Application");
    for (const text of [stdout, gantry.stdout, gantry.stderr]) {
      expect(text).not.toContain(AUTH.password);
      expect(text).not.toContain(encodeURIComponent(AUTH.password));
    }
  });
});
