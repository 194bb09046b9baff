/**
 * What a program can do in the sandbox: nothing but read its files and print. The programs here are
 * the shell and Node.js, which do what Kustomize and Helm would do if they were taken over.
 */
import { existsSync } from "node:fs";
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BestEffortSandbox } from "../../../src/gitops/render/programs/best-effort-sandbox.ts";
import type { FoundProgram } from "../../../src/gitops/render/programs/find-program.ts";
import { NamespaceSandbox } from "../../../src/gitops/render/programs/namespace-sandbox.ts";
import { Programs } from "../../../src/gitops/render/programs/programs.ts";
import { ROOT_MARK, type SandboxResult } from "../../../src/gitops/render/programs/sandbox.ts";
import { SourceError } from "../../../src/gitops/source/source-error.ts";
import {
  CONFIG_MAP,
  environmentWith,
  type Files,
  renderFiles,
  stockPrograms,
} from "./rendered-files.ts";

const { signal } = new AbortController();
const sandbox = new NamespaceSandbox(process.env);
const problem = await sandbox.problem();

const program = (path: string, ...prefix: string[]): FoundProgram => ({
  tool: "helm",
  path,
  prefix,
  version: "1.0.0",
  name: "test 1.0.0",
  isDynamic: true,
});
const BASH = program("/bin/bash", "-c");
const NODE = program(process.execPath, "-e");

const inside = (
  what: FoundProgram,
  script: string,
  files: Files = { "tree/a.txt": "hello" },
): Promise<SandboxResult> =>
  sandbox.run({
    program: what,
    args: [script],
    files: Object.entries(files).map(([path, content]) => ({
      path,
      content: Buffer.from(content as string),
    })),
    signal,
  });
const output = async (script: string): Promise<string> => {
  const { stdout, stderr } = await inside(BASH, script);
  return Buffer.from(stdout).toString() + stderr;
};

describe.skipIf(problem !== undefined)("in namespaces of its own", () => {
  test("the files are there, and nothing else", async () => {
    expect(await output("echo *; read -r x < tree/a.txt; echo $x")).toBe("tree\nhello\n");
    expect(await output("echo /*")).toBe("/bin /lib /lib64 /repository /usr\n");
    expect(await output("read x < /etc/passwd && echo leaked")).toMatch(/No such file/);
    expect(await output("echo /proc/* /sys/* /root/* /home/* /tmp/*")).toBe(
      "/proc/* /sys/* /root/* /home/* /tmp/*\n",
    );
  });

  test("the environment is ours, whatever this process has", async () => {
    process.env["CANARY_SECRET"] = "hunter2";
    const env = await output("export -p");
    delete process.env["CANARY_SECRET"];
    expect(env).not.toContain("hunter2");
    expect(env).toMatch(/HOME="\/tmp"/);
    expect(env).not.toMatch(/KUBERNETES|AWS_|GITHUB|npm_/);
  });

  test("nothing can be written", async () => {
    for (const path of ["x", "tree/a.txt", "/x", "/bin/x", "/tmp/x", "/usr/x"])
      expect(await output(`echo evil > ${path} && echo written`)).not.toContain("written");
  });

  test("what is in the files cannot be run, and no other program is there", async () => {
    expect(await output("./tree/a.txt; /usr/bin/id; /bin/sh; echo $?")).toMatch(
      /^127\n.*Permission denied\n.*No such file.*\n.*No such file/,
    );
  });

  test("no network: not even this machine", async () => {
    const server = createServer((_request, response) => response.end("reached"));
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    const { port } = server.address() as AddressInfo;
    expect(await output(`exec 3<>/dev/tcp/127.0.0.1/${port} && echo reached`)).not.toContain(
      "reached",
    );
    server.close();
  });

  test("it is nobody, and cannot become more", async () => {
    expect(await output("echo $UID $EUID")).toBe("65534 65534\n");
    const script =
      "try { process.setuid(0); console.log('root') } catch (e) { console.log(e.code) }";
    const { stdout } = await inside(NODE, script);
    expect(Buffer.from(stdout).toString()).toMatch(/EPERM|EINVAL/);
  });

  test("processes are bounded: a fork bomb ends", async () => {
    // Each child stops itself, so that only their number counts.
    const script = "for ((i = 0; i < 1000; i++)); do ( kill -STOP $BASHPID ) <&0 & done; echo end";
    const run = { program: BASH, args: [script], files: [], signal, timeMs: 6_000 };
    const { stdout, stderr } = await sandbox.run(run);
    expect(stderr).toMatch(/Resource temporarily unavailable/);
    expect(Buffer.from(stdout).toString()).toBe("");
  });

  test("memory is bounded", async () => {
    const script = "const a=[]; for(;;) a.push(Buffer.alloc(64*1024*1024, 1))";
    const result = await inside(NODE, script);
    expect(result.exitCode).not.toBe(0);
  });

  test("output is bounded", async () => {
    const script = "while :; do printf '%01000000d' 0; done";
    expect((await inside(BASH, script)).stoppedBy).toBe("output");
  });

  test("when nobody waits any longer, all of it ends at once", async () => {
    const abort = new AbortController();
    const mark = `sleeper-${process.pid}`;
    const running = sandbox.run({
      program: BASH,
      args: [`: ${mark}; while :; do :; done`],
      files: [],
      signal: abort.signal,
    });
    await expect.poll(() => processesWith(mark)).not.toEqual([]);
    abort.abort();
    await expect(running).rejects.toMatchObject({ code: "aborted" });
    await expect.poll(() => processesWith(mark)).toEqual([]);
  });

  test("text with meaning to a shell has none", async () => {
    const evil = `'; echo evil $(echo worse) \`echo worst\` && "`;
    const { stdout } = await sandbox.run({
      program: program("/bin/bash", "-c", 'printf "%s" "$0"'),
      args: [evil],
      files: [],
      signal,
    });
    expect(Buffer.from(stdout).toString()).toBe(evil);
  });

  test("the place of the files stands in for its mark", async () => {
    const { stdout } = await sandbox.run({
      program: program("/bin/bash", "-c", 'echo "$0"'),
      args: [`${ROOT_MARK}/x`],
      files: [],
      signal,
    });
    expect(Buffer.from(stdout).toString()).toBe("/repository/x\n");
  });
});

describe("templates that never end or never stop growing", () => {
  const chart = (template: string): Files => ({
    "Chart.yaml": "apiVersion: v2\nname: bomb\nversion: 1.0.0\n",
    "templates/bomb.yaml": template,
  });

  test("memory", async () => {
    const { errors } = await renderFiles(
      chart('{{ $x := "x" }}{{ range until 64 }}{{ $x = print $x $x }}{{ end }}{{ $x }}'),
      {},
    );
    expect(errors.join()).toMatch(
      /^Chart\.yaml:1:1: helm .*(?:memory|MiB).*was ended|out of memory/,
    );
  });

  test("recursion", async () => {
    const { errors } = await renderFiles(
      chart('{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}'),
      {},
    );
    expect(errors.join()).toMatch(/^templates\/bomb\.yaml:|^Chart\.yaml:/);
  });

  test("time, which is not remembered as if it were an answer", async () => {
    const abort = new AbortController();
    const programs = stockPrograms();
    let runs = 0;
    programs.run = () => {
      runs++;
      return Promise.resolve({
        exitCode: undefined,
        stdout: new Uint8Array(),
        stderr: "",
        stoppedBy: "time",
      });
    };
    const environment = environmentWith({ programs });
    for (let time = 1; time <= 2; time++) {
      const { errors, repeatable } = await renderFiles(
        chart("a"),
        {},
        { environment, signal: abort.signal },
      );
      expect(errors).toEqual([expect.stringMatching(/did not end within 30 s and was ended/)]);
      expect([repeatable, runs]).toEqual([false, time]);
    }
  });
});

describe("where there are no namespaces", () => {
  const files: Files = { "kustomization.yaml": "resources: [x.yaml]", "x.yaml": CONFIG_MAP("x") };

  test("nothing is run, and the error says what to do", async () => {
    const programs = stockPrograms({ runIn: new NamespaceSandbox({ PATH: "/nowhere" }) });
    const rendering = renderFiles(files, {}, { environment: environmentWith({ programs }) });
    await expect(rendering).rejects.toThrow(/unshare.*--render-sandbox=best-effort/s);
    await expect(rendering).rejects.toMatchObject({ code: "missing-program" });
  });

  test("best effort renders the same, with a clean environment, and leaves nothing behind", async () => {
    const programs = stockPrograms({ sandbox: "best-effort" });
    const best = await renderFiles(files, {}, { environment: environmentWith({ programs }) });
    const strict = await renderFiles(files, {});
    expect(best.manifests.map(({ object }) => object)).toEqual(
      strict.manifests.map(({ object }) => object),
    );
    process.env["CANARY_SECRET"] = "hunter2";
    const { stdout } = await new BestEffortSandbox(process.env).run({
      program: BASH,
      args: ["export -p; pwd"],
      files: [],
      signal,
    });
    delete process.env["CANARY_SECRET"];
    const text = Buffer.from(stdout).toString();
    expect(text).not.toContain("hunter2");
    expect(existsSync(text.trim().split("\n").at(-1) ?? "/")).toBe(false);
  });
});

describe("programs that are not there or not what they should be", () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "gantry-programs-"));
    await writeFile(join(directory, "helm"), "#!/bin/sh\necho v4.0.0\n");
    await chmod(join(directory, "helm"), 0o755);
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  test.each([
    ["no PATH", { env: { PATH: "/nowhere" } }, /there is no helm on the PATH/],
    [
      "a name that is none",
      { helm: "/nowhere/helm" },
      /\/nowhere\/helm is no program that can be run/,
    ],
    [
      "another program",
      { helm: "/bin/bash" },
      /does not say its version as helm does|does not run/,
    ],
  ])("%s", async (_what, options, missing) => {
    const environment = environmentWith({ programs: new Programs(options) });
    const chart = { "web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n" };
    const failure = await renderFiles(chart, { path: "web" }, { environment }).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(SourceError);
    expect((failure as SourceError).where).toBe("web/Chart.yaml");
    expect((failure as SourceError).what).toMatch(missing);
    expect((failure as SourceError).advice).toMatch(/GANTRY_HELM/);
  });

  test("a script around the program", async () => {
    const found = await new Programs({ helm: join(directory, "helm") }).look("helm");
    expect(found).toMatchObject({
      missing: expect.stringMatching(/is a script, not the program/) as string,
    });
  });
});

async function processesWith(mark: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (line.includes(mark)) found.push(pid);
  }
  return found;
}
