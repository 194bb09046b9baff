/**
 * Starts the process of a container below a tiny shell that outlives the agent: it alone can wait
 * for the process, so it writes down the exit code. About 1 MB each, where a Node.js shim has 40.
 */
import type { ChildProcess } from "node:child_process";
import type { ContainerDirectory } from "./container-directory.ts";
import { spawnInContainer, type Surroundings } from "./spawn-in-container.ts";
import type { Terminals } from "./terminal.ts";

/** Becomes the container's main process. `$1` is the container's directory, the rest the command. */
const MAIN = `
  { read -r __gantry </proc/$$/stat || __gantry=$$; } 2>/dev/null
  echo "$__gantry" >"$1/main"
  unset __gantry
  shift
  exec "$@"
`;

/**
 * `$1` is the container's directory, the rest the command. Facts behind the lines:
 * - the shell joins control groups before it has children, which the agent would be too slow for;
 * - both processes write their own identity, so there is no moment at which only the agent knows it;
 * - a trap that does nothing is reset in children, so the command gets every signal, and the shell
 *   survives those sent to the whole group;
 * - shell variables would change the command's environment: only positional parameters, and one
 *   that is unset again;
 * - with input, a shell in the background keeps the FIFO open until it is told not to; each of
 *   the two waits for the other to open it;
 * - in a terminal the main process is that of the command inside, which is not a child of this shell;
 * - the last line ends what the command left behind in its process group, the shell included.
 */
const wrapper = (runs: "command" | "terminal", hasInput: boolean): string => `
trap : HUP INT QUIT PIPE TERM USR1 USR2
exec 3>&1 4>&2 >/dev/null 2>&1
[ -e "$1/cgroups" ] && while read -r __gantry; do echo $$ >"$__gantry"; done <"$1/cgroups"
{ read -r __gantry </proc/$$/stat || __gantry=$$; } && echo "$__gantry" >"$1/wrapper"
unset __gantry
${hasInput ? KEEP_INPUT : ""}
/bin/sh -c '${runs === "command" ? MAIN : 'shift; exec "$@"'}' gantry "$@" >&3 2>&4 3>&- 4>&- ${hasInput ? '<"$1/stdin"' : ""}
echo $? >"$1/exit"
kill -KILL 0
`;

const KEEP_INPUT = `
mkfifo -m 600 "$1/stdin" "$1/stdin-end"
{ read -r __gantry <"$1/stdin-end"; } 7>"$1/stdin" 3>&- 4>&- &
`;

export interface LaunchPlan extends Surroundings {
  readonly directory: ContainerDirectory;
  /** Host path of the program, then its arguments. */
  readonly argv: readonly string[];
  readonly env: ReadonlyMap<string, string>;
  /** Open for appending: the process writes straight into files, so a stopped agent blocks nobody. */
  readonly stdoutFd: number;
  readonly stderrFd: number;
  /** Input comes from a FIFO in the directory. @default none */
  readonly stdin?: boolean;
  /** Runs in a terminal, which has input. @default none */
  readonly terminals?: Terminals | undefined;
}

/** The wrapper: leader of a session and process group of its own. */
export function launch(plan: LaunchPlan): ChildProcess {
  const { terminals, directory, stdin = false } = plan;
  const { command, env } = forShell(plan.argv, plan.env);
  const main = ["/bin/sh", "-c", MAIN, "gantry", directory.path, ...command];
  const inside = terminals?.wrap(main, env) ?? { command, env };
  const script = wrapper(terminals === undefined ? "command" : "terminal", stdin);
  const argv = ["/bin/sh", "-c", script, "gantry", directory.path, ...inside.command];
  return spawnInContainer(argv, inside.env, plan, [plan.stdoutFd, plan.stderrFd]);
}

/**
 * Kubernetes allows names like `db.password`, which a shell drops from its environment: `env` puts
 * them back. (They are visible in the process list for the moment until `env` becomes the program.)
 */
export function forShell(
  argv: readonly string[],
  env: ReadonlyMap<string, string>,
): { command: string[]; env: Record<string, string> } {
  const isIdentifier = (name: string): boolean => /^[A-Za-z_]\w*$/.test(name);
  const odd = [...env].filter(([name]) => !isIdentifier(name));
  const command =
    odd.length === 0
      ? [...argv]
      : ["/usr/bin/env", ...odd.map(([name, value]) => `${name}=${value}`), ...argv];
  return { command, env: Object.fromEntries([...env].filter(([name]) => isIdentifier(name))) };
}
