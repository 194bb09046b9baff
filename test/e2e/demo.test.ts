import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { deployments } from "../../src/kube/kinds/deployment.ts";
import { services } from "../../src/kube/kinds/service.ts";
import type { KubeObject } from "../../src/kube/object.ts";
import { git } from "../git-fixture.ts";
import { untilRolledOut } from "./cluster-state.ts";
import { GantryProcess } from "./gantry-process.ts";
import { ask, Load } from "./load.ts";
import { processesBelow } from "./processes.ts";

const TOLD = /The app runs at {2}(\S+)\nkubeconfig {7}(\S+)\n\nTry next:\n((?: {2}.+\n){3})/;

describe("gantry demo", () => {
  let gantry: GantryProcess;
  let repository = "";
  let address = "";
  let uids = new Set<string | undefined>();

  beforeAll(async () => {
    gantry = await GantryProcess.create();
    repository = join(gantry.dataDir, "demo");
  });
  afterAll(() => gantry?.dispose());

  /** Starts the demo and returns what it says. */
  async function start(): Promise<{ address: string; kubeconfig: string; lines: string[] }> {
    gantry.spawn("demo");
    const [, told = "", kubeconfig = "", lines = ""] = TOLD.exec(await gantry.printed(TOLD)) ?? [];
    return { address: told, kubeconfig, lines: lines.trim().split(/\n */) };
  }
  async function objectIds(): Promise<Set<string | undefined>> {
    const client = await gantry.client();
    const lists: readonly { items: readonly KubeObject[] }[] = [
      await client.list(deployments, { namespace: "default" }),
      await client.list(services, { namespace: "default" }),
    ];
    return new Set(lists.flatMap(({ items }) => items.map(({ metadata }) => metadata.uid)));
  }

  test("prints an address that answers, the kubeconfig and three lines to try", async () => {
    const told = await start();
    address = told.address;
    expect(await ask(new URL(address))).toContain("Hello from Git");
    expect(told.kubeconfig).toBe(".gantry/kubeconfig");
    expect(told.lines.map((line) => line.split(" ")[0])).toEqual(["sed", "git", "kubectl"]);
  });

  test("a commit as the lines say replaces the version, and no request fails", async () => {
    const loads = [true, false].map(
      (keepAlive) => new Load(address, { clients: 2, keepAlive, path: "/version" }),
    );
    const [edit = "", commit = "", watch = ""] =
      TOLD.exec(gantry.stdout)?.[3]?.trim().split(/\n */) ?? [];
    expect(edit).toBe(
      `sed -i.bak 's/value: "1"/value: "2"/' .gantry/demo/apps/web/deployment.yaml`,
    );
    const path = join(repository, "apps/web/deployment.yaml");
    await writeFile(path, (await readFile(path, "utf8")).replace('value: "1"', 'value: "2"'));
    expect(commit).toBe(`git -C .gantry/demo commit -qam "Version 2"`);
    await git(repository, "commit", "-qam", "Version 2");
    await Promise.all(loads.map((load) => load.until(({ answers }) => answers.has("2\n"))));
    const [, ...words] = watch.split(" ");
    expect(words.slice(0, 2)).toEqual(["--kubeconfig", ".gantry/kubeconfig"]);
    expect(await gantry.kubectl(...words.slice(2))).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("successfully rolled out") as string,
    });
    await untilRolledOut(await gantry.client(), "web");
    for (const { failures, sent } of await Promise.all(loads.map((load) => load.stop())))
      expect([...failures], `failures of ${sent} requests`).toEqual([]);
    expect(await ask(new URL("/version", address))).toBe("2\n");
    uids = await objectIds();
  });

  test("SIGTERM ends it cleanly, with every program that it started", async () => {
    expect(processesBelow(gantry.podsDirectory).length).toBeGreaterThanOrEqual(5);
    expect(await gantry.stop()).toEqual({ code: 0, signal: null });
    expect(processesBelow(gantry.podsDirectory)).toEqual([]);
    await expect(ask(new URL(address))).rejects.toThrow(/ECONNREFUSED/);
  });

  test("a second start goes on with the same repository and the same objects", async () => {
    const told = await start();
    expect(gantry.stderr).toContain("using the repository");
    expect(await ask(new URL("/version", told.address))).toBe("2\n");
    expect(await git(repository, "log", "--format=%s")).toBe("Version 2\nThe sample system");
    expect(await objectIds()).toEqual(uids);
    expect(await gantry.stop()).toEqual({ code: 0, signal: null });
  });
});
