/**
 * Pseudo-terminals without a native module: `script` of util-linux makes one and copies between it
 * and its own input and output; `stty` on the terminal's device changes its size, upon which the
 * kernel sends SIGWINCH.
 */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { type Clock, sleep } from "../../../../client/clock.ts";
import type { TerminalSize } from "../../../apiserver/node-connection.ts";
import { findSystemProgram } from "./system-program.ts";

const run = promisify(execFile);
const PROGRAM_TIMEOUT_MS = 5_000;
/** The process inside appears within milliseconds of `script`. */
const APPEARS_POLL_MS = 20;
const APPEARS_ATTEMPTS = 100;
const MAX_CELLS = 0x7f_ff;

export class Terminals {
  readonly #script: string;
  readonly #stty: string;

  private constructor(script: string, stty: string) {
    this.#script = script;
    this.#stty = stty;
  }

  /** Undefined where there is no util-linux of 2.36 or later: its `script` alone can echo. */
  static async open(): Promise<Terminals | undefined> {
    const [script, stty] = await Promise.all(["script", "stty"].map(findSystemProgram));
    if (process.platform !== "linux" || script === undefined || stty === undefined)
      return undefined;
    const { stdout } = await run(script, ["--version"], {
      timeout: PROGRAM_TIMEOUT_MS,
      env: {},
    }).catch(() => ({ stdout: "" }));
    const [, major = "0", minor = "0"] = /util-linux (\d+)\.(\d+)/.exec(stdout) ?? [];
    const isRecent = Number(major) > 2 || (Number(major) === 2 && Number(minor) >= 36);
    return isRecent ? new Terminals(script, stty) : undefined;
  }

  /** Runs `command`, whose environment this is, in a new terminal; it exits with the command's code. */
  wrap(
    command: readonly string[],
    env: Readonly<Record<string, string>>,
  ): { command: string[]; env: Record<string, string> } {
    const { SHELL: shell } = env;
    // `script` starts the command with $SHELL, which in a container may be anything.
    const restored = shell === undefined ? "unset SHELL" : `export SHELL=${quote(shell)}`;
    const line = `${restored}; exec ${command.map(quote).join(" ")}`;
    return {
      command: [this.#script, "-qef", "-E", "always", "-c", line, "/dev/null"],
      env: { TERM: "xterm", ...env, SHELL: "/bin/sh" },
    };
  }

  /** Of the terminal that the process has. Does nothing when it has none, or has ended. */
  async resize(pid: number, { columns, rows }: TerminalSize): Promise<void> {
    const device = await terminalOf(pid);
    if (device === undefined) return;
    const size = ["rows", cells(rows), "cols", cells(columns)];
    await run(this.#stty, ["-F", device, ...size], { timeout: PROGRAM_TIMEOUT_MS, env: {} }).catch(
      () => undefined,
    );
  }
}

const cells = (count: number): string => String(Math.min(MAX_CELLS, Math.max(0, count)));

/** One word of a shell's command line. */
export const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** The process that `script` runs; undefined when it does not come to be. */
export async function insideOf(scriptPid: number, clock: Clock): Promise<number | undefined> {
  const path = `/proc/${scriptPid}/task/${scriptPid}/children`;
  for (let attempt = 0; attempt < APPEARS_ATTEMPTS; attempt++) {
    const text = await readFile(path, "utf8").catch(() => undefined);
    if (text === undefined) return undefined;
    const pid = Number.parseInt(text, 10);
    if (pid > 0 && (await terminalOf(pid)) !== undefined) return pid;
    await sleep(clock, APPEARS_POLL_MS);
  }
  return undefined;
}

/** Majors of `/dev/pts` on Linux: 256 terminals each. */
const FIRST_MAJOR = 136;
const LAST_MAJOR = 143;

/** `/dev/pts/N`, from `tty_nr` in `/proc/<pid>/stat`. */
async function terminalOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  const device = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[4]);
  const major = (device >> 8) & 0xf_ff;
  const minor = (device & 0xff) | ((device >> 12) & 0xf_ff_00);
  if (!(major >= FIRST_MAJOR && major <= LAST_MAJOR)) return undefined;
  return `/dev/pts/${(major - FIRST_MAJOR) * 256 + minor}`;
}
