/** What every `Runtime` does alike. Each implementation's test calls {@link runtimeConformance}. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { parseEntry } from "../../../src/engine/node/logs/cri-line.ts";
import type {
  ContainerConfig,
  ContainerStatus,
  Runtime,
  SandboxConfig,
} from "../../../src/engine/node/runtime/runtime.ts";

/** Commands with the same meaning in every runtime. */
export interface Programs {
  /** Runs until SIGTERM and then ends with code 143 or 0. */
  readonly serve: readonly string[];
  /** Runs on in spite of SIGTERM, from the moment it has written a line. */
  readonly stubborn: readonly string[];
  readonly exitWith: (code: number) => readonly string[];
  /** Writes a line to stdout, one to stderr, and ends with 0. */
  readonly print: (out: string, err: string) => readonly string[];
  /** For `exec`: prints the value of a variable. */
  readonly printVariable: (name: string) => readonly string[];
}
export interface Subject {
  /** Again with the same directory: what a restarted agent does. */
  readonly open: (directory: string) => Promise<Runtime>;
  readonly programs: Programs;
}

const POD: SandboxConfig = {
  podUid: "11111111-2222-3333-4444-555555555555",
  namespace: "default",
  name: "web-0",
  ports: [{ container: "web", containerPort: 8080, name: "http", protocol: "TCP" }],
};

/** The first state of the container for which `accept` holds. */
export async function awaitContainer(
  runtime: Runtime,
  id: string,
  accept: (status: ContainerStatus) => boolean,
): Promise<ContainerStatus> {
  return new Promise((resolve, reject) => {
    const check = (status: ContainerStatus): void => {
      if (status.id !== id || !accept(status)) return;
      unsubscribe();
      resolve(status);
    };
    const unsubscribe = runtime.onChange(check);
    runtime.listContainers().then((statuses) => statuses.forEach(check), reject);
  });
}
const isExited = (status: ContainerStatus): boolean => status.state === "exited";

export function runtimeConformance(name: string, subject: Subject): void {
  const { programs } = subject;
  describe(`runtime ${name}`, () => {
    let directory: string;
    let runtime: Runtime;
    beforeEach(async () => {
      directory = await mkdtemp(join(tmpdir(), "gantry-runtime-"));
      runtime = await subject.open(directory);
    });
    afterEach(async () => {
      for (const { podUid } of await runtime.listSandboxes()) await runtime.removeSandbox(podUid);
      await runtime.close();
      await rm(directory, { recursive: true, force: true });
    });

    const config = (overrides: Partial<ContainerConfig> = {}): ContainerConfig => ({
      podUid: POD.podUid,
      name: "web",
      attempt: 0,
      image: "example/web:1",
      command: programs.serve,
      env: new Map(),
      mounts: [],
      logPath: join(directory, "logs", "web", "0.log"),
      tty: false,
      stdin: false,
      ...overrides,
    });

    it("makes one sandbox per pod uid, with an address for each port", async () => {
      const [first, second] = await Promise.all([
        runtime.ensureSandbox(POD),
        runtime.ensureSandbox(POD),
      ]);
      expect(second).toEqual(first);
      expect(first.portMap.get(8080)).toBeGreaterThan(0);
      expect(await runtime.listSandboxes()).toHaveLength(1);
    });

    it("removes a sandbox with its containers, twice without complaint", async () => {
      await runtime.ensureSandbox(POD);
      await runtime.startContainer(config());
      await runtime.removeSandbox(POD.podUid);
      await runtime.removeSandbox(POD.podUid);
      expect(await runtime.listSandboxes()).toEqual([]);
      expect(await runtime.listContainers()).toEqual([]);
    });

    it("starts a container once, however often it is asked", async () => {
      await runtime.ensureSandbox(POD);
      const [first, second] = await Promise.all([
        runtime.startContainer(config()),
        runtime.startContainer(config()),
      ]);
      expect(first).toMatchObject({ state: "running", name: "web", attempt: 0 });
      expect(first.id).toMatch(new RegExp(`^${runtime.name}://.+`));
      expect(second.id).toBe(first.id);
      expect(await runtime.listContainers(POD.podUid)).toHaveLength(1);
    });

    it("reports exit codes, and tells listeners", async () => {
      await runtime.ensureSandbox(POD);
      for (const code of [0, 7]) {
        const started = await runtime.startContainer(
          config({ command: programs.exitWith(code), attempt: code }),
        );
        const ended = await awaitContainer(runtime, started.id, isExited);
        expect(ended.exitCode).toBe(code);
        expect(ended.finishedAtMs).toBeGreaterThanOrEqual(ended.startedAtMs ?? Infinity);
      }
    });

    it("stops with SIGTERM where that is enough", async () => {
      await runtime.ensureSandbox(POD);
      const { id } = await runtime.startContainer(config());
      await runtime.stopContainer(id, { graceMs: 30_000 });
      const ended = await awaitContainer(runtime, id, isExited);
      expect([0, 143]).toContain(ended.exitCode);
    });

    it("kills what does not heed SIGTERM once the grace is over", async () => {
      await runtime.ensureSandbox(POD);
      const { logPath } = config();
      const { id } = await runtime.startContainer(config({ command: programs.stubborn }));
      await vi.waitFor(async () => expect(await readFile(logPath, "utf8")).toContain("\n"));
      await runtime.stopContainer(id, { graceMs: 300 });
      expect(await awaitContainer(runtime, id, isExited)).toMatchObject({
        exitCode: 137,
        signal: 9,
      });
      await runtime.stopContainer(id, { graceMs: 0 });
    });

    it("writes both streams to the log file, complete before the end is reported", async () => {
      await runtime.ensureSandbox(POD);
      const { logPath } = config();
      const { id } = await runtime.startContainer(
        config({ command: programs.print("hello out", "hello err") }),
      );
      await awaitContainer(runtime, id, isExited);
      const entries = (await readFile(logPath, "utf8"))
        .trimEnd()
        .split("\n")
        .map((line) => parseEntry(Buffer.from(line)));
      expect(
        entries.map((entry) => `${entry?.stream} ${entry?.content.toString()}`).sort(),
      ).toEqual(["stderr hello err", "stdout hello out"]);
    });

    it("runs commands in a container, with its environment, and reports their exit code", async () => {
      await runtime.ensureSandbox(POD);
      const limits = { timeoutMs: 10_000, maxOutputBytes: 1024 };
      const { id } = await runtime.startContainer(config({ env: new Map([["COLOUR", "blue"]]) }));
      const shown = await runtime.exec(id, programs.printVariable("COLOUR"), limits);
      expect(shown.output.toString().trim()).toBe("blue");
      expect(shown.exitCode).toBe(0);
      expect((await runtime.exec(id, programs.exitWith(3), limits)).exitCode).toBe(3);
      await expect(runtime.exec(id, programs.serve, { ...limits, timeoutMs: 200 })).rejects.toThrow(
        /timed out/,
      );
    });

    it("cuts the output of a command at the limit", async () => {
      await runtime.ensureSandbox(POD);
      const { id } = await runtime.startContainer(
        config({ env: new Map([["LONG", "x".repeat(500)]]) }),
      );
      const limits = { timeoutMs: 10_000, maxOutputBytes: 100 };
      const { output } = await runtime.exec(id, programs.printVariable("LONG"), limits);
      expect(output.toString()).toBe("x".repeat(100));
    });

    it("refuses a container without a sandbox", async () => {
      await expect(runtime.startContainer(config())).rejects.toMatchObject({
        name: "RuntimeError",
        reason: "CreateContainerError",
      });
    });

    it("forgets a removed container, stopping it first", async () => {
      await runtime.ensureSandbox(POD);
      const { id } = await runtime.startContainer(config());
      await runtime.removeContainer(id);
      await runtime.removeContainer(id);
      expect(await runtime.listContainers(POD.podUid)).toEqual([]);
    });

    it("finds its pods again after a restart", async () => {
      const sandbox = await runtime.ensureSandbox(POD);
      const running = await runtime.startContainer(config());
      const short = await runtime.startContainer(
        config({ name: "once", command: programs.exitWith(5) }),
      );
      await awaitContainer(runtime, short.id, isExited);
      await runtime.close();

      runtime = await subject.open(directory);
      expect(await runtime.listSandboxes()).toEqual([sandbox]);
      const statuses = new Map(
        (await runtime.listContainers()).map((status) => [status.id, status]),
      );
      expect(statuses.get(running.id)).toEqual(running);
      expect(statuses.get(short.id)).toMatchObject({ state: "exited", exitCode: 5 });
      expect(await runtime.startContainer(config())).toEqual(running);
      await runtime.stopContainer(running.id, { graceMs: 10_000 });
      expect(await awaitContainer(runtime, running.id, isExited)).toHaveProperty("exitCode");
    });
  });
}
