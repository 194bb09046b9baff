/** Runs one more process in the surroundings of a container: probes, hooks, `kubectl exec`. */
import { constants } from "node:os";
import type { ExecResult } from "../runtime.ts";
import { forShell } from "./launch.ts";
import { signal } from "./process-identity.ts";
import { spawnInContainer, type Surroundings } from "./spawn-in-container.ts";

export interface ExecPlan extends Surroundings {
  readonly argv: readonly [string, ...string[]];
  readonly env: ReadonlyMap<string, string>;
  readonly timeoutMs: number;
  /** Output beyond is read and dropped, so that the process does not block. */
  readonly maxOutputBytes: number;
}

/** A process left in the background may keep the output open for ever: what came until then counts. */
const LEFT_OPEN_MS = 100;

/** The command did not end in time and was killed. */
export class ExecTimeoutError extends Error {
  override readonly name = "ExecTimeoutError";
}

export function execInContainer(plan: ExecPlan): Promise<ExecResult> {
  return new Promise((resolve, reject) => {
    const [program] = plan.argv;
    // A shell is in between where the container has files of its own.
    const { command, env } =
      plan.files === undefined
        ? { command: plan.argv, env: Object.fromEntries(plan.env) }
        : forShell(plan.argv, plan.env);
    const child = spawnInContainer(command, env, plan, ["pipe", "pipe"]);
    const chunks: Buffer[] = [];
    let room = plan.maxOutputBytes;
    const collect = (chunk: Buffer): void => {
      if (room <= 0) return;
      chunks.push(chunk.subarray(0, room));
      room -= chunk.length;
    };
    child.stdout?.on("data", collect);
    child.stderr?.on("data", collect);
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      if (child.pid !== undefined) signal(-child.pid, "SIGKILL");
    }, plan.timeoutMs);
    child.once("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once("exit", (code, killedBy) => {
      clearTimeout(timer);
      const end = (): void => {
        clearTimeout(leftOpen);
        child.stdout?.destroy();
        child.stderr?.destroy();
        if (timedOut) {
          const seconds = plan.timeoutMs / 1000;
          reject(new ExecTimeoutError(`command "${program}" timed out after ${seconds}s`));
        } else resolve({ exitCode: exitCodeOf(code, killedBy), output: Buffer.concat(chunks) });
      };
      const leftOpen = setTimeout(end, LEFT_OPEN_MS);
      child.once("close", end);
    });
  });
}

function exitCodeOf(code: number | null, killedBy: NodeJS.Signals | null): number {
  if (code !== null) return code;
  return 128 + (killedBy === null ? 0 : constants.signals[killedBy]);
}
