import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { configMaps } from "../../src/kube/kinds/configmap.ts";
import { gantry } from "./command-line.ts";
import { type ServerFixture, startServerFixture } from "./server-fixture.ts";

const configMap = (name: string, value: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  key: ${value}\n`;
const SECRET = `apiVersion: v1
kind: Secret
metadata:
  name: keys
stringData:
  password: hunter2-canary
`;

let fixture: ServerFixture;
let flags: string[];
let first: string;
beforeAll(async () => {
  fixture = await startServerFixture({ "a.yaml": configMap("a", "one"), "s.yaml": SECRET });
  flags = ["--data-dir", fixture.dataDir];
  const { status } = await fixture.application((app) => app.status?.sync?.status === "Synced");
  first = status?.sync?.revision ?? "";
});
afterAll(() => fixture.stop());

const synced = (revision: string) =>
  fixture.application(
    ({ status }) => status?.sync?.status === "Synced" && status.sync.revision === revision,
  );
const live = async (): Promise<string | undefined> =>
  (await fixture.server.client.get(configMaps, { namespace: "default", name: "a" })).data?.["key"];

describe("status, history, sync and rollback", () => {
  test("status tells sync and health, exit status 0 when all is well", async () => {
    const overview = await gantry("status", ...flags);
    expect(overview).toMatchObject({ exitCode: 0, stderr: "" });
    expect(overview.stdout).toMatch(/^NAMESPACE +NAME +SYNC +HEALTH +REVISION/);
    expect(overview.stdout).toMatch(/default +default +Synced +Healthy/);
    const json = JSON.parse(
      (await gantry("status", "default", "-o", "json", ...flags)).stdout,
    ) as unknown;
    expect(json).toMatchObject([{ name: "default", sync: { status: "Synced", revision: first } }]);
  });

  test("a commit is in the history, and rollback goes back and stays there", async () => {
    const second = fixture.commit({ "a.yaml": configMap("a", "two") }, "value two");
    await synced(second);
    expect(await live()).toBe("two");
    const rolledBack = await gantry("rollback", "default", "--wait", ...flags);
    expect(rolledBack).toMatchObject({ exitCode: 0 });
    expect(await live()).toBe("one");
    const history = JSON.parse((await gantry("history", "-o", "json", ...flags)).stdout) as unknown;
    expect(history).toMatchObject([
      { id: 1, revision: first },
      { id: 2, revision: second, message: "value two", author: "t" },
      { id: 3, revision: first },
    ]);
    const third = fixture.commit({ "a.yaml": configMap("a", "three") }, "value three");
    await synced(third);
    expect(await live()).toBe("three");
  });

  test("suspend keeps a commit out until resume", async () => {
    expect(await gantry("suspend", ...flags)).toMatchObject({ exitCode: 0 });
    const fourth = fixture.commit({ "a.yaml": configMap("a", "four") }, "value four");
    await fixture.application(
      ({ status }) => status?.sync?.status === "OutOfSync" && status.sync.revision === fourth,
    );
    expect(await live()).toBe("three");
    expect((await gantry("status", ...flags)).exitCode).toBe(1);
    const diff = await gantry("diff", "default", ...flags);
    expect(diff).toMatchObject({ exitCode: 1 });
    expect(diff.stdout).toContain('data.key: "three" → "four"');
    expect(await gantry("resume", ...flags)).toMatchObject({ exitCode: 0 });
    await synced(fourth);
    expect((await gantry("diff", "default", ...flags)).exitCode).toBe(0);
  });

  test("sync of a revision that does not exist says so and fails", async () => {
    const result = await gantry("sync", "--revision", "nowhere", "--timeout", "10s", ...flags);
    expect(result.exitCode).toBe(1);
    expect(result.stdout + result.stderr).toMatch(/nowhere/);
    expect(await gantry("sync", "--wait", ...flags)).toMatchObject({ exitCode: 0 });
  });
});

describe("diff and drift", () => {
  test("diff of a folder shows what applying it would do, secrets masked", async () => {
    const folder = join(fixture.repository, "..", "folder");
    await import("node:fs/promises").then((fs) => fs.mkdir(folder));
    writeFileSync(join(folder, "a.yaml"), configMap("a", "other"));
    writeFileSync(join(folder, "b.yaml"), configMap("b", "new"));
    writeFileSync(join(folder, "s.yaml"), SECRET.replace("hunter2-canary", "changed-canary"));
    for (const output of ["text", "json", "markdown"]) {
      const diff = await gantry("diff", folder, "--output", output, ...flags);
      expect(diff.exitCode).toBe(1);
      expect(diff.stdout).toContain("data.key");
      expect(diff.stdout).toMatch(/data\.password/);
      expect(diff.stdout + diff.stderr).not.toMatch(
        /canary|aHVudGVyMi1jYW5hcnk|Y2hhbmdlZC1jYW5hcnk/,
      );
    }
  });

  test("drift tells who changed what while healing is off", async () => {
    expect((await gantry("drift", ...flags)).exitCode).toBe(0);
    await gantry("suspend", ...flags);
    const key = { namespace: "default", name: "a" };
    await fixture.server.client.patch(
      configMaps,
      key,
      { type: "merge", body: { data: { key: "by hand" } } },
      { fieldManager: "somebody" },
    );
    const drift = await gantry("drift", ...flags);
    expect(drift.exitCode).toBe(1);
    expect(drift.stdout).toMatch(/data\.key: "by hand" → "four".*by somebody( \(admin\))? at 20/);
    const junit = await gantry("drift", "--output", "junit", ...flags);
    expect(junit.stdout).toMatch(/<testsuite name="default\/default" tests="1" failures="1">/);
    await gantry("resume", ...flags);
    await expect.poll(live, { timeout: 10_000 }).toBe("four");
    expect((await gantry("drift", ...flags)).exitCode).toBe(0);
  });
});

describe("wrong usage", () => {
  test.each([
    [["nonsense"], /did you mean|No command registered/],
    [["status", "--nonsense"], /--nonsense/],
    [
      ["status", "missing"],
      /there is no Application default\/missing; there are: default\/default/,
    ],
    [["rollback", "default", "99"], /history has no entry 99/],
    [["sync", "--timeout", "soon"], /--timeout soon: write a duration/],
    [["diff", "./does/not/exist"], /there is no .\/does\/not\/exist/],
  ])("%j is exit status 2 with one clear message", async (args, message) => {
    const result = await gantry(
      ...args,
      ...(args[0] === "nonsense" || args[1] === "--nonsense" ? [] : flags),
    );
    expect(result.exitCode).toBe(2);
    expect(result.stdout).toBe("");
    expect(result.stderr).toMatch(message);
    expect(result.stderr).not.toMatch(/\n\s+at /);
  });

  test("without a server the message says how to start one", async () => {
    const result = await gantry("status", "--data-dir", join(fixture.dataDir, "elsewhere"));
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toMatch(/start a server with `gantry up`/);
  });
});
