/** Starts a process in the surroundings of a container: its directory, environment, user and files. */
import { type ChildProcess, spawn } from "node:child_process";
import type { Writable } from "node:stream";
import { environmentScript, type PrivateFile, type PrivateFiles } from "./private-files.ts";

export interface Surroundings {
  readonly cwd: string;
  readonly user?: { readonly uid?: number; readonly gid?: number };
  /** What stands in for files of the machine. @default nothing */
  readonly files?: {
    readonly own: readonly PrivateFile[];
    readonly with: Pick<PrivateFiles, "wrap">;
  };
}

type Output = number | "pipe";
/** Where the shell expects the environment, behind those that the wrapper of containers uses. */
const ENVIRONMENT_FD = 5;

/** Leader of a session and process group of its own. `env`: names that a shell can have. */
export function spawnInContainer(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  { cwd, user, files }: Surroundings,
  [stdout, stderr]: readonly [Output, Output],
  stdin: "ignore" | "pipe" = "ignore",
): ChildProcess {
  const as = processUser(user);
  const options = { cwd, detached: true };
  if (files === undefined || files.own.length === 0) {
    const [program = "", ...args] = argv;
    return spawn(program, args, { ...options, ...as, env, stdio: [stdin, stdout, stderr] });
  }
  const [program = "", ...args] = files.with.wrap(files.own, argv, as);
  if (as.uid === undefined && as.gid === undefined)
    return spawn(program, args, { ...options, env, stdio: [stdin, stdout, stderr] });
  const child = spawn(program, args, {
    ...options,
    env: {},
    stdio: [stdin, stdout, stderr, "ignore", "ignore", "pipe"],
  });
  const streams: readonly unknown[] = child.stdio;
  const pipe = streams[ENVIRONMENT_FD] as Writable | undefined;
  // Who ended before reading needs no environment.
  pipe?.on("error", () => undefined);
  pipe?.end(environmentScript(env));
  return child;
}

/** Only root may run processes as somebody else; for others the operator's user stands in. */
export function processUser(user: Surroundings["user"]): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  return {
    ...(user?.uid === undefined ? {} : { uid: user.uid }),
    ...(user?.gid === undefined ? {} : { gid: user.gid }),
  };
}
