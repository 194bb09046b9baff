/**
 * Files of the machine of which a pod sees versions of its own: `/etc/resolv.conf` and `/etc/hosts`.
 * Its processes get a mount namespace in which these are mounted over; it ends with the last of
 * them. Only root on Linux can make one, and not in every container, so it is tried first.
 */
import { execFile } from "node:child_process";
import { findSystemProgram } from "./system-program.ts";

export interface PrivateFile {
  /** The pod's own version. */
  readonly source: string;
  readonly target: string;
}

/** Absolute paths: nothing of the container's environment decides which program root runs. */
interface Programs {
  readonly unshare: string;
  readonly mount: string;
  readonly setpriv: string;
}

const PROBE_TIMEOUT_MS = 5_000;

/**
 * What is mounted later on the machine is seen inside, too (`slave`). A file that cannot be mounted
 * over is left as it is: the program may do without. `$1` is mount, then pairs, then `--`.
 */
const MOUNT_ALL = `
__mount=$1
shift
while [ "$1" != -- ]; do
  "$__mount" --bind "$1" "$2" >/dev/null 2>&1 </dev/null
  shift 2
done
shift
unset __mount
exec "$@"
`;
/** The environment comes as a script from the agent: no other user's variable reaches a program of root. */
const TAKE_ENVIRONMENT = 'eval "$(/bin/cat <&5)"; exec 5<&-; exec "$@"';

export class PrivateFiles {
  readonly #programs: Programs;

  private constructor(programs: Programs) {
    this.#programs = programs;
  }

  /** Undefined where this machine does not let us. */
  static async open(): Promise<PrivateFiles | undefined> {
    if (process.platform !== "linux" || process.getuid?.() !== 0) return undefined;
    const [unshare, mount, setpriv] = await Promise.all(
      ["unshare", "mount", "setpriv"].map(findSystemProgram),
    );
    if (unshare === undefined || mount === undefined || setpriv === undefined) return undefined;
    const files = new PrivateFiles({ unshare, mount, setpriv });
    return (await files.#works()) ? files : undefined;
  }

  /** The command that runs `command` with these files; as another user, when one is given. */
  wrap(
    files: readonly PrivateFile[],
    command: readonly string[],
    user: { readonly uid?: number; readonly gid?: number },
  ): string[] {
    const { unshare, mount, setpriv } = this.#programs;
    const pairs = files.flatMap(({ source, target }) => [source, target]);
    const { uid, gid } = user;
    const as = [
      setpriv,
      ...(uid === undefined ? [] : [`--reuid=${uid}`]),
      ...(gid === undefined ? [] : [`--regid=${gid}`]),
      "--clear-groups",
      ...shell(TAKE_ENVIRONMENT),
    ];
    return [
      unshare,
      "--mount",
      "--propagation",
      "slave",
      ...shell(MOUNT_ALL),
      mount,
      ...pairs,
      "--",
      ...(uid === undefined && gid === undefined ? [] : as),
      ...command,
    ];
  }

  #works(): Promise<boolean> {
    const target = "/etc/resolv.conf";
    const { unshare, mount } = this.#programs;
    const args = ["--mount", "--propagation", "slave", mount, "--bind", target, target];
    return new Promise((resolve) => {
      const options = { timeout: PROBE_TIMEOUT_MS, env: {} };
      execFile(unshare, args, options, (error) => resolve(error === null));
    });
  }
}

const shell = (script: string): string[] => ["/bin/sh", "-c", script, "gantry"];

/** A script that sets the environment of the shell that reads it. */
export function environmentScript(env: Readonly<Record<string, string>>): string {
  return Object.entries(env)
    .map(([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'\n`)
    .join("");
}
