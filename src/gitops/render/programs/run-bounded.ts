/** Starts one program with bounded time and output, and gives back what it said. */
import { spawn } from "node:child_process";
import { abortedError } from "../../source/source-error.ts";
import { MAX_OUTPUT_BYTES, MAX_RUN_MS, MAX_STDERR_BYTES, type SandboxResult } from "./sandbox.ts";

export interface BoundedRun {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Record<string, string>;
  readonly cwd: string;
  readonly input: Uint8Array;
  readonly signal: AbortSignal;
  /** Whom it runs as. @default this process's user */
  readonly userId?: number | undefined;
  readonly limits?: Partial<RunLimits>;
}

export interface RunLimits {
  readonly timeMs: number;
  readonly outputBytes: number;
}

/** @throws SourceError `aborted`; the system's error when the program cannot be started */
export function runBounded(run: BoundedRun): Promise<SandboxResult> {
  const { timeMs = MAX_RUN_MS, outputBytes = MAX_OUTPUT_BYTES } = run.limits ?? {};
  const { promise, resolve, reject } = withResolvers<SandboxResult>();
  if (run.signal.aborted) return Promise.reject(abortedError(run.program, run.signal));
  const child = spawn(run.program, [...run.args], {
    cwd: run.cwd,
    env: run.env,
    ...(run.userId === undefined ? {} : { uid: run.userId, gid: run.userId }),
    stdio: ["pipe", "pipe", "pipe"],
    // A group of its own: whatever it starts ends with it.
    detached: true,
  });
  let stoppedBy: SandboxResult["stoppedBy"];
  const kill = (): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  };
  const stop = (why: NonNullable<SandboxResult["stoppedBy"]>): void => {
    stoppedBy ??= why;
    kill();
  };
  const timer = setTimeout(() => stop("time"), timeMs);
  run.signal.addEventListener("abort", kill, { once: true });
  const done = (): void => {
    clearTimeout(timer);
    run.signal.removeEventListener("abort", kill);
  };
  const stdout: Buffer[] = [];
  let stdoutBytes = 0;
  child.stdout.on("data", (piece: Buffer) => {
    stdoutBytes += piece.length;
    if (stdoutBytes > outputBytes) return stop("output");
    stdout.push(piece);
  });
  let stderr = Buffer.alloc(0);
  child.stderr.on("data", (piece: Buffer) => {
    stderr = Buffer.concat([stderr, piece]).subarray(-MAX_STDERR_BYTES);
  });
  // A program that ends without reading its input is told by its exit code.
  child.stdin.on("error", () => undefined);
  child.stdin.end(run.input);
  child.once("error", (error) => {
    done();
    reject(error);
  });
  child.once("close", (code) => {
    done();
    // The group's last members, should the leader have ended alone.
    kill();
    if (run.signal.aborted) return reject(abortedError(run.program, run.signal));
    const text = stderr.toString("utf8");
    stoppedBy ??= endedByMemory(code, text) ? "memory" : undefined;
    resolve({
      exitCode: code ?? undefined,
      stdout: Buffer.concat(stdout),
      stderr: text,
      ...(stoppedBy === undefined ? {} : { stoppedBy }),
    });
  });
  return promise;
}

/** How Go says that it could not get memory. */
function endedByMemory(code: number | null, stderr: string): boolean {
  return (
    code !== 0 && /out of memory|cannot allocate memory|failed to (?:create|reserve)/.test(stderr)
  );
}

function withResolvers<T>(): {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (reason: unknown) => void;
} {
  let resolve: (value: T) => void = () => undefined;
  let reject: (reason: unknown) => void = () => undefined;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
