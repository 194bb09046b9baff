/**
 * A whole engine in this process, one for each test file, and a stock kubectl that speaks to it
 * over HTTPS. Tests are skipped, with the reason, where there is no kubectl.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import type { Client } from "../../src/client/client.ts";
import { silentLogger } from "../../src/client/logger.ts";
import { type Engine, type EngineOptions, startEngine } from "../../src/engine/engine.ts";
import { openProcessRuntime } from "../../src/engine/node/runtime/process/process-runtime.ts";
import { findKubectl } from "../stock-tools.ts";
import {
  type Result,
  RunningKubectl,
  type RunOptions,
  runKubectl,
  type StartOptions,
} from "./kubectl-process.ts";

const kubectl = await findKubectl();
if ("missing" in kubectl) console.warn(`kubectl tests are skipped: ${kubectl.missing}`);

/** `describe`, or a visible skip where there is no kubectl. */
export const describeKubectl = describe.skipIf("missing" in kubectl);

export interface Cluster {
  readonly client: Client;
  readonly address: string;
  /** A directory of the test's own; kubectl's working directory. */
  readonly home: string;
  /** Runs kubectl, whatever comes of it. */
  run(args: readonly string[], options?: RunOptions): Promise<Result>;
  /** Runs kubectl, which must succeed; what it printed. Words are separated by spaces. */
  kubectl(command: string, stdin?: string): Promise<string>;
  /** Runs kubectl, which must fail; what it said on stderr. */
  failing(command: string, stdin?: string): Promise<string>;
  /** `kubectl apply -f -`, which must succeed. */
  apply(...objects: readonly object[]): Promise<string>;
  /** Starts a kubectl that goes on until the end of the file. */
  start(command: string | readonly string[], options?: StartOptions): RunningKubectl;
}

const words = (command: string): string[] => command.split(" ").filter((word) => word !== "");
export const manifest = (...objects: readonly object[]): string =>
  objects.map((object) => JSON.stringify(object)).join("\n");

/** Starts the engine before the tests of the file and stops it after them. */
export function useCluster(options: Pick<EngineOptions, "dns"> = {}): Cluster {
  let engine: Engine;
  let home = "";
  const running: RunningKubectl[] = [];
  const errors: unknown[] = [];
  const environment = () => ({
    binary: "path" in kubectl ? kubectl.path : "",
    home,
    kubeconfig: engine.kubeconfig,
  });

  beforeAll(async () => {
    if ("missing" in kubectl) return;
    home = await mkdtemp(join(tmpdir(), "gantry-kubectl-"));
    engine = await startEngine({
      dataDir: join(home, "data"),
      api: { host: "127.0.0.1", port: 0 },
      nodeAddress: "127.0.0.1",
      nodeName: "node-1",
      createRuntime: (dataDir) => openProcessRuntime({ podsDirectory: join(dataDir, "pods") }),
      keepPods: false,
      ...options,
      version: "0.0.0-test",
      logger: { ...silentLogger, error: (fields, message) => errors.push({ message, ...fields }) },
    });
  });
  afterAll(async () => {
    if ("missing" in kubectl) return;
    await Promise.all(running.map((process) => process.stop()));
    await engine.stop();
    await rm(home, { recursive: true, force: true });
    // Whatever a client does, it is not to make the engine fail.
    expect(errors).toEqual([]);
  });

  const run = (args: readonly string[], options?: RunOptions): Promise<Result> =>
    runKubectl(environment(), args, options);
  const succeed = async (args: readonly string[], stdin?: string): Promise<string> => {
    const { code, stdout, stderr } = await run(args, stdin === undefined ? {} : { stdin });
    if (code !== 0) throw new Error(`kubectl ${args.join(" ")} failed with ${code}:\n${stderr}`);
    return stdout;
  };
  return {
    get client() {
      return engine.client;
    },
    get address() {
      return engine.address;
    },
    get home() {
      return home;
    },
    run,
    kubectl: (command, stdin) => succeed(words(command), stdin),
    async failing(command, stdin) {
      const result = await run(words(command), stdin === undefined ? {} : { stdin });
      if (result.code === 0) throw new Error(`kubectl ${command} succeeded:\n${result.stdout}`);
      return result.stderr;
    },
    apply: (...objects) => succeed(["apply", "-f", "-"], manifest(...objects)),
    start(command, startOptions) {
      const args = typeof command === "string" ? words(command) : command;
      const process = new RunningKubectl(environment(), args, startOptions);
      running.push(process);
      return process;
    },
  };
}
