/** Runs Debian's `wrk` and reads what it found. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface Load {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers other than 2xx and 3xx, and broken connections. */
  readonly failed: number;
}

export async function wrk(
  url: string,
  { connections, seconds }: { connections: number; seconds: number },
): Promise<Load> {
  const args = ["-t1", `-c${connections}`, `-d${seconds}s`, "--latency", url];
  const { stdout } = await run("wrk", args, { encoding: "utf8" });
  const latency = (percent: number): number => {
    const [, value = "", unit = ""] =
      new RegExp(`${percent}%\\s+([\\d.]+)(us|ms|s)`).exec(stdout) ?? [];
    return Number((Number(value) * ({ us: 0.001, ms: 1, s: 1_000 }[unit] ?? 1)).toFixed(3));
  };
  const sum = (pattern: RegExp): number =>
    (pattern.exec(stdout)?.slice(1) ?? []).reduce((total, text) => total + Number(text), 0);
  return {
    requestsPerSecond: Math.round(sum(/Requests\/sec:\s+([\d.]+)/)),
    p50Ms: latency(50),
    p99Ms: latency(99),
    failed:
      sum(/Non-2xx or 3xx responses: (\d+)/) +
      sum(/Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/),
  };
}

export async function isInstalled(program: string): Promise<boolean> {
  try {
    await run(program, ["-v"]);
    return true;
  } catch (error) {
    // `wrk -v` says its version and ends with 1.
    return (error as NodeJS.ErrnoException).code !== "ENOENT";
  }
}
