/**
 * Linux: a program in namespaces of its own, as nobody, with a root directory that holds the
 * repository's files, the program and nothing else. No network, no processes but its own, nothing
 * writable, limits by the kernel. The files go through a pipe into memory: nothing decrypted touches
 * a disk, and all of it is gone when the program ends.
 */
import { release } from "node:os";
import { SourceError } from "../../source/source-error.ts";
import { runBounded } from "./run-bounded.ts";
import {
  MAX_INPUT_BYTES,
  MAX_MEMORY_BYTES,
  MAX_OPEN_FILES,
  MAX_RUN_MS,
  MAX_THREADS,
  programEnvironment,
  ROOT_MARK,
  type Sandbox,
  type SandboxResult,
  type SandboxRun,
} from "./sandbox.ts";
import { tarOf } from "./tar-of.ts";

/** Where the files are, inside. */
const INSIDE = "/repository";
/**
 * What the files are mounted over, in a mount namespace that nobody else sees: a directory that every
 * Linux has, and that neither the programs nor the script need.
 */
const MOUNT_POINT = "/sys";
/** The script's own failures, told from those of the program. */
const SETUP_FAILED = 125;
/** Since 5.14 the kernel counts processes for each user namespace apart. */
const COUNTS_PER_NAMESPACE = [5, 14] as const;

const NAMESPACES = ["--user", "--map-root-user", "--mount", "--net", "--pid", "--ipc", "--uts"];
const NOBODY = 65534;

/**
 * Runs in the new namespaces, as their root. `$1` is what to mount over, `$2` the program, `$3`
 * the directories with its libraries (or nothing), `$4` the limits; the rest are the arguments. All
 * of them are only ever used as quoted words.
 */
const SCRIPT = `
fail() { exit ${SETUP_FAILED}; }
root=$1 program=$2 libraries=$3 limits=$4; shift 4
mount -t tmpfs -o size=${MAX_INPUT_BYTES * 2},mode=0755,nosuid,nodev none "$root" || fail
mkdir "$root${INSIDE}" "$root/bin" || fail
tar -xof - -C "$root${INSIDE}" || fail
: >"$root/bin/program" || fail
mount --bind "$program" "$root/bin/program" || fail
mount -o remount,bind,ro,nosuid,nodev "$root/bin/program" || fail
for directory in $libraries; do
  [ -d "$directory" ] || continue
  mkdir -p "$root$directory" && mount --rbind "$directory" "$root$directory" || fail
  mount -o remount,bind,ro,nosuid,nodev "$root$directory" || fail
done
mount -o remount,bind,ro,nosuid,nodev,noexec "$root" || fail
exec prlimit $limits unshare --user --map-user=${NOBODY} --map-group=${NOBODY} --root="$root" --wd=${INSIDE} -- /bin/program "$@" </dev/null
`;

/** Whether all of this can be done here, and the program `$2` (if any) be reached. */
const PROBE = `
[ -z "$2" ] || [ -x "$2" ] || exit 1
mount -t tmpfs -o size=65536 none "$1" && command -v tar >/dev/null && exec prlimit ${limits().join(" ")} unshare --user --map-user=${NOBODY} --map-group=${NOBODY} true
`;

const LIBRARIES = "/lib /lib64 /usr/lib /usr/lib64 /usr/libexec";
const ADVICE =
  "Allow user namespaces and install util-linux (unshare, prlimit, mount) and tar, or start with --render-sandbox=best-effort, which isolates less.";

export class NamespaceSandbox implements Sandbox {
  readonly #path: string;
  /** By program: whether it can be run as nobody. */
  readonly #asNobody = new Map<string, boolean>();

  constructor(env: NodeJS.ProcessEnv) {
    this.#path = env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin";
  }

  async problem(signal: AbortSignal = new AbortController().signal): Promise<string | undefined> {
    const why = await this.#obstacle(signal);
    return why === undefined ? undefined : `${why}. ${ADVICE}`;
  }

  async #obstacle(signal: AbortSignal): Promise<string | undefined> {
    if (process.platform !== "linux")
      return "only Linux has the namespaces that the sandbox is made of";
    try {
      const result = await this.#unshare([PROBE, "gantry", MOUNT_POINT, ""], { signal });
      if (result.exitCode === 0) return undefined;
      const said = result.stderr.trim().split("\n", 1)[0] ?? "";
      return `the sandbox cannot be set up${said === "" ? "" : ` (${said})`}`;
    } catch (error) {
      if (error instanceof SourceError) throw error;
      const code = (error as NodeJS.ErrnoException).code;
      return code === "ENOENT" ? "there is no program unshare" : `unshare does not run (${code})`;
    }
  }

  async run({ program, args, files, signal, timeMs }: SandboxRun): Promise<SandboxResult> {
    const inside = [...program.prefix, ...args].map((arg) => arg.replaceAll(ROOT_MARK, INSIDE));
    const libraries = program.isDynamic ? LIBRARIES : "";
    const limitsText = limits().join(" ");
    let result: SandboxResult;
    try {
      result = await this.#unshare(
        [SCRIPT, "gantry", MOUNT_POINT, program.path, libraries, limitsText, ...inside],
        {
          input: await tarOf(files),
          signal,
          ...(timeMs === undefined ? {} : { timeMs }),
          userId: await this.#userFor(program.path, signal),
        },
      );
    } catch (error) {
      if (error instanceof SourceError) throw error;
      throw await this.#unavailable(signal, error);
    }
    const isOurs = result.stoppedBy === undefined && result.exitCode !== 0;
    if (isOurs && (result.exitCode === SETUP_FAILED || (await this.#isBroken(result, signal))))
      throw await this.#unavailable(signal, result.stderr);
    return { ...result, stderr: result.stderr.replaceAll(`${INSIDE}/`, "") };
  }

  /** `unshare` itself fails with 1, as do the programs: then the probe tells. */
  async #isBroken({ stderr }: SandboxResult, signal: AbortSignal): Promise<boolean> {
    return (
      /^(?:unshare|prlimit|mount|tar|mkdir|sh): /m.test(stderr) &&
      (await this.#obstacle(signal)) !== undefined
    );
  }

  async #unavailable(signal: AbortSignal, cause: unknown): Promise<SourceError> {
    const what = (await this.#obstacle(signal)) ?? "the sandbox could not be set up";
    return new SourceError("missing-program", { what, where: "rendering", advice: ADVICE, cause });
  }

  /**
   * The kernel counts no processes of root, not even of a root that is nobody in here: where this
   * runs as root, the program is started by nobody, if nobody may reach it.
   */
  async #userFor(program: string, signal: AbortSignal): Promise<number | undefined> {
    if (process.getuid?.() !== 0) return undefined;
    let works = this.#asNobody.get(program);
    if (works === undefined) {
      const probe = [PROBE, "gantry", MOUNT_POINT, program];
      works = (await this.#unshare(probe, { signal, userId: NOBODY })).exitCode === 0;
      this.#asNobody.set(program, works);
    }
    return works ? NOBODY : undefined;
  }

  #unshare(
    [script = "", ...args]: readonly string[],
    run: {
      readonly input?: Uint8Array;
      readonly signal: AbortSignal;
      readonly timeMs?: number;
      readonly userId?: number | undefined;
    },
  ): Promise<SandboxResult> {
    const { input = new Uint8Array(), signal, timeMs = MAX_RUN_MS, userId } = run;
    return runBounded({
      program: "unshare",
      args: [...NAMESPACES, "--fork", "--kill-child", "--", "sh", "-c", script, ...args],
      env: { ...programEnvironment("/tmp"), PATH: this.#path },
      cwd: "/",
      input,
      signal,
      userId,
      limits: { timeMs },
    });
  }
}

function limits(): string[] {
  const [major = 0, minor = 0] = release().split(".").map(Number);
  const [sinceMajor, sinceMinor] = COUNTS_PER_NAMESPACE;
  const counts = major > sinceMajor || (major === sinceMajor && minor >= sinceMinor);
  return [
    `--cpu=${MAX_RUN_MS / 1000}`,
    `--data=${MAX_MEMORY_BYTES}`,
    "--fsize=0",
    "--core=0",
    `--nofile=${MAX_OPEN_FILES}`,
    ...(counts ? [`--nproc=${MAX_THREADS}`] : []),
  ];
}
