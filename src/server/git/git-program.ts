/**
 * Runs the `git` program on repositories of this server: without a shell, without any
 * configuration, hook, credential helper or protocol but what stands here.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import type { Writable } from "node:stream";
import { gitEnvironment } from "../../gitops/source/git-program.ts";

/** Configuration of every call, as `GIT_CONFIG_*` variables: it wins over that of repositories. */
const CONFIG: Readonly<Record<string, string>> = {
  "safe.directory": "*",
  "core.hooksPath": "/dev/null",
  "core.fsmonitor": "false",
  "core.fsync": "all",
  "core.fsyncMethod": "fsync",
  "core.logAllRefUpdates": "always",
  "core.deltaBaseCacheLimit": "32m",
  "gc.auto": "0",
  "protocol.allow": "never",
  "pack.threads": "2",
  "uploadpack.allowFilter": "true",
};
/** One allocation of the program: bounds what a delta may claim to unpack to. */
const ALLOC_LIMIT = "192m";
/** What of its complaints is kept for an error. */
const MAX_STDERR_CHARS = 4_000;
/** More output than any listing of refs within their limit. */
const MAX_STDOUT_BYTES = 64 * 1024 * 1024;

export interface GitRun {
  readonly gitDir: string;
  readonly args: readonly string[];
  readonly input?: string | AsyncIterable<Buffer>;
  /** Who moves refs: for the reflog. */
  readonly identity?: { readonly name: string; readonly email: string };
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}
export interface GitResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The git program is missing, hung or was killed: nothing that a push can be blamed for. */
export class GitProgramError extends Error {
  override readonly name = "GitProgramError";
}

function environment(
  gitDir: string,
  more: Readonly<Record<string, string>>,
): Record<string, string> {
  const config = Object.entries(CONFIG).flatMap(([key, value], at): [string, string][] => [
    [`GIT_CONFIG_KEY_${at}`, key],
    [`GIT_CONFIG_VALUE_${at}`, value],
  ]);
  return {
    ...gitEnvironment(gitDir),
    GIT_ALLOC_LIMIT: ALLOC_LIMIT,
    GIT_CONFIG_COUNT: String(Object.keys(CONFIG).length),
    ...Object.fromEntries(config),
    ...more,
  };
}

export function spawnGit(
  gitDir: string,
  args: readonly string[],
  more: Readonly<Record<string, string>> = {},
): ChildProcessWithoutNullStreams {
  const child = spawn("git", [...args], {
    cwd: gitDir,
    env: environment(gitDir, more),
    stdio: ["pipe", "pipe", "pipe"],
  });
  // A program that ended early reports it by its exit code; writing to it then says no more.
  child.stdin.on("error", () => undefined);
  return child;
}

/**
 * @throws GitProgramError, the signal's reason, or whatever reading `input` throws; the program is
 * not running any more then
 */
export async function runGit(run: GitRun): Promise<GitResult> {
  run.signal?.throwIfAborted();
  const { name, email } = run.identity ?? { name: "gantry", email: "gantry@localhost" };
  const child = spawnGit(run.gitDir, run.args, {
    GIT_COMMITTER_NAME: name,
    GIT_COMMITTER_EMAIL: email,
  });
  const stdout: Buffer[] = [];
  let stdoutBytes = 0;
  let stderr = "";
  let failure: Error | undefined;
  const fail = (error: Error): void => {
    failure ??= error;
    child.kill("SIGKILL");
  };
  child.stdout.on("data", (chunk: Buffer) => {
    stdoutBytes += chunk.length;
    if (stdoutBytes > MAX_STDOUT_BYTES) fail(new GitProgramError("git writes too much"));
    else stdout.push(chunk);
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr = (stderr + chunk.toString("utf8")).slice(-MAX_STDERR_CHARS);
  });
  child.on("error", (error) => {
    failure ??= new GitProgramError("the git program cannot be run", { cause: error });
  });
  const ended = new Promise<number | null>((resolve) =>
    child.once("close", (code) => resolve(code)),
  );
  const timer = setTimeout(
    () => fail(new GitProgramError(`git ${run.args[0] ?? ""} took too long`)),
    run.timeoutMs,
  );
  const onAbort = (): void => fail(run.signal?.reason as Error);
  run.signal?.addEventListener("abort", onAbort, { once: true });
  try {
    await feed(child, run.input ?? "").catch((error: unknown) => fail(error as Error));
    const code = await ended;
    if (failure !== undefined) throw failure;
    if (code === null) throw new GitProgramError(`git ${run.args[0] ?? ""} was killed`);
    return { code, stdout: Buffer.concat(stdout).toString("utf8"), stderr };
  } finally {
    clearTimeout(timer);
    run.signal?.removeEventListener("abort", onAbort);
  }
}

async function feed(
  child: ChildProcessWithoutNullStreams,
  input: string | AsyncIterable<Buffer>,
): Promise<void> {
  if (typeof input === "string") {
    child.stdin.end(input);
    return;
  }
  for await (const chunk of input) {
    if (child.stdin.destroyed || child.exitCode !== null) break;
    if (!child.stdin.write(chunk)) await drained(child.stdin);
  }
  child.stdin.end();
}

/** Or closed, because the program has heard enough. */
function drained(stdin: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stdin.off("drain", done);
      stdin.off("close", done);
      resolve();
    };
    stdin.once("drain", done);
    stdin.once("close", done);
    if (stdin.destroyed) done();
  });
}
