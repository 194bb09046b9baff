/**
 * The `git` program, where there is one: reads and indexes packs faster than JavaScript does. It
 * never touches the network, runs nothing, and sees no credential.
 */
import { execFile } from "node:child_process";

/** Everything that lets a repository or a user's configuration change what git does is off. */
export function gitEnvironment(gitDir: string): Record<string, string> {
  return {
    PATH: process.env["PATH"] ?? "",
    GIT_DIR: gitDir,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: process.platform === "win32" ? "NUL" : "/dev/null",
    GIT_ATTR_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_NO_LAZY_FETCH: "1",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_ALLOW_PROTOCOL: "none",
    LC_ALL: "C",
  };
}

let gitBinary: Promise<boolean> | undefined;

/** Whether a git binary answers; asked once per process. */
export function hasGitBinary(): Promise<boolean> {
  gitBinary ??= new Promise((resolve) => {
    execFile("git", ["--version"], { timeout: 5_000 }, (error, stdout) =>
      resolve(error === null && stdout.startsWith("git version")),
    );
  });
  return gitBinary;
}
