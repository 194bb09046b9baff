/** Stock git, away from the configuration of whoever runs the tests. */
import { type ChildProcess, execFile } from "node:child_process";

export interface GitRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Whatever comes of it; a git that was killed has no code. `onStart` gets the process. */
export function gitIn(
  directory: string,
  args: readonly string[],
  onStart: (child: ChildProcess) => void = () => undefined,
): Promise<GitRun> {
  const identity = ["-c", "user.name=t", "-c", "user.email=t@gantry.invalid"];
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: directory,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    LC_ALL: "C",
  };
  return new Promise((resolve) => {
    const child = execFile(
      "git",
      [...identity, ...args],
      { cwd: directory, env, maxBuffer: 64 * 1024 * 1024 },
      (_error, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
    );
    onStart(child);
  });
}
