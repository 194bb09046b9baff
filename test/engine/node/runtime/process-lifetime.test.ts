import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { parseStat } from "../../../../src/engine/node/runtime/process/process-identity.ts";
import { POD_UID, ProcessFixture, readOutput, shell } from "./process-fixture.ts";

let fixture: ProcessFixture;
beforeEach(async () => {
  fixture = await ProcessFixture.make();
});
afterEach(() => fixture.close());

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
/** Gone, or only waiting to be reaped by whoever is its parent now. */
async function hasEnded(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return !isAlive(pid) || (stat !== "" && parseStat(stat) === undefined);
}
const untilEnded = (pid: number): Promise<void> =>
  vi.waitFor(async () => expect(await hasEnded(pid)).toBe(true), { timeout: 5_000 });
async function untilLogged(name: string, text: string | RegExp): Promise<string> {
  return vi.waitFor(
    async () => {
      const output = await readOutput(fixture.config({ name }).logPath);
      expect(output).toMatch(text);
      return output;
    },
    { timeout: 5_000 },
  );
}

// The tests look at processes through /proc.
describe.runIf(process.platform === "linux")("a container of the process runtime", () => {
  it("runs the command itself as the process whose pid it tells", async () => {
    const { pid = 0 } = await fixture.start({ command: ["sleep", "999"] });
    const expected = `${await which("sleep")}\x00999\x00`;
    await vi.waitFor(async () =>
      expect(await readFile(`/proc/${pid}/cmdline`, "utf8")).toBe(expected),
    );
  });

  it("signals only the main process, and kills what it leaves behind", async () => {
    const script = `sh -c 'trap "echo child got it" TERM; echo $$; while :; do sleep 0.1; done' & wait`;
    const started = await fixture.start({ command: shell(script) });
    const child = Number(await untilLogged("web", /^\d+\n/));
    await fixture.runtime.stopContainer(started.id, { graceMs: 10_000 });
    expect(await fixture.ended(started)).toMatchObject({ exitCode: 143 });
    await untilEnded(child);
    expect(await readOutput(fixture.config().logPath)).not.toContain("child got it");
  });

  it("lets programs handle SIGINT and SIGQUIT, as a shell in the background would not", async () => {
    // A shell cannot trap what was ignored when it started.
    const started = await fixture.start({
      command: shell('trap "echo int; exit 4" INT; echo up; while :; do sleep 0.05; done'),
    });
    await untilLogged("web", "up");
    await fixture.runtime.stopContainer(started.id, { graceMs: 10_000, signal: "SIGINT" });
    expect(await fixture.ended(started)).toMatchObject({ exitCode: 4 });
  });

  it("knows the exit code also when somebody signals the whole group", async () => {
    const started = await fixture.start({ command: shell("echo up; exec sleep 1000") });
    await untilLogged("web", "up");
    const stat = await readFile(`/proc/${started.pid}/stat`, "utf8");
    const group = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[2]);
    process.kill(-group, "SIGTERM");
    expect(await fixture.ended(started)).toMatchObject({ exitCode: 143, signal: 15 });
  });

  it("leaves containers running when it closes, and takes them over when it opens", async () => {
    const started = await fixture.start({
      command: shell("while :; do echo tick; sleep 0.02; done"),
    });
    await untilLogged("web", "tick\n");
    await fixture.reopen(async () => {
      expect(isAlive(started.pid ?? 0)).toBe(true);
    });
    expect(await fixture.runtime.listContainers()).toEqual([started]);
    const before = (await readOutput(fixture.config().logPath)).length;
    await vi.waitFor(async () =>
      expect((await readOutput(fixture.config().logPath)).length).toBeGreaterThan(before + 20),
    );
    await fixture.runtime.stopContainer(started.id, { graceMs: 10_000 });
    expect(await fixture.ended(started)).toMatchObject({ exitCode: 143 });
  });

  it("knows exit code and last words of a container that ended while no agent was there", async () => {
    const go = join(fixture.directory, "go");
    const script = `echo before; while [ ! -e "${go}" ]; do sleep 0.02; done; echo last words; exit 9`;
    const started = await fixture.start({ command: shell(script) });
    await untilLogged("web", "before");
    await fixture.reopen(async () => {
      await writeFile(go, "");
      await untilEnded(started.pid ?? 0);
    });
    expect(await fixture.runtime.listContainers()).toMatchObject([
      { state: "exited", exitCode: 9 },
    ]);
    expect(await readOutput(fixture.config().logPath)).toBe("before\nlast words\n");
  });

  it("says that it does not know, when nobody was there to see the end", async () => {
    const started = await fixture.start({ command: ["sleep", "1000"] });
    await fixture.reopen(async () => {
      const wrapper = parseStat(
        await readFile(
          join(fixture.directory, "pods", POD_UID, "containers/web/0/wrapper"),
          "utf8",
        ),
      );
      process.kill(-(wrapper?.pid ?? NaN), "SIGKILL");
      await untilEnded(started.pid ?? 0);
    });
    const [status] = await fixture.runtime.listContainers();
    expect(status?.state).toBe("exited");
    expect(status).not.toHaveProperty("exitCode");
  });

  it("notices the end of a container that it took over, even without its exit code", async () => {
    const started = await fixture.start();
    await fixture.reopen();
    const wrapper = parseStat(
      await readFile(join(fixture.directory, "pods", POD_UID, "containers/web/0/wrapper"), "utf8"),
    );
    process.kill(-(wrapper?.pid ?? NaN), "SIGKILL");
    expect(await fixture.ended(started)).toMatchObject({ state: "exited" });
  });

  it("never touches a process that was given the pid of one that ended", async () => {
    const stranger = spawn("sleep", ["1000"]);
    try {
      const started = await fixture.start({ command: shell("exit 0") });
      await fixture.ended(started);
      await fixture.reopen(async () => {
        const directory = join(fixture.directory, "pods", POD_UID, "containers/web/0");
        const stat = await readFile(`/proc/${stranger.pid}/stat`, "utf8");
        const startTime = parseStat(stat)?.startTime ?? "";
        for (const file of ["wrapper", "main"])
          await writeFile(join(directory, file), stat.replace(` ${startTime} `, " 12345 "));
        await writeFile(join(directory, "exit"), "");
      });
      expect(await fixture.runtime.listContainers()).toMatchObject([{ state: "exited" }]);
      await fixture.runtime.stopContainer(started.id, { graceMs: 0 });
      await fixture.runtime.removeSandbox(POD_UID);
      expect(isAlive(stranger.pid ?? 0)).toBe(true);
    } finally {
      stranger.kill("SIGKILL");
    }
  });

  it("believes nothing of an earlier boot of the machine", async () => {
    const started = await fixture.start();
    await fixture.reopen(async () => {
      const file = join(fixture.directory, "pods", POD_UID, "containers/web/0/container.json");
      const record = JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>;
      await writeFile(file, JSON.stringify({ ...record, bootId: "another" }));
      process.kill(started.pid ?? NaN, "SIGKILL");
    });
    expect(await fixture.runtime.listContainers()).toMatchObject([{ state: "exited" }]);
  });

  it("survives kill -9 of the agent: processes go on, are found, lose no line of output", async () => {
    const script = join(fixture.directory, "agent.mjs");
    await build({
      stdin: { contents: AGENT, resolveDir: process.cwd(), loader: "ts" },
      bundle: true,
      platform: "node",
      format: "esm",
      packages: "external",
      outfile: script,
      logLevel: "silent",
    });
    const pods = join(fixture.directory, "killed");
    await mkdir(pods);
    const lines = 400;
    const agent = spawn(process.execPath, [script, pods, String(lines)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const pid = Number(await firstLine(agent));
    // In the middle of its work: some of the output is in the log, most of it is not.
    const log = join(pods, "web.log");
    await expect.poll(() => readOutput(log).catch(() => ""), { interval: 5 }).not.toBe("");
    agent.kill("SIGKILL");
    await once(agent, "exit");
    expect(isAlive(pid)).toBe(true);

    const { openProcessRuntime } = await import(
      "../../../../src/engine/node/runtime/process/process-runtime.ts"
    );
    const runtime = await openProcessRuntime({ podsDirectory: pods });
    try {
      const [found] = await runtime.listContainers();
      expect(found).toMatchObject({ name: "web", state: "running", pid });
      const ended = new Promise((resolve) =>
        runtime.onChange(({ state }) => state === "exited" && resolve(0)),
      );
      if ((await runtime.listContainers())[0]?.state !== "exited") await ended;
      expect(await runtime.listContainers()).toMatchObject([{ state: "exited", exitCode: 3 }]);
      const expected = Array.from({ length: lines }, (_, index) => `${index}\n`).join("");
      expect(await readOutput(join(pods, "web.log"))).toBe(expected);
    } finally {
      await runtime.removeSandbox("killed-pod");
      await runtime.close();
    }
  });

  it("leaves nothing behind when a pod is removed", async () => {
    const started = await fixture.start({ command: shell("sleep 1000 & sleep 1000") });
    await fixture.runtime.removeSandbox(POD_UID);
    await untilEnded(started.pid ?? 0);
    expect(await readdir(join(fixture.directory, "pods"))).toEqual([]);
  });

  it("measures processor time and memory of all processes of a container", async () => {
    const spin =
      "while (process.cpuUsage().user < 200000); console.log('spun'); setInterval(() => {}, 1000)";
    const { id } = await fixture.start({ command: ["node", "-e", spin] });
    await untilLogged("web", "spun");
    const stats = await fixture.runtime.stats(id);
    expect(stats?.memoryBytes).toBeGreaterThan(10_000_000);
    expect(stats?.cpuNanoseconds).toBeGreaterThan(100_000_000n);
    await fixture.runtime.stopContainer(id, { graceMs: 0 });
    expect(await fixture.runtime.stats(id)).toBeUndefined();
  });
});

const AGENT = `
  import { openProcessRuntime } from "./src/engine/node/runtime/process/process-runtime.ts";
  const [, , podsDirectory, lines] = process.argv;
  const runtime = await openProcessRuntime({ podsDirectory });
  await runtime.ensureSandbox({ podUid: "killed-pod", namespace: "default", name: "p", ports: [] });
  const program = "let n = 0; const timer = setInterval(() => { console.log(n++);" +
    "if (n === " + lines + ") { clearInterval(timer); process.exitCode = 3; } }, 1)";
  const { pid } = await runtime.startContainer({
    podUid: "killed-pod", name: "web", attempt: 0, image: "x",
    command: ["node", "-e", program],
    env: new Map(), mounts: [], logPath: podsDirectory + "/web.log", tty: false, stdin: false,
  });
  console.log(pid);
  setInterval(() => {}, 1000);
`;

async function firstLine(child: ChildProcess): Promise<string> {
  let text = "";
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk);
    if (text.includes("\n")) break;
  }
  return text.split("\n")[0] ?? "";
}

async function which(program: string): Promise<string> {
  const child = spawn("sh", ["-c", `command -v ${program}`]);
  return firstLine(child);
}
