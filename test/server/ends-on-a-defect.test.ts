import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { builtGantry } from "../e2e/built-gantry.ts";

let home: string;
let program: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "gantry-defect-"));
  program = await builtGantry();
});
afterAll(() => rm(home, { recursive: true }));

const DEFECTS = {
  "a rejection that nobody handles": 'Promise.reject(new Error("the defect"))',
  "an exception that nobody catches": 'throw new Error("the defect")',
};

test.each(Object.entries(DEFECTS))(
  "%s is logged, stops the server and ends the process",
  async (name, defect) => {
    const dataDir = join(home, name.replaceAll(" ", "-"));
    const injected = `data:text/javascript,process.on("SIGUSR2",()=>{${defect}})`;
    const listen = ["--api-listen", "127.0.0.1:0", "--listen", "127.0.0.1:0"];
    const child = spawn(
      process.execPath,
      ["--import", injected, program, "up", "--data-dir", dataDir, ...listen],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    let stderr = "";
    child.stderr.on("data", (text: Buffer) => void (stderr += text.toString()));
    const ended = once(child, "close");
    let stdout = "";
    for await (const text of child.stdout) {
      stdout += String(text);
      if (/^kubeconfig /m.test(stdout)) break;
    }
    expect(existsSync(join(dataDir, "addresses.json"))).toBe(true);
    child.kill("SIGUSR2");
    expect(await ended).toEqual([2, null]);
    expect(stderr).toMatch(/"level":50,.*the defect.*gantry ends/);
    // What a clean stop removes: the server was stopped, not only left.
    expect(existsSync(join(dataDir, "addresses.json"))).toBe(false);
  },
);
