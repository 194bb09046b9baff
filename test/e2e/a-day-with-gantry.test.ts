/** One user's story: several Applications in one repository on a Git server that announces pushes. */
import { createHmac } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Client } from "../../src/client/client.ts";
import { git, WorkTree } from "../git-fixture.ts";
import { type GitServer, startGitServer } from "../git-http-server.ts";
import { type AppOptions, deploymentOf, serviceOf } from "./app-manifests.ts";
import { serviceUrl } from "./cluster-state.ts";
import { type CommandResult, GantryProcess } from "./gantry-process.ts";
import { ask, Load } from "./load.ts";
import { KUBECTL } from "./stock-renderers.ts";

const SECRET = "what the Git server and Gantry share";
const WAIT = "--timeout=25s";

interface Declared {
  readonly dependsOn?: string;
  readonly syncPolicy?: object;
}
const declaration = (name: string, { dependsOn, syncPolicy = {} }: Declared = {}): object => ({
  apiVersion: "gantry.dev/v1",
  kind: "Application",
  metadata: { name },
  spec: {
    source: { repoURL: ".", path: name },
    destination: { namespace: "default" },
    ...(dependsOn === undefined ? {} : { dependsOn: [{ name: dependsOn }] }),
    syncPolicy: { automated: { prune: true, selfHeal: true }, ...syncPolicy },
  },
});
const json = (...objects: readonly object[]): string =>
  objects.map((object) => JSON.stringify(object, undefined, 2)).join("\n---\n");
/** An application's folder. */
const folder = (options: AppOptions & { readonly name: string }): Record<string, string> => ({
  [`${options.name}/all.json`]: json(deploymentOf(options), serviceOf(options.name)),
});
const never = { readinessProbe: { exec: { command: ["false"] }, periodSeconds: 1 } };

describe("a day with Gantry", () => {
  let gantry: GantryProcess;
  let server: GitServer;
  let work: WorkTree;
  let client: Client;
  let url = "";

  beforeAll(async () => {
    gantry = await GantryProcess.create({ programs: [KUBECTL] });
    const root = join(gantry.home, "server");
    await mkdir(root);
    await git(root, "init", "-q", "--bare", "-b", "main", "shop.git");
    server = await startGitServer({ root, allowPush: true });
    url = `${server.url}/shop.git`;
    work = await WorkTree.init(join(gantry.home, "work"));
    await work.git("remote", "add", "origin", url);
  });
  afterAll(async () => {
    await gantry?.dispose();
    await server?.close();
  });

  /** Commits and pushes; the Git server then says so. */
  async function push(files: Record<string, string>, message: string): Promise<string> {
    const revision = await work.commit(files, message);
    await work.git("push", "-q", "origin", "main");
    const body = JSON.stringify({ ref: "refs/heads/main", repository: { clone_url: url } });
    const signature = createHmac("sha256", SECRET).update(body).digest("hex");
    const answer = await fetch(`${gantry.addresses.web}/api/webhook`, {
      method: "POST",
      body,
      headers: { "x-github-event": "push", "x-hub-signature-256": `sha256=${signature}` },
    });
    expect(answer.ok).toBe(true);
    return revision;
  }
  async function kubectl(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await gantry.kubectl(...args);
    if (code !== 0) throw new Error(`kubectl ${args.join(" ")}: ${stderr}`);
    return stdout;
  }
  const waitFor = (application: string, path: string, value: string): Promise<string> =>
    kubectl("wait", `application/${application}`, `--for=jsonpath={${path}}=${value}`, WAIT);
  const field = (application: string, path: string): Promise<string> =>
    kubectl("get", "application", application, "-o", `jsonpath={${path}}`);
  /** Runs a command of `gantry`. */
  const run = (...args: readonly string[]): Promise<CommandResult> => gantry.run(...args);
  async function live(application: string, revision: string): Promise<void> {
    await waitFor(application, ".status.lastSynced.revision", revision);
    await waitFor(application, ".status.operationState.phase", "Succeeded");
    await waitFor(application, ".status.health.status", "Healthy");
  }
  const answerOf = async (name: string): Promise<string> =>
    ask(new URL(await serviceUrl(client, name)));

  test("morning: what others depend on comes first", async () => {
    const applications = json(
      declaration("db"),
      declaration("api", {
        dependsOn: "db",
        syncPolicy: { automaticRollback: { timeout: "4s" } },
      }),
      declaration("web", { dependsOn: "api" }),
    );
    const files = {
      "apps/all.json": applications,
      ...folder({ name: "db", version: "1", container: never }),
      ...folder({ name: "api", version: "1" }),
      ...folder({ name: "web", version: "1", replicas: 2 }),
    };
    await work.commit(files, "the shop");
    await work.git("push", "-q", "origin", "main");
    await gantry.up("--repo", url, "--path", "apps");
    client = await gantry.client();
    const secret = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "gantry-webhook", labels: { "gantry.dev/secret-type": "webhook" } },
      stringData: { github: SECRET },
    };
    await kubectl("apply", "-f", await gantry.file("secret.json", json(secret)));
    await kubectl("wait", "application/api", "--for=create", WAIT);
    await kubectl("wait", "application/api", "--for=condition=DependencyNotReady", WAIT);
    expect((await run("why", "api")).stdout).toMatch(/DependencyNotReady\n +waits: default\/db/);
    expect((await gantry.kubectl("get", "deployment", "api")).code).toBe(1);

    await push(folder({ name: "db", version: "2" }), "let the database become ready");
    for (const name of ["db", "api", "web"]) {
      await waitFor(name, ".status.sync.status", "Synced");
      await waitFor(name, ".status.health.status", "Healthy");
    }
    expect(await answerOf("web")).toBe("1");
    const status = await run("status");
    expect(status.stdout).toMatch(/default +web +Synced +Healthy/);
  });

  test("a push is live moments later, without a failed request", async () => {
    const load = new Load(await serviceUrl(client, "web"), { clients: 4, keepAlive: true });
    try {
      const files = folder({ name: "web", version: "2", replicas: 2 });
      const revision = await push(files, "version 2");
      await load.until(({ answers }) => answers.has("2"));
      await live("web", revision);
    } finally {
      expect((await load.stop()).failures).toEqual(new Map());
    }
    // The others were not touched.
    expect(await field("api", ".status.history[*].id")).toBe("1");
  });

  test("a version that nobody likes is rolled back, with automation on", async () => {
    const back = await run("rollback", "web", "--yes", "--wait");
    expect({ ...back }).toMatchObject({ code: 0 });
    expect(await answerOf("web")).toBe("1");
    const why = await run("why", "web");
    expect(why).toMatchObject({ code: 1 });
    expect(why.stdout).toMatch(/RolledBack\n +held at /);
    const diff = await run("diff", "web");
    expect(diff).toMatchObject({ code: 1 });
    expect(diff.stdout).toMatch(/VERSION/);
    await live("web", await push(folder({ name: "web", version: "3", replicas: 2 }), "version 3"));
    expect(await answerOf("web")).toBe("3");
    expect((await run("why", "web")).code).toBe(0);
  });

  test("a version that crashes goes back by itself, and says why", async () => {
    const program = `console.error("no such table: orders"); process.exit(3)`;
    await push(folder({ name: "api", version: "2", program }), "forget a table");
    await waitFor("api", ".status.rollback.automatic", "true");
    await waitFor("api", ".status.health.status", "Healthy");
    expect(await answerOf("api")).toBe("1");
    const why = await run("why", "api");
    expect(why.code).toBe(1);
    expect(why.stdout).toMatch(/RolledBack\n +held at .* became Degraded .*exit code 3/);
    const { stdout } = await run("history", "api");
    expect(stdout).toMatch(/\n2 .* forget a table\n3 .* the shop \(back to it: .* became Degraded/);
    await live("api", await push(folder({ name: "api", version: "3" }), "with the table"));
    expect(await answerOf("api")).toBe("3");
  });

  test("nothing happens while a window is closed", async () => {
    const closed = {
      windows: [
        { kind: "deny", schedule: "* * * * *", duration: "1h", description: "closing the books" },
      ],
    };
    const all = (syncPolicy: object): Record<string, string> => ({
      "apps/all.json": json(
        declaration("db"),
        declaration("api", { dependsOn: "db" }),
        declaration("web", { dependsOn: "api", syncPolicy }),
      ),
    });
    await live("default", await push(all(closed), "close the books"));
    const revision = await push(folder({ name: "web", version: "4", replicas: 2 }), "version 4");
    await waitFor("web", ".status.sync.status", "OutOfSync");
    expect((await run("why", "web")).stdout).toMatch(/SyncWindow\n +.*closing the books/);
    expect(await run("sync", "web")).toMatchObject({ code: 1 });
    expect(await answerOf("web")).toBe("3");
    await push(all({}), "the books are closed");
    await live("web", revision);
    expect(await answerOf("web")).toBe("4");
  });

  test("what somebody changes by hand is undone, and told with the name", async () => {
    await kubectl("scale", "deployment/web", "--replicas=4");
    await waitFor("web", ".status.drift[-1:].fields[0].path", "spec.replicas");
    await kubectl("wait", "deployment/web", "--for=jsonpath={.spec.replicas}=2", WAIT);
    const drift = JSON.parse(await field("web", ".status.drift")) as object[];
    expect(drift.at(-1)).toMatchObject({
      kind: "Deployment",
      name: "web",
      fields: [{ path: "spec.replicas", live: "4", git: "2", user: "admin" }],
    });
    expect(await run("drift", "web")).toMatchObject({ code: 0 });
  });

  test("evening: work on a branch, nothing at night, and what the day brought", async () => {
    await work.git("checkout", "-q", "-b", "feature");
    await work.commit(folder({ name: "web", version: "5", replicas: 3 }), "an idea");
    await work.git("push", "-q", "origin", "feature");
    await work.git("checkout", "-q", "main");
    const diff = await run("diff", "web", "--revision", "feature", "--output", "markdown");
    expect(diff.code).toBe(1);
    expect(diff.stdout).toMatch(/replicas/);

    expect(await run("suspend", "web")).toMatchObject({ code: 0 });
    await push(folder({ name: "web", version: "6", replicas: 2 }), "too late for today");
    await waitFor("web", ".status.sync.status", "OutOfSync");
    expect(await answerOf("web")).toBe("4");
    expect(await run("resume", "web")).toMatchObject({ code: 0 });
    await live("web", await work.git("rev-parse", "HEAD"));
    expect(await answerOf("web")).toBe("6");

    const { stdout } = await run("history", "web");
    const told = [
      ...stdout.matchAll(
        /^\d+ .*?(Succeeded|Failed).*?(version \d|the shop|too late for today)( \(back to it: .*\))?$/gm,
      ),
    ];
    expect(
      told.map(([, outcome, message, back]) =>
        back === undefined ? `${message}: ${outcome}` : `${message}, again: ${outcome}`,
      ),
    ).toEqual([
      "the shop: Succeeded",
      "version 2: Succeeded",
      "the shop, again: Succeeded",
      "version 3: Succeeded",
      "version 4: Succeeded",
      "too late for today: Succeeded",
    ]);
    expect((await run("status")).code).toBe(0);
  });
});
