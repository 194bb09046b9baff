/** Which processes of this machine belong to a data directory's pods. Linux only, from /proc. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** In ascending order: ids of processes whose working directory is below `directory`, the shells around programs included. */
export function processesBelow(directory: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => workingDirectory(pid)?.startsWith(`${directory}/`) === true && isRunning(pid))
    .map(Number)
    .sort((a, b) => a - b);
}

export function killProcessesBelow(directory: string): void {
  for (const pid of processesBelow(directory)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}

function workingDirectory(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    // Ended meanwhile, or not ours to look at.
    return undefined;
  }
}

/** A zombie is an exit code that nobody has read yet, not a running process. */
function isRunning(pid: string): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    // Ended meanwhile.
    return false;
  }
}
