import { readFileSync, renameSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WorkTree } from "../git-fixture.ts";
import { appFiles } from "./app-manifests.ts";
import { serviceUrl, untilSettled } from "./cluster-state.ts";
import { type CommandResult, GantryProcess } from "./gantry-process.ts";
import { ask } from "./load.ts";
import { processesBelow } from "./processes.ts";

describe("a start that cannot succeed", () => {
  let running: GantryProcess;
  let work: WorkTree;
  let revision = "";
  let url = "";

  beforeAll(async () => {
    running = await GantryProcess.create();
    work = await WorkTree.init(join(running.home, "repo"));
    revision = await work.commit(appFiles({ version: "1" }));
    await running.up("--repo", work.path);
    const client = await running.client();
    await untilSettled(client, revision);
    url = await serviceUrl(client, "app");
  });
  afterAll(() => running?.dispose());

  /** Starts another one, which must end by itself, with one line that says why and what to do. */
  async function expectRefusal(message: RegExp, ...args: string[]): Promise<void> {
    const { code, stdout, stderr } = await start(...args);
    expect(stdout).toBe("");
    expect(stderr).toMatch(message);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(code).toBe(2);
  }
  function start(...args: string[]): Promise<CommandResult> {
    const listen = ["--api-listen", "127.0.0.1:0", "--listen", "127.0.0.1:0"];
    return running.run("up", ...listen, "--log-level", "error", ...args);
  }
  async function expectStillServing(): Promise<void> {
    expect(await ask(new URL(url))).toBe("1");
    expect(await running.run("status", "--data-dir", running.dataDir)).toMatchObject({ code: 0 });
  }
  async function listening(): Promise<{ server: Server; address: string }> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    return { server, address: `127.0.0.1:${typeof address === "object" ? address?.port : ""}` };
  }

  test.each([
    ["--api-listen", "Kubernetes API"],
    ["--listen", "web"],
  ])("because the address of %s is taken", async (flag, what) => {
    const { server, address } = await listening();
    const other = await GantryProcess.create();
    try {
      other.spawn("up", flag, address);
      expect(await other.ended).toEqual({ code: 2, signal: null });
      expect(other.stdout).toBe("");
      expect(other.stderr).toContain(`cannot listen on ${address} (${what}): another process`);
      expect(other.stderr).toContain(`choose another with ${flag}`);
      // Nothing is left that would hinder the next start.
      expect(processesBelow(other.podsDirectory)).toEqual([]);
      await other.up();
      expect(await other.stop()).toEqual({ code: 0, signal: null });
    } finally {
      server.close();
      await other.dispose();
    }
  });

  test("because another process has the data directory", async () => {
    await expectRefusal(
      new RegExp(`${running.dataDir}/db is in use by process ${running.pid}: stop it first`),
      "--data-dir",
      running.dataDir,
    );
    await expectStillServing();
  });

  test.each([
    ["--api-listen", "nonsense", /"nonsense" is no listen address: write host:port/],
    ["--listen", "127.0.0.1:99999", /no listen address/],
    ["--poll-interval", "soon", /--poll-interval soon: write a duration/],
  ])("because %s %s makes no sense", async (flag, value, message) => {
    const { code, stderr } = await running.run("up", flag, value, "--data-dir", "other");
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });

  describe("because the database file", () => {
    let broken: GantryProcess;
    let file = "";
    let good: Buffer;

    beforeAll(async () => {
      broken = await GantryProcess.create();
      await broken.up("--repo", work.path, "--keep-pods");
      await untilSettled(await broken.client(), revision);
      expect(await broken.stop()).toEqual({ code: 0, signal: null });
      file = join(broken.dataDir, "db/store.mdb");
      good = readFileSync(file);
    });
    afterAll(() => broken?.dispose());

    async function expectDamageIsTold(): Promise<void> {
      const before = readFileSync(file);
      const pids = processesBelow(broken.podsDirectory);
      broken.spawn("up");
      expect(await broken.ended).toEqual({ code: 2, signal: null });
      expect(broken.stderr).toMatch(
        /store\.mdb is damaged: .*Restore the file from a backup, or move it away/,
      );
      expect(readFileSync(file).equals(before)).toBe(true);
      expect(processesBelow(broken.podsDirectory)).toEqual(pids);
    }

    test("holds something else", async () => {
      const bytes = Buffer.from(good);
      bytes.fill("not a database ", 0, 16_384);
      writeFileSync(file, bytes);
      await expectDamageIsTold();
    });

    test("is cut off", async () => {
      writeFileSync(file, good);
      truncateSync(file, Math.floor(statSync(file).size / 3));
      await expectDamageIsTold();
    });

    test("was put back from a backup, it goes on with the pods that still run", async () => {
      writeFileSync(file, good);
      const pids = processesBelow(broken.podsDirectory);
      await broken.up("--repo", work.path);
      const client = await broken.client();
      await untilSettled(client, revision);
      expect(await ask(new URL(await serviceUrl(client, "app")))).toBe("1");
      expect(processesBelow(broken.podsDirectory)).toEqual(pids);
    });

    test("was moved away, everything is deployed again from Git", async () => {
      await broken.stop();
      renameSync(join(broken.dataDir, "db"), join(broken.home, "moved-away"));
      await broken.up("--repo", work.path);
      const client = await broken.client();
      await untilSettled(client, revision);
      expect(await ask(new URL(await serviceUrl(client, "app")))).toBe("1");
      await expect.poll(() => processesBelow(broken.podsDirectory).length).toBe(2);
    });
  });
});
