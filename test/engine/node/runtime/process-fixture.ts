/** A process runtime in a directory of its own, and short ways to run things in it. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEntry } from "../../../../src/engine/node/logs/cri-line.ts";
import type { LogLimits } from "../../../../src/engine/node/logs/rotated-log.ts";
import { openProcessRuntime } from "../../../../src/engine/node/runtime/process/process-runtime.ts";
import type {
  ContainerConfig,
  ContainerStatus,
  Runtime,
  SandboxConfig,
} from "../../../../src/engine/node/runtime/runtime.ts";
import { awaitContainer } from "../runtime-conformance.ts";

export const POD_UID = "aaaaaaaa-0000-0000-0000-000000000001";
export const sandbox = (overrides: Partial<SandboxConfig> = {}): SandboxConfig => ({
  podUid: POD_UID,
  namespace: "default",
  name: "web-0",
  ports: [],
  ...overrides,
});

export class ProcessFixture {
  readonly directory: string;
  readonly #limits: LogLimits | undefined;
  runtime: Runtime;
  readonly problems: unknown[] = [];

  private constructor(directory: string, runtime: Runtime, limits: LogLimits | undefined) {
    this.directory = directory;
    this.runtime = runtime;
    this.#limits = limits;
  }

  static async make(limits?: LogLimits): Promise<ProcessFixture> {
    const directory = await mkdtemp(join(tmpdir(), "gantry-process-"));
    const fixture = new ProcessFixture(directory, await open(directory, limits), limits);
    await fixture.runtime.ensureSandbox(sandbox());
    return fixture;
  }

  /** As a new agent would, with the containers going on meanwhile. */
  async reopen(whileAway: () => Promise<void> = async () => undefined): Promise<void> {
    await this.runtime.close();
    await whileAway();
    this.runtime = await open(this.directory, this.#limits);
  }

  async close(): Promise<void> {
    for (const { podUid } of await this.runtime.listSandboxes())
      await this.runtime.removeSandbox(podUid);
    await this.runtime.close();
    await rm(this.directory, { recursive: true, force: true });
  }

  config(overrides: Partial<ContainerConfig> = {}): ContainerConfig {
    const { name = "web", attempt = 0 } = overrides;
    return {
      podUid: POD_UID,
      name,
      attempt,
      image: "example/web:1",
      command: ["sleep", "1000"],
      env: new Map(),
      mounts: [],
      logPath: join(this.directory, "logs", name, `${attempt}.log`),
      tty: false,
      stdin: false,
      ...overrides,
    };
  }

  start(overrides: Partial<ContainerConfig> = {}): Promise<ContainerStatus> {
    return this.runtime.startContainer(this.config(overrides));
  }

  async ended({ id }: ContainerStatus): Promise<ContainerStatus> {
    return awaitContainer(this.runtime, id, ({ state }) => state === "exited");
  }

  /** Runs to the end; what it wrote to stdout. */
  async outputOf(overrides: Partial<ContainerConfig>): Promise<string> {
    await this.ended(await this.start(overrides));
    return readOutput(this.config(overrides).logPath);
  }
}

const open = (directory: string, logLimits: LogLimits | undefined): Promise<Runtime> =>
  openProcessRuntime({
    podsDirectory: join(directory, "pods"),
    ...(logLimits === undefined ? {} : { logLimits }),
  });

/** The output as the program wrote it. */
export async function readOutput(logPath: string): Promise<string> {
  const lines = (await readFile(logPath, "utf8")).split("\n").slice(0, -1);
  return lines
    .map((line) => parseEntry(Buffer.from(line)))
    .map((entry) => `${entry?.content.toString()}${entry?.partial === true ? "" : "\n"}`)
    .join("");
}

export const shell = (script: string): string[] => ["sh", "-c", script];
