/**
 * Where there are no namespaces and the user said that this is all right: a directory that is thrown
 * away, a clean environment, limits where `prlimit` is there to set them. The program could read
 * other files and reach the network, were it told to; what tells it to is refused beforehand.
 */
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { runBounded } from "./run-bounded.ts";
import {
  MAX_MEMORY_BYTES,
  MAX_OPEN_FILES,
  MAX_RUN_MS,
  programEnvironment,
  ROOT_MARK,
  type Sandbox,
  type SandboxFile,
  type SandboxResult,
  type SandboxRun,
} from "./sandbox.ts";

export class BestEffortSandbox implements Sandbox {
  readonly #path: string;

  constructor(env: NodeJS.ProcessEnv) {
    this.#path = env["PATH"] ?? "";
  }

  problem(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  async run({ program, args, files, signal }: SandboxRun): Promise<SandboxResult> {
    const directory = await mkdtemp(join(tmpdir(), "gantry-render-"));
    try {
      const root = join(directory, "repository");
      const scratch = join(directory, "scratch");
      await mkdir(root);
      await mkdir(scratch);
      for (const file of files) await write(root, file);
      const own = [...program.prefix, ...args].map((arg) => arg.replaceAll(ROOT_MARK, root));
      const result = await this.#run(program.path, own, { cwd: root, scratch, signal });
      return { ...result, stderr: result.stderr.replaceAll(`${root}/`, "") };
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  async #run(
    program: string,
    args: readonly string[],
    { cwd, scratch, signal }: { cwd: string; scratch: string; signal: AbortSignal },
  ): Promise<SandboxResult> {
    const place = { cwd, signal, input: new Uint8Array() };
    const env = programEnvironment(scratch);
    if (process.platform === "linux")
      try {
        const limited = ["--", program, ...args];
        return await runBounded({
          ...place,
          program: "prlimit",
          args: [...LIMITS, ...limited],
          env: { ...env, PATH: this.#path },
        });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      }
    return runBounded({ ...place, program, args, env: { ...env, PATH: "" } });
  }
}

const LIMITS = [
  `--cpu=${MAX_RUN_MS / 1000}`,
  `--data=${MAX_MEMORY_BYTES}`,
  `--nofile=${MAX_OPEN_FILES}`,
  "--core=0",
];

async function write(root: string, file: SandboxFile): Promise<void> {
  const path = join(root, file.path);
  await mkdir(dirname(path), { recursive: true });
  if ("link" in file) await symlink(file.link, path);
  else await writeFile(path, file.content, { mode: 0o600 });
}
