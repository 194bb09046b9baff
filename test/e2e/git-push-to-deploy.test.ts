import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { repositoryDirectory } from "../../src/gitops/push/internal-repository.ts";
import { configMap, GitClone } from "../server/git/git-clone.ts";
import { gitIn } from "../server/git/git-in.ts";
import { deploymentOf } from "./app-manifests.ts";
import { serviceUrl } from "./cluster-state.ts";
import { GantryProcess } from "./gantry-process.ts";
import { ask } from "./load.ts";

/** From before the first byte has come until the rollout is being followed. */
const MOMENTS_MS = [0, 15, 40, 80, 130, 200, 300];
const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

describe("git push to deploy", () => {
  let gantry: GantryProcess;
  let clone: GitClone;
  let repository: string;

  beforeAll(async () => {
    gantry = await GantryProcess.create();
    await gantry.up();
    const created = await remote("--create", "--path", "deploy");
    clone = await GitClone.create(join(gantry.home, "clone"), created);
    repository = repositoryDirectory(gantry.dataDir, { namespace: "default", name: "shop" });
  });
  afterAll(() => gantry.dispose());

  async function remote(...flags: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await gantry.run(
      "remote",
      "shop",
      "--data-dir",
      gantry.dataDir,
      ...flags,
    );
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    return stdout.trim();
  }
  /** The server has other ports after a restart. */
  async function findServer(): Promise<void> {
    await clone.git("remote", "set-url", "gantry", await remote());
  }
  const ref = async (): Promise<string> =>
    (await gitIn(repository, ["rev-parse", "--verify", "-q", "refs/heads/main"])).stdout.trim();

  test("`gantry remote` prints a URL that git takes, and the same one again", async () => {
    const url = await remote();
    expect(url).toMatch(/^http:\/\/git:[\w-]{43}@127\.0\.0\.1:\d+\/git\/shop\.git$/);
    expect(await remote()).toBe(url);
    expect((await clone.git("ls-remote", url)).code).toBe(0);
    const other = await gantry.run("remote", "nobody", "--data-dir", gantry.dataDir);
    expect(other).toMatchObject({ code: 2 });
    expect(other.stderr).toContain("there is no Application default/nobody");
  });

  test("a push brings a version live and says where", async () => {
    await clone.commit({
      "deploy/app.json": json(deploymentOf({ version: "1" })),
      "deploy/service.json": json({
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: "app" },
        spec: {
          type: "NodePort",
          selector: { app: "app" },
          ports: [{ port: 80, targetPort: "http" }],
        },
      }),
    });
    const { code, stderr } = await clone.push("main");
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const address = /✓ default\/shop is live at (\S+)/.exec(stderr)?.[1];
    expect(stderr).toContain(`is live at ${address}`);
    expect(await ask(new URL(address ?? ""))).toBe("1");
  }, 60_000);

  test("what cannot work is refused with its place, and the old version goes on", async () => {
    const before = await ref();
    const good = json(deploymentOf({ version: "2" }));
    await clone.commit({ "deploy/app.json": good.replace('"replicas": 1', '"replicas": "many"') });
    const { code, stderr } = await clone.push("main");
    expect(code).toBe(1);
    expect(stderr).toMatch(/✗ deploy\/app\.json:\d+:\d+: .*replicas/);
    expect(await ref()).toBe(before);
    expect(await ask(new URL(await serviceUrl(await gantry.client(), "app")))).toBe("1");
    await clone.git("reset", "-q", "--hard", before);
  });

  test("killing the client at any moment leaves the old ref or the new one", async () => {
    for (const moment of MOMENTS_MS) {
      const before = await ref();
      const after = await clone.commit({
        "deploy/note.yaml": configMap("note", `client ${moment}`),
      });
      const pushing = startPush();
      await pause(moment);
      await killGroup(pushing);
      expect([before, after]).toContain(await ref());
      expect(await gitIn(repository, ["fsck", "--strict"])).toMatchObject({ code: 0 });
      expect((await clone.push("main")).code).toBe(0);
      expect(await ref()).toBe(after);
    }
    expect(readdirSync(join(repository, "quarantine"))).toEqual([]);
  }, 90_000);

  test("kill -9 of the server at any moment leaves the old ref or the new one", async () => {
    for (const moment of MOMENTS_MS) {
      const before = await ref();
      const after = await clone.commit({
        "deploy/note.yaml": configMap("note", `server ${moment}`),
      });
      const ended = once(startPush(), "close");
      await pause(moment);
      await gantry.kill();
      await ended;
      await gantry.up();
      expect(existsSync(join(repository, "quarantine"))).toBe(false);
      expect([before, after]).toContain(await ref());
      expect(await gitIn(repository, ["fsck", "--strict"])).toMatchObject({ code: 0 });
      await findServer();
      expect((await clone.push("main")).code).toBe(0);
      expect(await ref()).toBe(after);
    }
  }, 180_000);

  test("a server that stops ends a push that waits for its rollout, and the ref stays moved", async () => {
    const never = { readinessProbe: { exec: { command: ["false"] }, periodSeconds: 1 } };
    const after = await clone.commit({
      "deploy/slow.json": json(deploymentOf({ version: "1", name: "slow", container: never })),
    });
    const pushing = startPush();
    let output = "";
    pushing.stderr?.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const ended = once(pushing, "close");
    await expect
      .poll(() => output, { timeout: 20_000 })
      .toMatch(/deployment\/slow \d of 1 updated/);
    expect(await gantry.stop()).toMatchObject({ code: 0 });
    expect(await ended).toEqual([0, null]);
    expect(output).toContain("the server is stopping; the rollout goes on when it runs again");
    expect(await ref()).toBe(after);
    await gantry.up();
    await findServer();
    await clone.commit({ "deploy/slow.json": null });
    expect((await clone.push("main")).stderr).toContain("✓ default/shop is live");
  }, 60_000);

  test("other commands read the repository through the server", async () => {
    const data = ["--data-dir", gantry.dataDir];
    expect(await gantry.run("diff", "shop", ...data)).toMatchObject({ code: 0 });
    await clone.commit({ "deploy/note.yaml": configMap("note", "to be undone") });
    expect((await clone.push("main")).stderr).toContain("✓ default/shop is live");
    const back = await gantry.run("rollback", "shop", "--yes", ...data);
    expect({ ...back, code: back.code }).toMatchObject({ code: 0 });
    expect(back.stdout + back.stderr).toContain("to be undone");
  });

  test("a rotated token shuts the old URL out", async () => {
    const before = await remote();
    const after = await remote("--rotate");
    expect(after).not.toBe(before);
    expect((await clone.git("ls-remote", before)).code).not.toBe(0);
    expect((await clone.git("ls-remote", after)).code).toBe(0);
  });

  /** In a group of its own: git has programs of its own that push. */
  function startPush(): ChildProcess {
    return spawn("git", ["push", "gantry", "main"], {
      cwd: clone.directory,
      detached: true,
      stdio: ["ignore", "ignore", "pipe"],
      env: { PATH: process.env["PATH"] ?? "", HOME: gantry.home, GIT_TERMINAL_PROMPT: "0" },
    });
  }
});

async function killGroup(child: ChildProcess): Promise<void> {
  const closed = once(child, "close");
  try {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
  if (child.exitCode === null && child.signalCode === null) await closed;
}
