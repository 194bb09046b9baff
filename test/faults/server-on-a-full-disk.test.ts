/** On a file system of its own, which takes root to mount: skipped, visibly, elsewhere. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Client } from "../../src/client/client.ts";
import { verifyStore } from "../../src/engine/store/verify.ts";
import { configMaps } from "../../src/kube/kinds/configmap.ts";
import { isStatus } from "../../src/kube/status-error.ts";
import { appFiles } from "../e2e/app-manifests.ts";
import { serviceUrl, untilSettled } from "../e2e/cluster-state.ts";
import { GantryProcess } from "../e2e/gantry-process.ts";
import { ask } from "../e2e/load.ts";
import { WorkTree } from "../git-fixture.ts";

const SIZE = "24m";
const BLOCK_BYTES = 64 * 1024;
const canMount = process.platform === "linux" && process.getuid?.() === 0 && mountWorks();

function mountWorks(): boolean {
  const directory = mkdtempSync(join(tmpdir(), "gantry-mount-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "tmpfs", directory], { stdio: "ignore" });
    execFileSync("umount", [directory]);
    return true;
  } catch {
    // Not allowed in here.
    return false;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

describe.skipIf(!canMount)("gantry on a full disk", () => {
  let mount = "";
  let gantry: GantryProcess;
  let work: WorkTree;
  let client: Client;
  let url = "";

  beforeAll(async () => {
    mount = mkdtempSync(join(tmpdir(), "gantry-full-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${SIZE}`, "tmpfs", mount]);
    gantry = await GantryProcess.create({ dataDir: join(mount, "data") });
    work = await WorkTree.init(join(gantry.home, "repo"));
    const revision = await work.commit(appFiles({ version: "1" }));
    await gantry.up("--repo", work.path);
    client = await gantry.client();
    await untilSettled(client, revision);
    url = await serviceUrl(client, "app");
  });
  afterAll(async () => {
    await gantry?.dispose();
    if (mount === "") return;
    execFileSync("umount", [mount]);
    rmSync(mount, { recursive: true, force: true });
  });

  /** Leaves not a byte. */
  function fill(): void {
    mkdirSync(join(mount, "ballast"));
    for (let bytes = BLOCK_BYTES, count = 0; bytes >= 1; count++) {
      try {
        writeFileSync(join(mount, `ballast/${count}`), Buffer.alloc(bytes));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
        bytes = Math.floor(bytes / 2);
      }
    }
  }
  const write = (name: string) =>
    client.create(configMaps, {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name, namespace: "default" },
      data: { filler: "x".repeat(100_000) },
    });
  const ready = () => fetch(`${gantry.addresses.web}/readyz`);
  /** Names of the ConfigMaps that were acknowledged until the first was refused. */
  async function writeUntilRefused(): Promise<{ written: string[]; refusal: unknown }> {
    const written: string[] = [];
    for (let count = 0; count < 1_000; count++) {
      try {
        await write(`filler-${count}`);
        written.push(`filler-${count}`);
      } catch (refusal) {
        return { written, refusal };
      }
    }
    throw new Error("the disk is not full");
  }

  test("refuses writes with 503, serves the rest, says so, and recovers by itself", async () => {
    expect((await ready()).status).toBe(200);
    fill();
    const { written, refusal } = await writeUntilRefused();
    expect(isStatus(refusal, "ServiceUnavailable")).toBe(true);
    expect(String(refusal)).toMatch(/space|full/i);

    const notReady = await ready();
    expect(notReady.status).toBe(503);
    expect(await notReady.text()).toMatch(/not ready: store: .*(space|full)/i);
    expect((await fetch(`${gantry.addresses.web}/healthz`)).status).toBe(200);
    const { items } = await client.list(configMaps, { namespace: "default" });
    expect(items.map(({ metadata }) => metadata.name)).toEqual(expect.arrayContaining(written));
    expect(await ask(new URL(url))).toBe("1");
    const shown = await gantry.kubectl("get", "pods", "-o", "name");
    expect(shown.stdout).toMatch(/^pod\/app-/);

    rmSync(join(mount, "ballast"), { recursive: true });
    await expect.poll(async () => (await ready()).status, { timeout: 20_000 }).toBe(200);
    await write("after");
    await untilSettled(client, await work.commit(appFiles({ version: "2" })));
    expect(await ask(new URL(url))).toBe("2");
    expect(await gantry.stop()).toEqual({ code: 0, signal: null });
    expect((await verifyStore(join(gantry.dataDir, "db"))).problems).toEqual([]);
  });
});
