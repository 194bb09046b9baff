/** Real repositories for tests, made with stock git in a temporary directory. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Nothing of the machine's configuration, and the same ids every time. */
const ENVIRONMENT = {
  PATH: process.env["PATH"] ?? "",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_AUTHOR_NAME: "Ada",
  GIT_AUTHOR_EMAIL: "ada@example.com",
  GIT_COMMITTER_NAME: "Ada",
  GIT_COMMITTER_EMAIL: "ada@example.com",
  GIT_TERMINAL_PROMPT: "0",
};

/** A temporary directory by its real path, removed by `dispose`. */
export async function temporaryDirectory(): Promise<{
  path: string;
  dispose: () => Promise<void>;
}> {
  const path = await realpath(await mkdtemp(join(tmpdir(), "gantry-")));
  return { path, dispose: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) };
}

export async function git(cwd: string, ...args: string[]): Promise<string> {
  const { stdout } = await run("git", args, { cwd, env: ENVIRONMENT, maxBuffer: 64 * 1024 * 1024 });
  return stdout.trim();
}

/** A work tree with helpers to change it; `init` makes it with branch `main`. */
export class WorkTree {
  readonly path: string;
  constructor(path: string) {
    this.path = path;
  }

  static async init(path: string): Promise<WorkTree> {
    await mkdir(path, { recursive: true });
    await git(path, "init", "-q", "-b", "main");
    return new WorkTree(path);
  }

  async write(files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
    for (const [name, content] of Object.entries(files)) {
      const path = join(this.path, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, content);
    }
  }

  /** Writes files, commits everything and returns the commit's id. */
  async commit(
    files: Readonly<Record<string, string | Uint8Array>>,
    message = "change",
  ): Promise<string> {
    await this.write(files);
    await git(this.path, "add", "-A");
    await git(this.path, "commit", "-q", "--allow-empty", "-m", message);
    return git(this.path, "rev-parse", "HEAD");
  }

  git(...args: string[]): Promise<string> {
    return git(this.path, ...args);
  }
}
