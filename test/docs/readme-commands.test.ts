/** What README.md tells to type, typed: all that needs no network. */
import { cp, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GantryProcess } from "../e2e/gantry-process.ts";
import { KUBECTL } from "../e2e/stock-renderers.ts";
import { serviceUrl } from "../e2e/cluster-state.ts";
import { WorkTree } from "../git-fixture.ts";
import { indentedCommands, page, section, typedLines } from "./documented-text.ts";

const README = page("README.md");
const SAMPLE = resolve(import.meta.dirname, "../../sample-repo");
const VERSION_2 = ["apps/web/deployment.yaml", 'value: "1"', 'value: "2"'] as const;

let gantry: GantryProcess;

/** For the tests of a part: a directory to type in. */
function useDirectory(): void {
  beforeAll(async () => {
    gantry = await GantryProcess.create({ programs: [KUBECTL] });
  });
  afterAll(() => gantry.dispose());
}

/** Types a line that is to succeed; what it printed. */
async function type(line: string, directory?: string): Promise<string> {
  const { code, stdout, stderr } = await gantry.shell(line, directory);
  if (code !== 0) throw new Error(`${line} ended with ${code}: ${stdout}${stderr}`);
  return stdout + stderr;
}

/** A folder of the sample in a repository. The machine's port 8080 is there once, and other tests run. */
async function repositoryWith(path: string, folder: string): Promise<WorkTree> {
  const work = await WorkTree.init(path);
  await work.git("config", "user.name", "Ada");
  await work.git("config", "user.email", "ada@example.com");
  await cp(join(SAMPLE, "apps"), join(path, folder), { recursive: true });
  const service = join(folder, "web/service.yaml");
  const text = await readFile(join(path, service), "utf8");
  expect(text).toContain("type: LoadBalancer");
  await work.commit({ [service]: text.replace("LoadBalancer", "ClusterIP") }, "the sample");
  return work;
}

describe("Try it", () => {
  useDirectory();
  const lines = typedLines(section(README, "Try it"));

  test("edit, commit, look: the next version answers, and kubectl shows it", async () => {
    expect(lines).toHaveLength(4);
    const [edit = "", commit = "", ask = "", look = ""] = lines;
    const work = await repositoryWith(join(gantry.home, ".gantry/demo"), "apps");
    await gantry.up("--repo", work.path, "--path", "apps");
    await type("npx gantry sync --wait");
    await type(edit);
    expect(await readFile(join(work.path, VERSION_2[0]), "utf8")).toContain(VERSION_2[2]);
    await type(commit);
    const address = await serviceUrl(await gantry.client(), "web");
    expect(ask).toContain("http://127.0.0.1:8080/version");
    // Until the second version answers, instead of for as long as one likes to look.
    const once = ask
      .replace("http://127.0.0.1:8080", address)
      .replace("; done", " | grep 2 && break; done");
    expect(await type(once)).toBe("2\n");
    await type("npx gantry sync --wait");
    expect(await type(look)).toMatch(/^NAME +READY.*\napi +1\/1.*\nweb +3\/3.*\nworker +1\/1/);
  });
});

describe("Deploy with git push, and Use it", () => {
  useDirectory();
  const network = ["npx gantry up --repo https://git.example.com/team/shop.git --path deploy"];
  let work: WorkTree;

  test("a remote of one's own, and a push to it", async () => {
    const lines = typedLines(section(README, "Deploy with git push"));
    expect(lines).toHaveLength(2);
    const [add = "", push = ""] = lines;
    await gantry.up();
    work = await repositoryWith(join(gantry.home, "work"), "deploy");
    // The data directory is looked for where one stands.
    const elsewhere = add.replace("remote shop", `remote shop --data-dir '${gantry.dataDir}'`);
    expect(elsewhere).not.toBe(add);
    await type(elsewhere, work.path);
    expect(await type(push, work.path)).toContain("✓ default/shop is live");
    const path = "deploy/web/deployment.yaml";
    const web = await readFile(join(work.path, path), "utf8");
    await work.commit({ [path]: web.replace(VERSION_2[1], VERSION_2[2]) }, "Version 2");
    const told = await type(push, work.path);
    expect(told).toMatch(/env\[name="VERSION"\]\.value: "1" → "2"/);
    expect(told).toMatch(/deployment\/web is ready \(3 of 3\)/);
  });

  test("every other command does what is said behind it", async () => {
    const commands = indentedCommands(section(README, "Use it"));
    expect(commands.length).toBeGreaterThan(7);
    const seen: string[] = [];
    for (const command of commands) {
      if (network.includes(command)) continue;
      if (command === "npx gantry up --repo .") continue;
      const asksCluster = !command.includes(" validate ");
      const line = asksCluster ? `${command} --data-dir '${gantry.dataDir}'` : command;
      await type(line, work.path);
      seen.push(command.split(" ")[2] ?? "");
    }
    expect(seen).toEqual(["status", "diff", "drift", "why", "blame", "rollback", "validate"]);
    expect((await fetch(`${await serviceUrl(await gantry.client(), "web")}/version`)).ok).toBe(
      true,
    );
    expect((await gantry.run("why", "shop")).stdout).toMatch(/RolledBack/);
  });
});

describe("Use it, in the repository that one stands in", () => {
  useDirectory();

  test("`gantry up --repo .` deploys it", async () => {
    expect(indentedCommands(section(README, "Use it"))).toContain("npx gantry up --repo .");
    const work = await WorkTree.init(gantry.home);
    const manifest = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" } };
    await work.commit({ ".gitignore": ".gantry\nbin\n", "a.json": JSON.stringify(manifest) });
    await gantry.up("--repo", ".");
    expect(await type("npx gantry sync --wait")).toMatch(/Succeeded/);
    expect(await type("kubectl --kubeconfig .gantry/kubeconfig get configmap a")).toMatch(/^NAME/);
  });
});
